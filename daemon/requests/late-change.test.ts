// The log changes in the moment in which values are opened: after the quorum, before the receipt (models/request.pml OPENING).
import { expect, test } from 'bun:test';
import { type Live, detailOf, startLive, until } from '../../testing/live-daemon.ts';
import type { World } from '../../testing/world.ts';

/** The platform's decryption of that ciphertext waits until `act` is done. */
async function whileOpening(sealed: Uint8Array, act: () => Promise<void>): Promise<Disposable> {
  const { subtle } = crypto;
  const decrypt = subtle.decrypt.bind(subtle);
  subtle.decrypt = async (how, key, data) => {
    if (data.byteLength === sealed.length && Buffer.compare(Buffer.from(data as Uint8Array), sealed) === 0) await act();
    return decrypt(how, key, data);
  };
  return { [Symbol.dispose]: () => void Reflect.deleteProperty(subtle, 'decrypt') };
}

async function twoOfThree(): Promise<Live> {
  const live = await startLive({ members: ['ben', 'eve'] });
  await live.change(async (world) => {
    const members = ['ada', 'ben', 'eve'].map((name) => world.member(name).id);
    await world.append('policy.set', world.policy({ pattern: 'two/**', clauses: [{ k: 2, members, groups: [] }] }));
    await world.put('two/secret', 'both');
  });
  return live;
}

const changes: readonly (readonly [what: string, code: string, act: (world: World) => Promise<unknown>])[] = [
  [
    'an approver’s device is revoked, and the others would suffice',
    'E_QUORUM',
    (world) => world.append('device.revoke', { device: world.device('ben').id, exposed: [] }),
  ],
  ['the organisation is frozen', 'E_FROZEN', (world) => world.append('org.freeze', { reason: 'now' })],
];

test.each(changes)('#68 %s while the values are opened: nothing is released (%s)', async (_, code, act) => {
  await using live = await twoOfThree();
  const sealed = live.world.blob(live.world.secret('two/secret').put.body);
  let times = 0;
  using _opening = await whileOpening(sealed, async () => {
    times++;
    await live.change(act);
  });
  const asked = live.daemon.release('two/secret');
  await live.approve(asked);
  await live.approve(asked, 'ben');
  expect(detailOf(await asked.end)).toBe(code);
  expect(times).toBe(1);
  const receipts = async () => (await live.org.receipts(live.daemon.machine)).map(({ receipt }) => receipt.outcome);
  await until(async () => (await receipts()).length > 0, 'its end has a receipt');
  expect(await receipts()).toEqual(['failed']);
});
