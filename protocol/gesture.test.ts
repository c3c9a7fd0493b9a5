// One gesture for many entries: the tree, and what cannot ride on it (spec/03-envelopes.md §gestures).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { enrolmentOf, makeMachine } from '../testing/world-people.ts';
import { World } from '../testing/world.ts';
import { challengeFrom, gestureOver } from './gesture.ts';
import { type Hash, hash } from './hash.ts';
import { limits } from './limits.ts';
import { type Entry, encodeEntry, entryHash } from './org-log/entry.ts';
import { parseEnvelope, signEnvelope } from './sign.ts';

const leaves = (count: number): Hash[] => Array.from({ length: count }, (_, at) => hash('entry', [at]));

describe('INV-GESTURE-TREE', () => {
  test('a single thing is its own challenge', () => {
    const [leaf] = leaves(1);
    expect(gestureOver([leaf!])).toEqual({ challenge: leaf!, paths: [[]] });
  });
  test('every thing leads to the challenge by its own path, and by no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (count, a, b) => {
        const all = leaves(count);
        const { challenge, paths } = gestureOver(all);
        all.forEach((leaf, at) => expect(challengeFrom(leaf, paths[at])).toBe(challenge));
        const [one, other] = [a % count, b % count];
        if (one !== other) expect(challengeFrom(all[one]!, paths[other])).not.toBe(challenge);
        expect(challengeFrom(hash('entry', ['stranger']), paths[one])).not.toBe(challenge);
      }),
      { numRuns: 60 },
    );
  });
  test('4,096 fit, one more does not, and nothing is no gesture', () => {
    expect(gestureOver(leaves(4_096)).paths[4_095]?.length).toBe(limits.gestureDepth);
    expect(() => gestureOver(leaves(4_097))).toThrow('E_LIMIT');
    expect(() => gestureOver([])).toThrow('E_LIMIT');
  });
});

describe('INV-GESTURE-ENTRY: entries that one gesture signed', () => {
  async function batch(world: World): Promise<{ readonly entries: readonly Uint8Array[]; readonly paths: ReturnType<typeof gestureOver>['paths'] }> {
    const ada = world.device('ada');
    const payloads: Uint8Array[] = [];
    let head = world.state.head;
    for (const type of ['org.freeze', 'org.unfreeze', 'org.freeze'] as const) {
      const entry: Entry = {
        org: world.state.org,
        seq: head.seq + 1,
        prev: head.eh,
        ts: world.clock.now(),
        signers: [ada.voice.ref],
        type,
        body: { reason: '' },
      };
      payloads.push(encodeEntry(entry));
      head = { seq: entry.seq, eh: entryHash(payloads.at(-1)!) };
    }
    const { challenge, paths } = gestureOver(payloads.map(entryHash));
    const assertion = await ada.voice.assert!(challenge);
    return {
      paths,
      entries: await Promise.all(payloads.map((payload, at) => signEnvelope('entry', payload, [{ signer: ada.sig, assertion, path: paths[at]! }]))),
    };
  }
  test('all are accepted, one after the other', async () => {
    const world = new World('gesture');
    await world.genesis();
    for (const bytes of (await batch(world)).entries) await world.accept(bytes);
    expect(world.state.head.seq).toBe(3);
  });
  test('without its path, with another’s, or an entry that was not among them: no user verification', async () => {
    const world = new World('gesture');
    await world.genesis();
    const ada = world.device('ada');
    const { entries, paths } = await batch(world);
    const { payload, signatures } = parseEnvelope('entry', entries[0]!, limits.entryBytes);
    const assertion = signatures[0]!.assertion!;
    const judge = async (bytes: Uint8Array, path?: (typeof paths)[number]): Promise<string> =>
      codeOf(world.judge(await signEnvelope('entry', bytes, [{ signer: ada.sig, assertion, ...(path ? { path } : {}) }])));
    expect(await judge(payload, paths[0])).toBe('accepted');
    expect(await judge(payload)).toBe('E_WEBAUTHN');
    expect(await judge(payload, paths[1])).toBe('E_WEBAUTHN');
    const other = parseEnvelope('entry', await world.draft('org.freeze', { reason: 'other' }), limits.entryBytes).payload;
    expect(await judge(other, paths[0])).toBe('E_WEBAUTHN');
  });
  test('a machine or token has no gesture to share', async () => {
    const world = new World('gesture');
    await world.genesis();
    const token = await world.issueToken();
    const machine = await makeMachine(world.random, 'laptop');
    const entry = await world.draft('machine.enrol', enrolmentOf(machine, token.id), [token, machine]);
    const { payload } = parseEnvelope('entry', entry, limits.entryBytes);
    const path = gestureOver(leaves(2)).paths[0]!;
    expect(await codeOf(world.judge(await signEnvelope('entry', payload, [{ signer: token.voice.signer, path }, { signer: machine.sig }])))).toBe('E_WEBAUTHN');
  });
  test('no other message is signed in a batch', async () => {
    const world = new World('gesture');
    await world.genesis();
    const ada = world.device('ada');
    const bytes = await signEnvelope('notice', new Uint8Array([1]), [{ signer: ada.presence, path: gestureOver(leaves(2)).paths[0]! }]);
    expect(() => parseEnvelope('notice', bytes, 4_096)).toThrow('E_ENVELOPE');
  });
});
