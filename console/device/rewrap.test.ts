// A further device gets its shares: all at once, two passkeys, to be stopped and gone on with (spec/07-custody.md §rewrap).
import { expect, test } from 'bun:test';
import { decode, encode } from '../../protocol/codec.ts';
import type { Hash } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { blobNamesCodec, blobsCodec, paths } from '../../protocol/wire.ts';
import { type SoftPerson, type SoftWorld, softWorld, value } from '../../testing/soft-org.ts';

const code = (expected: string): object => ({ failure: { code: expected } });

async function founded(count: number): Promise<{ world: SoftWorld; ada: SoftPerson; tablet: SoftPerson } & AsyncDisposable> {
  const world = await softWorld();
  const ada = await world.founder();
  await world.machine(ada);
  for (let at = 0; at < count; at++) await ada.app.putSecret({ path: `prod/s${at}`, value: value(`v${at}`), description: '' });
  const invite = await ada.app.invite({ ownDevice: true });
  const tablet = world.browser();
  const theirs = await tablet.app.joinByInvite(invite.link ?? '', 'ada’s tablet');
  await Promise.all([invite.confirm(), theirs.confirm()]);
  return { world, ada, tablet, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}
const waiting = ({ app }: SoftPerson): number => app.org()?.secrets.filter(({ sharable }) => sharable.length > 0).length ?? -1;

test('INV-CUSTODY-UPKEEP 70 secrets: two passkeys, each secret once, and the new device reads none that it was not given', async () => {
  await using at = await founded(70);
  expect([waiting(at.ada), waiting(at.tablet)]).toEqual([70, 0]);
  const seen: string[] = [];
  const [gestures, head] = [at.ada.platform.authenticator.gestures, at.ada.app.org()?.head ?? 0];
  const shared = await at.ada.app.shareSecrets({ progress: (done, of) => seen.push(`${done}/${of}`), ready: async () => void seen.push('ready') });
  expect([shared, at.ada.platform.authenticator.gestures - gestures, (at.ada.app.org()?.head ?? 0) - head]).toEqual([70, 2, 2]);
  expect([seen[0], seen[69], seen[70], ...seen.slice(71)]).toEqual(['1/70', '70/70', 'ready', '64/70', '70/70']);
  expect(waiting(at.ada)).toBe(0);
  await expect(at.ada.app.shareSecrets({})).rejects.toMatchObject(code('E_RECIPIENTS'));
}, 20_000);

test('stopped before the second passkey nothing is given; stopped between two entries the rest follows later', async () => {
  await using at = await founded(66);
  const first = new AbortController();
  await expect(at.ada.app.shareSecrets({ signal: first.signal, progress: (done) => done === 3 && first.abort() })).rejects.toMatchObject(code('E_CANCELLED'));
  expect(waiting(at.ada)).toBe(66);
  const second = new AbortController();
  let signing = false;
  const stopped = at.ada.app.shareSecrets({ signal: second.signal, ready: async () => void (signing = true), progress: () => signing && second.abort() });
  await expect(stopped).rejects.toMatchObject(code('E_CANCELLED'));
  expect(waiting(at.ada)).toBe(2);
  expect(await at.ada.app.shareSecrets({})).toBe(2);
  expect(waiting(at.ada)).toBe(0);
}, 20_000);

test('a secret that was renewed while keys were made is left out: its new version has them', async () => {
  await using at = await founded(3);
  const renew = async (): Promise<void> => at.tablet.app.putSecret({ path: 'prod/s1', value: value('new'), description: '' });
  expect(await at.ada.app.shareSecrets({ ready: renew })).toBe(2);
  expect(waiting(at.ada)).toBe(0);
  expect(at.ada.app.org()?.secrets.map(({ version, exposed }) => [version, exposed])).toEqual([
    [1, undefined],
    [2, undefined],
    [1, undefined],
  ]);
});

test('a part that the relay has lost does not keep the others waiting, and is told when it is all that is left', async () => {
  await using at = await founded(5);
  let lost: Hash | undefined;
  at.ada.platform.wire = async (url, init, pass) => {
    const asked = url.endsWith(paths.blobsGet) ? decode(blobNamesCodec, init.body ?? new Uint8Array(0), limits.wireBytes).hashes : [];
    lost ??= asked[2];
    if (lost === undefined || !asked.includes(lost)) return pass();
    const answer = await pass();
    const { blobs } = decode(blobsCodec, new Uint8Array(await answer.arrayBuffer()), limits.wireBytes);
    const left = encode(blobsCodec, { blobs: blobs.map((blob, index) => (asked[index] === lost ? new Uint8Array(0) : blob)) });
    return { status: answer.status, arrayBuffer: async () => new Uint8Array(left).buffer };
  };
  expect(await at.ada.app.shareSecrets({})).toBe(4);
  expect(waiting(at.ada)).toBe(1);
  await expect(at.ada.app.shareSecrets({})).rejects.toMatchObject(code('E_WRAP_MIX'));
});

test('INV-CUSTODY-EXPOSED a device that is revoked exposes what it had, until each is renewed', async () => {
  await using at = await founded(2);
  await at.ada.app.shareSecrets({});
  const tablet = at.ada.app.org()?.members[0]?.devices.find(({ me }) => !me);
  if (tablet) await at.ada.app.revokeDevice(tablet.id);
  const exposed = (): readonly (readonly string[] | undefined)[] => at.ada.app.org()?.secrets.map((secret) => secret.exposed?.to) ?? [];
  expect(exposed()).toEqual([['ada’s tablet of ada'], ['ada’s tablet of ada']]);
  await at.ada.app.putSecret({ path: 'prod/s0', value: value('new'), description: '' });
  expect(exposed()).toEqual([undefined, ['ada’s tablet of ada']]);
});
