// Entries as the relay sees them: opaque, bound to their stream, openable with the key of their epoch (spec/05-org-log.md §records; rows 28, 32).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../../testing/code-of.ts';
import { World, found } from '../../testing/world.ts';
import { type OrgId, hash } from '../hash.ts';
import { limits } from '../limits.ts';
import type { StreamId } from '../wire.ts';
import {
  type RecordPlace,
  mkCommitment,
  openMkWrap,
  openPreviousKey,
  openRecord,
  orgStream,
  parseRecord,
  receiptStream,
  sealMkWraps,
  sealRecord,
} from './record.ts';

const world = new World('record');
await world.genesis();
await world.addMember('ben');
await world.addMachine('laptop');
const { org } = world.state;
const place: RecordPlace = { org, stream: orgStream(org) };
const [mk, next] = [world.random(32), world.random(32)];
const entry = found(world.entries[0], 'genesis').bytes;
const blob = await sealRecord(place, 3, mk, entry, world.random);

describe('INV-RECORD-SEALED', () => {
  test('opens with the key of its epoch, in its stream', async () => {
    expect(await openRecord(place, new Map([[3, mk]]), blob)).toEqual(entry);
    expect(parseRecord(blob).epoch).toBe(3);
  });
  const wrong: readonly (readonly [what: string, open: () => Promise<Uint8Array>, code: string])[] = [
    ['no key of the epoch', () => openRecord(place, new Map([[2, mk]]), blob), 'E_MK_EPOCH'],
    ['another key', () => openRecord(place, new Map([[3, next]]), blob), 'E_RELAY_GARBAGE'],
    ['another stream', () => openRecord({ org, stream: receiptStream(org, 'x') }, new Map([[3, mk]]), blob), 'E_RELAY_GARBAGE'],
    ['another org', () => openRecord({ ...place, org: 'ab'.repeat(32) as OrgId }, new Map([[3, mk]]), blob), 'E_RELAY_GARBAGE'],
    [
      'changed',
      () =>
        openRecord(
          place,
          new Map([[3, mk]]),
          blob.map((byte, at) => (at === 60 ? byte ^ 1 : byte)),
        ),
      'E_RELAY_GARBAGE',
    ],
    ['too large', () => openRecord(place, new Map([[3, mk]]), new Uint8Array(limits.recordBytes + 1)), 'E_RELAY_GARBAGE'],
  ];
  test.each(wrong)('%s', async (_what, open, code) => expect(await codeOf(open)).toBe(code));
  test('any bytes are refused with a code', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (raw) =>
        expect(await codeOf(openRecord(place, new Map([[0, mk]]), new Uint8Array(raw)))).toMatch(/^E_(?:RELAY_GARBAGE|MK_EPOCH)$/),
      ),
      { numRuns: 300 },
    );
  });
  test('the largest entry fits in a record', async () =>
    expect((await sealRecord(place, 0, mk, new Uint8Array(limits.entryBytes), world.random)).length).toBeLessThanOrEqual(limits.recordBytes));
  test('row 28: no name, no type and no id shows in it', () => {
    for (const plain of ['ada', 'Analytical', 'vnd.stillvault', 'console.example']) expect(Buffer.from(blob).includes(plain)).toBe(false);
  });
});

describe('INV-RECORD-EPOCH', () => {
  test('the first record of an epoch gives the key before it to whoever holds the new one', async () => {
    const first = await sealRecord(place, 1, next, entry, world.random, { wraps: hash('blob', ['x']), previous: mk });
    expect(await openPreviousKey(org, 1, next, first)).toEqual(mk);
    expect(await codeOf(openPreviousKey(org, 1, mk, first))).toBe('E_OPEN');
    expect(await codeOf(openPreviousKey(org, 2, next, first))).toBe('E_OPEN');
    expect(await codeOf(openPreviousKey(org, 3, mk, blob))).toBe('E_RELAY_GARBAGE');
  });
  test('every active device and machine has a wrap, nobody else', async () => {
    const ben = world.device('ben');
    const laptop = world.machine('laptop');
    const wraps = await sealMkWraps(world.state, 1, next);
    expect(await openMkWrap(org, 1, ben.id, ben.inbox, wraps)).toEqual(next);
    expect(await openMkWrap(org, 1, laptop.id, laptop.kem, wraps)).toEqual(next);
    expect(await codeOf(openMkWrap(org, 2, ben.id, ben.inbox, wraps))).toBe('E_OPEN');
    expect(await codeOf(openMkWrap(org, 1, ben.id, laptop.kem, wraps))).toBe('E_OPEN');
    const at = new World('record');
    await at.genesis();
    await at.addMember('ben');
    await at.append('member.remove', { member: at.member('ben').id, exposed: [] });
    expect(await codeOf(openMkWrap(at.state.org, 1, at.device('ben').id, at.device('ben').inbox, await sealMkWraps(at.state, 1, next)))).toBe('E_REVOKED');
  });
  test('a key’s commitment names it', () => expect(mkCommitment(mk)).not.toBe(mkCommitment(next)));
});

test('streams of an org differ from each other and from those of other orgs', () => {
  const all: readonly StreamId[] = [
    orgStream(org),
    orgStream('ab'.repeat(32) as OrgId),
    receiptStream(org, 'a'),
    receiptStream(org, 'b'),
    receiptStream('ab'.repeat(32) as OrgId, 'a'),
  ];
  expect(new Set(all).size).toBe(all.length);
});
