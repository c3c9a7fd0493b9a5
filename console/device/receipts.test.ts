// What the past is worth: receipts with a gap, without proof, missing; a relay that goes back.
import { expect, test } from 'bun:test';
import { receiptStream, sealRecord } from '../../protocol/org-log/record.ts';
import { decode, encode, streamPageCodec } from '../../protocol/wire.ts';
import type { Hash } from '../../protocol/hash.ts';
import type { SoftMachine } from '../../testing/soft-machine.ts';
import { type SoftPerson, type SoftWorld, softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

async function ready(world: SoftWorld): Promise<{ readonly ada: SoftPerson; readonly laptop: SoftMachine }> {
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  return { ada, laptop };
}
const alertOf = (person: SoftPerson): Promise<string> =>
  until(person.app, () => person.app.org()?.history.find(({ kind }) => kind === 'alert')?.what, 'an alert');

test('an approval that no receipt follows is an alert one minute after it expired, once', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const { request } = await laptop.ask(['prod/db']);
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  await ada.app.approve(request.requestId, card.lease, undefined, () => undefined);
  world.clock.advance(185_000);
  world.clock.advance(60_000);
  expect(await alertOf(ada)).toContain('no receipt');
  const again = world.reload(ada);
  await until(again.app, () => again.app.org(), 'the org');
  world.clock.advance(60_000);
  expect(again.app.org()?.history.filter(({ kind }) => kind === 'alert')).toHaveLength(1);
});

test('a receipt that is missing in the chain is an alert', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const asked = await laptop.ask(['prod/db']);
  await laptop.receipt(asked, 'withdrawn');
  await until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => outcome?.kind === 'withdrawn'), 'the first receipt');
  await laptop.receipt(asked, 'failed', { letters: false, stream: false });
  await laptop.receipt(asked, 'failed', { stream: false });
  expect(await alertOf(ada)).toContain('E_AUDIT_GAP');
});

test('letters that were lost are read from the machine’s stream', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const first = await laptop.ask(['prod/db']);
  ada.app.close();
  await laptop.receipt(first, 'expired', { letters: false });
  await laptop.receipt(first, 'failed', { letters: false, note: 'E_EXE_HASH' });
  const again = world.reload(ada);
  await until(again.app, () => again.app.org()?.history.find(({ kind }) => kind === 'failed'), 'the receipts');
  expect(again.app.org()?.history.filter(({ kind }) => kind === 'expired' || kind === 'alert')).toMatchObject([
    { kind: 'expired', what: 'prod/db', machine: 'laptop' },
  ]);
});

test('records that others left in a machine’s stream, as many as a page holds, do not hide the receipts behind them', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const asked = await laptop.ask(['prod/db']);
  ada.app.close();
  const signed = await laptop.receipt(asked, 'expired', { letters: false, stream: false });
  const { org, keys } = { org: laptop.client.org, keys: laptop.log.keys };
  const place = { org, stream: receiptStream(org, laptop.id) };
  const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
  // Under a key that nobody has: it never comes.
  const garbage = await sealRecord(place, 77, new Uint8Array(32), new Uint8Array(1), random);
  const real = await sealRecord(place, 0, keys.get(0) ?? new Uint8Array(0), signed, random);
  let prev = '0'.repeat(64) as Hash; // before the first record
  for (const [seq, blob] of [...Array.from({ length: 210 }, () => garbage), real].entries()) {
    const eh = seq.toString(16).padStart(64, 'a') as Hash; // any name will do
    await laptop.client.append({ stream: place.stream, seq, prev, eh, blob });
    prev = eh;
  }
  const again = world.reload(ada);
  await until(again.app, () => again.app.org()?.history.find(({ kind }) => kind === 'expired'), 'the receipt');
  expect(again.app.org()?.notice).toBeUndefined();
});

test('a release that no approval proves is shown as one without proof', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const asked = await laptop.ask(['prod/db']);
  await laptop.receipt(asked, 'released');
  const row = await until(ada.app, () => ada.app.org()?.history.find(({ kind }) => kind === 'release'), 'the row');
  expect(row).toMatchObject({ proof: 'missing', codes: ['E_NO_APPROVAL'], who: [] });
  expect(await alertOf(ada)).toContain('E_NO_APPROVAL: receipt 0');
});

