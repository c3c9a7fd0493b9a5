// A log that has grown long in a console: checkpoints beside a gesture, and the state that the browser keeps for its next start (spec/05-org-log.md §checkpoint, §snapshot).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { GroupId } from '../../protocol/hash.ts';
import { pinOf } from '../../protocol/org-log/pin.ts';
import { stateHash } from '../../protocol/org-log/state-hash.ts';
import { openAhead } from '../../relay-client/ahead.ts';
import { newId } from '../../relay-client/org-log.ts';
import { codeOf } from '../../testing/code-of.ts';
import { type SoftPerson, type SoftWorld, softWorld } from '../../testing/soft-org.ts';
import { found } from '../../testing/world.ts';
import { type Plan, appendSigned } from './entries.ts';
import { type Session, openSession } from './session.ts';
import { decodeDevice, deviceRecord } from './stored-device.ts';

let world: SoftWorld;
let ada: SoftPerson;
let session: Session;
const group = newId<GroupId>((length) => crypto.getRandomValues(new Uint8Array(length)));
const rename = (name: string): Plan => ({ draft: { type: 'group.set', body: { group, name, members: [] } } });

async function open(progress?: (done: number, of: number) => void): Promise<Session> {
  const stored = await ada.platform.storage.load();
  if (stored.kind !== 'held') throw new Error('the browser lost its device');
  const me = decodeDevice(found((await ada.platform.storage.read(deviceRecord)).get(deviceRecord), 'the device'));
  return openSession(ada.platform, stored.keys, me, progress);
}
let sent = 0;
/** Until so many blobs are at the relay: nothing of that waits for the clock. */
async function settled(blobs: number): Promise<void> {
  for (let i = 0; i < 500 && sent < blobs; i++) await Bun.sleep(5);
  await Bun.sleep(5); // for what follows the last answer
}

beforeAll(async () => {
  world = await softWorld();
  ada = await world.founder();
  ada.app.close();
  ada.platform.wire = async (url, _init, pass) => {
    const answer = await pass();
    if (url.endsWith('/v1/blobs')) sent++;
    return answer;
  };
  session = await open();
  await session.log.sync();
  await appendSigned(session, () => Array.from({ length: 998 }, (_, at) => rename(`round ${at}`)));
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

describe('INV-CHECKPOINT-BESIDE a checkpoint comes beside what a person signs anyway', () => {
  test('not before it is due', async () => {
    const before = ada.platform.authenticator.gestures;
    const state = await appendSigned(session, () => rename('early'));
    expect([state.head.seq, state.checkpoint, sent, ada.platform.authenticator.gestures - before]).toEqual([999, 0, 0, 1]);
  });

  test('due: the pieces are left behind this gesture, and the next one, still one, has the checkpoint', async () => {
    const due = await appendSigned(session, () => rename('due'));
    expect([due.head.seq, due.checkpoint]).toEqual([1_000, 0]);
    await settled(1);
    expect(sent).toBe(1);
    const before = ada.platform.authenticator.gestures;
    const state = await appendSigned(session, () => rename('with it'));
    expect([state.head.seq, state.checkpoint, ada.platform.authenticator.gestures - before]).toEqual([1_002, 1_002, 1]);
    expect(sent).toBe(3); // what changed since, and the index
  });

  test('who comes then sees all of it ahead', async () => {
    const state = session.log.requireState();
    const { client, platform } = session;
    const deps = { org: state.org, client, now: platform.now, random: platform.random, openMkWrap: () => Promise.reject<Uint8Array>(new Error('one epoch')) };
    const ahead = await openAhead(deps, { epoch: 0, mk: found(session.log.keys.get(0), 'key') }, pinOf(state));
    expect(ahead?.state && stateHash(ahead.state)).toBe(stateHash(state));
  });

  test('a relay that takes no pieces stands in nobody’s way', async () => {
    const far = { ...session, client: { ...session.client, putBlobs: () => Promise.reject(new Error('no room')) } };
    const state = await appendSigned(far, () => Array.from({ length: 1_000 }, (_, at) => rename(`again ${at}`)));
    expect([state.head.seq, state.checkpoint]).toEqual([2_002, 1_002]);
    const next = await appendSigned(far, () => rename('still'));
    expect([next.head.seq, next.checkpoint]).toEqual([2_003, 1_002]);
  }, 60_000);
});

describe('INV-SNAPSHOT-OWN the state that a browser keeps', () => {
  const starts = async (): Promise<readonly (readonly [number, number])[]> => {
    const seen: (readonly [number, number])[] = [];
    const again = await open((done, of) => seen.push([done, of]));
    expect(stateHash(again.log.requireState())).toBe(stateHash(session.log.requireState()));
    return seen;
  };
  const name = 'log-state';

  test('spares the next start what it has verified, and lies there sealed', async () => {
    for (let i = 0; i < 1_000 && !ada.platform.backend.records.has(name); i++) await Bun.sleep(5); // behind everything else
    await appendSigned(session, () => rename('after the snapshot'));
    expect(await starts()).toEqual([[2_005, 2_005]]);
    const kept = Buffer.from(found(ada.platform.backend.records.get(name), 'the state')).toString('latin1');
    for (const word of ['Analytical', 'round', 'ada']) expect(kept).not.toContain(word);
    ada.platform.backend.isFull = true; // from now on nothing is kept anew behind these tests
  });

  test.each<[string, () => Uint8Array]>([
    ['doctored', () => found(ada.platform.backend.records.get(name), 'the state').map((byte, at) => (at === 40 ? byte ^ 1 : byte))],
    ['cut off', () => found(ada.platform.backend.records.get(name), 'the state').slice(0, -1)],
    ['another record of this browser in its place', () => found(ada.platform.backend.records.get('log-mark'), 'the mark')],
  ])('INV-SNAPSHOT-REFUSED %s: everything is verified', async (_, make) => {
    const before = found(ada.platform.backend.records.get(name), 'the state');
    ada.platform.backend.records.set(name, make());
    expect((await starts()).length).toBeGreaterThan(3);
    ada.platform.backend.records.set(name, before);
  });

  test('INV-SNAPSHOT-ROLLBACK entries that end before it: this browser has seen more', async () => {
    const { records } = ada.platform.backend;
    const [mark, state] = [found(records.get('log-mark'), 'the mark'), found(records.get(name), 'the state')];
    const gone = [...records].filter(([entry]) => entry >= 'log/0000001900' && entry < 'log0');
    for (const [entry] of gone) records.delete(entry);
    expect(await codeOf(open())).toBe('E_LOG_ROLLBACK');
    for (const [entry, bytes] of gone) records.set(entry, bytes);
    records.set('log-mark', mark);
    records.set(name, state);
  });
});