test('a program that was released before is no longer new; another binary at its path is', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const observed = (digit: string): object => ({
    observed: {
      uid: 1,
      pid: 2,
      startedAt: 3,
      exe: '/usr/bin/psql',
      exeHash: digit.repeat(64) as Hash,
      argv: [],
      ancestors: [],
      namespaces: 'same',
      terminal: 'tty',
      identity: 'pidfd',
      anchor: 0,
    },
  });
  const asked = await laptop.ask(['prod/db'], { changes: observed('a') });
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  expect(card.unusual).toEqual(['first time for this program', 'first time for this machine', 'first time for this secret']);
  await ada.app.approve(card.requestId, card.lease, undefined, () => undefined);
  await laptop.receipt(asked, 'released', { evidence: (await laptop.answers(asked)).map(({ evidence }) => evidence) });
  await until(ada.app, () => ada.app.org()?.history.find(({ kind }) => kind === 'release'), 'the receipt');
  const again = await laptop.ask(['prod/db'], { changes: observed('a') });
  expect((await until(ada.app, () => ada.app.org()?.inbox.find(({ requestId }) => requestId === again.request.requestId), 'the card')).unusual).toEqual([]);
  const replaced = await laptop.ask(['prod/db'], { changes: observed('b') });
  expect((await until(ada.app, () => ada.app.org()?.inbox.find(({ requestId }) => requestId === replaced.request.requestId), 'the card')).unusual).toEqual([
    'new binary at this path',
  ]);
});

test('a relay that shows an older log stops the device', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  await ada.app.freeze('test');
  ada.platform.wire = async (url, _init, pass) => {
    if (!url.endsWith('/v1/read')) return pass();
    const page = decode(streamPageCodec, new Uint8Array(await (await pass()).arrayBuffer()), 1_000_000);
    return new Response(new Uint8Array(encode(streamPageCodec, { head: { ...page.head, seq: 0 }, records: [] })));
  };
  // A read that was under way may still bring the truth.
  for (let tries = 0; tries < 5 && ada.app.phase().kind === 'ready'; tries++) await ada.app.freeze('again').catch(() => undefined);
  expect(ada.app.phase()).toMatchObject({ kind: 'halted', code: 'E_LOG_ROLLBACK' });
  await expect(ada.app.freeze('again')).rejects.toMatchObject({ failure: { code: 'E_NOT_READY' } });
});

test('the relay is away: the device says so, keeps what it has, and comes back', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  ada.platform.wire = () => Promise.reject(new Error('no route'));
  ada.platform.comeBack();
  await until(ada.app, () => (ada.app.org()?.notice?.code === 'E_RELAY_AWAY' ? true : undefined), 'the notice');
  const offline = world.reload(ada);
  offline.platform.wire = () => Promise.reject(new Error('no route'));
  await until(offline.app, () => offline.app.org()?.secrets[0], 'the stored org');
  expect(offline.app.org()).toMatchObject({ online: false });
  await laptop.ask(['prod/db']);
  offline.platform.wire = undefined;
  world.clock.advance(5_000);
  world.clock.advance(5_000);
  await until(offline.app, () => offline.app.org()?.inbox[0], 'the card');
  expect(offline.app.org()).toMatchObject({ online: true });
});

test('a machine is enrolled beside the console with the token handed over directly', async () => {
  await using world = await softWorld();
  const tokens: unknown[] = [];
  let state = 'not_enrolled';
  const ada = world.browser({
    setupSecret: 's'.repeat(32),
    local: (url, init) => {
      expect(init.headers['x-stillvault-setup']).toBe('s'.repeat(32));
      if (url.endsWith('/local/status')) return Promise.resolve(Response.json({ state }));
      tokens.push(JSON.parse(new TextDecoder().decode(init.body)));
      state = 'awaiting_admission';
      return Promise.resolve(Response.json({ words: 'one two three four five', machine: { id: 'm1', name: 'here' } }));
    },
  });
  await ada.app.createOrg({ orgName: 'Here', memberName: 'ada', deviceName: 'laptop' }, () => undefined);
  expect(ada.app.canEnrolHere()).toBe(true);
  const { token, here, command } = await ada.app.enrolMachine({ here: true });
  expect(tokens).toEqual([{ token }]);
  expect(here).toEqual({ machine: 'm1', words: 'one two three four five' });
  expect(command).toBe(`stillvault join ${token}`);
  expect(ada.app.canEnrolHere()).toBe(false);
});

test('words that are not those of the machine admit nobody', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  const gestures = ada.platform.authenticator.gestures;
  await expect(ada.app.admitMachine(laptop.id, 'abandon ability able about above')).rejects.toMatchObject({ failure: { code: 'E_SAS' } });
  expect(ada.platform.authenticator.gestures).toBe(gestures);
});
