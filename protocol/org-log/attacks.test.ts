// Attacks on the org log, carried out against the verifier, each with its exact code (design rows 11, 13-20, 74-77, 81, 82, 93).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../../testing/code-of.ts';
import { World, found, signAs } from '../../testing/world.ts';
import { type WorldDevice, enrolmentOf, idFrom, makeDevice, makeMachine, makeToken, origin } from '../../testing/world-people.ts';
import type { GroupId, Hash, MemberId, OrgId } from '../hash.ts';
import { ProtocolError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type Envelope, encodeEnvelope, parseEnvelope } from '../sign.ts';
import { encodeItem, decodeItem } from '../codec.ts';
import { entryTypes } from './body-codecs.ts';
import { type Entry, encodeEntry, entryHash, parseEntry, zeroHash } from './entry.ts';
import { advance } from './apply.ts';
import { stateHash } from './state-hash.ts';
import { compareHead } from './verify.ts';

async function org(): Promise<World> {
  const world = new World('attacks');
  await world.genesis();
  await world.addMember('ben');
  await world.addMachine('laptop');
  return world;
}
const world = await org();
const [ada, ben] = [world.device('ada'), world.device('ben')];
const fresh = await makeDevice(world.random, ada.member, 'fresh');
const freeze = (frame: Parameters<World['draft']>[3] = {}, by = [ada]): Promise<Uint8Array> => world.draft('org.freeze', { reason: '' }, by, frame);
const judge = (bytes: Uint8Array): Promise<string> => codeOf(world.judge(bytes));
const reframe = (bytes: Uint8Array, change: (envelope: Envelope) => Envelope): Uint8Array =>
  encodeEnvelope(change(parseEnvelope('entry', bytes, limits.entryBytes)));
/** The entry with its payload changed as an item, signed anew. */
async function resign(bytes: Uint8Array, change: (payload: Map<number, unknown>) => void, by: readonly WorldDevice[] = [ada]): Promise<Uint8Array> {
  const item = decodeItem(parseEnvelope('entry', bytes, limits.entryBytes).payload, limits.entryBytes);
  const map = new Map<number, unknown>(item as ReadonlyMap<number, never>); // an entry is a map
  change(map);
  return signAs(encodeItem(map as never), by); // whatever a hostile signer puts there
}

describe('INV-LOG-CHAIN rows 11, 13, 14: one place, one parent', () => {
  test('the next entry on the head is accepted', async () => expect(await judge(await freeze())).toBe('accepted'));
  test('row 14: entries missing before it', async () => expect(await judge(await freeze({ frame: { seq: world.state.head.seq + 2 } }))).toBe('E_CHAIN_GAP'));
  test('row 13: an older place', async () => expect(await judge(await freeze({ frame: { seq: 1 } }))).toBe('E_CHAIN'));
  test('row 11: the head’s place, another entry', async () => {
    const { seq } = world.state.head;
    expect(await judge(await freeze({ frame: { seq, prev: found(world.history(seq - 1), 'parent') } }))).toBe('E_FORK');
  });
  test('row 13: the next place, another parent', async () =>
    expect(await judge(await freeze({ frame: { prev: found(world.history(1), 'parent') } }))).toBe('E_CHAIN'));
  test('the head once more', async () => expect(await judge(found(world.entries.at(-1), 'head').bytes)).toBe('E_CHAIN'));
  test('a first entry that is not one', async () => {
    expect(await codeOf(advance(undefined, await freeze(), world.clock.now()))).toBe('E_CHAIN');
    const other = new World('attacks');
    const body = found(parseEntry(parseEnvelope('entry', found(world.entries[0], 'genesis').bytes, limits.entryBytes).payload), 'genesis');
    for (const frame of [{ seq: 1 }, { prev: '11'.repeat(32) as Hash }, { org: '11'.repeat(32) as OrgId }]) {
      if (body.type === 'genesis') expect(await codeOf(other.judge(await other.draft('genesis', body.body, [ada], { frame })))).toBe('E_CHAIN');
    }
  });
  test('heads of peers: behind is checked, ahead is told, another history is a fork', async () => {
    const { head } = world.state;
    expect(compareHead(world.history, head, head)).toBe('same-or-behind');
    expect(compareHead(world.history, head, { seq: 0, eh: found(world.history(0), 'genesis') })).toBe('same-or-behind');
    expect(compareHead(world.history, head, { seq: head.seq + 1, eh: zeroHash })).toBe('ahead');
    expect(await codeOf(() => compareHead(world.history, head, { seq: 1, eh: zeroHash }))).toBe('E_FORK');
  });
});

describe('INV-LOG-SIGNERS row 15: exactly the listed signers', () => {
  test('a signature less', async () =>
    expect(await judge(reframe(await freeze({}, [ada, ben]), (frame) => ({ ...frame, signatures: frame.signatures.slice(0, 1) })))).toBe('E_SIGNERS'));
  test('a signature more', async () => {
    const both = parseEnvelope('entry', await freeze({ frame: { signers: [ada.voice.ref] } }, [ada, ben]), limits.entryBytes);
    expect(await judge(encodeEnvelope(both))).toBe('E_SIGNERS');
  });
  test('the signatures exchanged', async () =>
    expect(await judge(reframe(await freeze({}, [ada, ben]), (frame) => ({ ...frame, signatures: frame.signatures.toReversed() })))).toBe('E_SIGNERS'));
  test('one signer twice', async () => expect(await judge(await freeze({}, [ada, ada]))).toBe('E_SIGNERS'));
  test('listed as somebody else', async () => expect(await judge(await freeze({ frame: { signers: [ben.voice.ref] } }))).toBe('E_SIGNERS'));
  test('listed as another kind', async () => expect(await judge(await freeze({ frame: { signers: [{ kind: 'machine', id: ada.id }] } }))).toBe('E_SIGNERS'));
  test('signed by a key that the log does not know', async () => {
    const stranger = await makeDevice(world.random, ada.member, 'stranger');
    expect(await judge(await freeze({}, [stranger]))).toBe('E_SIGNERS');
    expect(await judge(await freeze({}, [ada, stranger]))).toBe('E_SIGNERS');
  });
  test('signed by a key that may not sign entries', async () => {
    const presence = { voice: { ...ada.voice, signer: ada.presence } };
    expect(await codeOf(world.judge(await world.draft('org.freeze', { reason: '' }, [presence])))).toBe('E_SIGNERS');
  });
  test('a broken signature', async () => {
    expect(
      await judge(
        reframe(await freeze(), (frame) => ({ ...frame, signatures: frame.signatures.map((signature) => ({ ...signature, signature: new Uint8Array(64) })) })),
      ),
    ).toBe('E_SIGNATURE');
  });
  test('a body changed after signing', async () => {
    const other = parseEnvelope('entry', await world.draft('org.freeze', { reason: 'other' }), limits.entryBytes);
    expect(await judge(reframe(await freeze(), (frame) => ({ ...frame, payload: other.payload })))).toBe('E_SIGNATURE');
  });
  test('somebody whose device is revoked, somebody who was removed', async () => {
    const after = await org();
    const late = await after.draft('org.freeze', { reason: '' }, [after.device('ben')], { frame: { seq: after.state.head.seq + 2 } });
    await after.append('member.remove', { member: after.member('ben').id, exposed: [] });
    expect(await codeOf(after.judge(late))).toBe('E_REVOKED');
  });
  test('row 16: there is no tie to win: of two valid children the first stands, whatever their hashes', async () => {
    for (const order of [0, 1]) {
      const race = await org();
      const children = [await race.draft('org.freeze', { reason: 'a' }), await race.draft('org.freeze', { reason: 'b' })];
      await race.accept(found(children[order], 'child'));
      expect(await codeOf(race.judge(found(children[1 - order], 'child')))).toBe('E_FORK');
    }
  });
});

describe('INV-LOG-UV every person’s signature comes with user verification over the entry', () => {
  const wrong: readonly (readonly [what: string, make: () => Promise<Uint8Array>])[] = [
    [
      'none',
      async () => reframe(await freeze(), (frame) => ({ ...frame, signatures: frame.signatures.map(({ keyId, signature }) => ({ keyId, signature })) })),
    ],
    [
      'of another entry',
      async () => {
        const other = parseEnvelope('entry', await world.draft('org.freeze', { reason: 'other' }), limits.entryBytes);
        return reframe(await freeze(), (frame) => ({
          ...frame,
          signatures: frame.signatures.map((signature, index) => ({
            ...signature,
            ...(other.signatures[index]?.assertion ? { assertion: other.signatures[index].assertion } : {}),
          })),
        }));
      },
    ],
    ['without verification', () => freeze({ assertion: { flags: 1 } })],
    ['on another origin', () => freeze({ assertion: { origin: 'https://evil.example' } })],
    ['for another relying party', () => freeze({ assertion: { rpId: 'evil.example' } })],
    [
      'by another member’s passkey',
      async () => {
        const both = parseEnvelope('entry', await freeze({}, [ada, ben]), limits.entryBytes);
        return encodeEnvelope({
          ...both,
          signatures: both.signatures.map((signature, index) => ({
            ...signature,
            ...(both.signatures[1 - index]?.assertion ? { assertion: both.signatures[1 - index]?.assertion } : {}),
          })) as Envelope['signatures'],
        }); // the assertions exchanged
      },
    ],
  ];
  test.each(wrong)('%s', async (_what, make) => expect(await judge(await make())).toBe('E_WEBAUTHN'));
  test('a machine has none, and may not bring one', async () => {
    const token = await makeToken(world.random, { expiresAt: world.clock.now() + 1_000, autoAdmit: false, groups: [] });
    const withToken = await org();
    await withToken.append('token.issue', token.facts);
    const machine = await makeMachine(world.random, 'new');
    const pretending = { voice: { ...machine.voice, ...(ada.voice.assert ? { assert: ada.voice.assert } : {}) } };
    expect(await codeOf(withToken.judge(await withToken.draft('machine.enrol', enrolmentOf(machine, token.id), [token, pretending])))).toBe('E_WEBAUTHN');
  });
});

describe('INV-LOG-STRICT rows 18, 19, 20: other versions, types and organisations', () => {
  test('row 18: another version or suite', async () => {
    for (const key of [1, 2]) for (const value of [0, 2]) expect(await judge(await resign(await freeze(), (map) => map.set(key, value)))).toBe('E_SUITE');
  });
  test('row 19: an unknown type', async () => {
    for (const type of [0, entryTypes.length + 1, 65_535]) expect(await judge(await resign(await freeze(), (map) => map.set(6, type)))).toBe('E_TYPE_UNKNOWN');
  });
  test('row 20: the same people in another organisation', async () => {
    const twin = new World('attacks');
    await twin.genesis({ policies: [] });
    const foreign = await twin.draft('org.freeze', { reason: '' }, [ada], { frame: { seq: world.state.head.seq + 1, prev: world.state.head.eh } });
    expect(twin.state.org).not.toBe(world.state.org);
    expect(await judge(foreign)).toBe('E_ORG');
  });
  test('an unknown or missing field', async () => {
    expect(await judge(await resign(await freeze(), (map) => map.set(10, 0)))).toBe('E_FIELD');
    expect(await judge(await resign(await freeze(), (map) => map.delete(7)))).toBe('E_FIELD');
    expect(
      await judge(
        await resign(await freeze(), (map) =>
          map.set(
            9,
            new Map([
              [1, ''],
              [2, ''],
            ]),
          ),
        ),
      ),
    ).toBe('E_FIELD');
  });
  test('an entry of exactly its bound, and one past it', async () => {
    expect(await judge(new Uint8Array(limits.entryBytes))).toBe('E_CBOR');
    expect(await judge(new Uint8Array(limits.entryBytes + 1))).toBe('E_LIMIT');
  });
  test('any bytes, and any changed byte, are refused with a code', async () => {
    const honest = await freeze();
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: honest.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = honest.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(await judge(changed)).not.toBe('accepted');
      }),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (raw) => expect(await judge(new Uint8Array(raw))).toMatch(/^E_/)),
      { numRuns: 300 },
    );
  });
});

describe('INV-LOG-TIME row 89: times lie between the entry before and now, five minutes either way', () => {
  const at = (ts: number): Promise<string> => freeze({ frame: { ts } }).then(judge);
  test('bounds', async () => {
    const now = world.clock.now();
    expect(await at(now + limits.clockSkewMs)).toBe('accepted');
    expect(await at(now + limits.clockSkewMs + 1)).toBe('E_CLOCK');
    expect(await at(world.state.ts - limits.clockSkewMs)).toBe('accepted');
    expect(await at(world.state.ts - limits.clockSkewMs - 1)).toBe('E_CLOCK');
  });
  test('the log’s time never goes back', async () => {
    const after = await org();
    const before = after.state.ts;
    await after.accept(await after.draft('org.freeze', { reason: '' }, undefined, { frame: { ts: before - 60_000 } }));
    expect(after.state.ts).toBe(before);
  });
});

describe('INV-LOG-KEYS row 77: no malformed key, none twice, no id twice', () => {
  const withFacts = (device: WorldDevice, change: Partial<WorldDevice['facts']>): Promise<string> =>
    world.draft('device.add', { ...device.facts, ...change }, [ada, device]).then(judge);
  test('an honest device is accepted', async () => expect(await withFacts(fresh, {})).toBe('accepted'));
  const malformed: readonly (readonly [what: string, change: Partial<WorldDevice['facts']>, code?: string])[] = [
    ['presence key beside the curve', { presenceKey: fresh.facts.presenceKey.map((byte, index) => (index === 64 ? byte ^ 1 : byte)) }],
    ['presence key at infinity', { presenceKey: new Uint8Array(65) }],
    [
      'passkey beside the curve',
      { passkey: { ...fresh.facts.passkey, publicKey: fresh.facts.sigKey.map((byte, index) => (index === 64 ? byte ^ 1 : byte)) } },
      'E_WEBAUTHN',
    ],
    ['inbox key beyond the modulus', { inboxKey: fresh.facts.inboxKey.map((byte, index) => (index < 3 ? 255 : byte)) }],
    ['custody key of low order', { custodyKey: fresh.facts.custodyKey.map((byte, index) => (index >= 1_184 ? 0 : byte)) }],
  ];
  test.each(malformed)('%s', async (_what, change, code = 'E_KEY_ENCODING') => expect(await withFacts(fresh, change)).toBe(code));
  const reused: readonly (readonly [what: string, change: Partial<WorldDevice['facts']>])[] = [
    ['another device’s presence key', { presenceKey: ben.facts.presenceKey }],
    ['another device’s signature key as presence key', { presenceKey: ben.facts.sigKey }],
    ['its own signature key as presence key', { presenceKey: fresh.facts.sigKey }],
    ['another device’s inbox key', { inboxKey: ben.facts.inboxKey }],
    ['its inbox key as custody key', { custodyKey: fresh.facts.inboxKey }],
    ['a machine’s key as custody key', { custodyKey: world.machine('laptop').kem.publicKey }],
  ];
  test.each(reused)('%s', async (_what, change) => expect(await withFacts(fresh, change)).toBe('E_KEY_REUSED'));
  test('another device’s signature key, with its signature', async () => {
    const clone = { ...fresh, voice: { ...ben.voice, ref: fresh.voice.ref } };
    expect(await codeOf(world.draft('device.add', { ...fresh.facts, sigKey: ben.facts.sigKey }, [ada, clone]).then((bytes) => world.judge(bytes)))).toBe(
      'E_KEY_REUSED',
    );
  });
  test('a passkey that another device has', async () => {
    const clone = { ...fresh, voice: { ...fresh.voice, ...(ben.voice.assert ? { assert: ben.voice.assert } : {}) } };
    expect(await codeOf(world.draft('device.add', { ...fresh.facts, passkey: ben.facts.passkey }, [ada, clone]).then((bytes) => world.judge(bytes)))).toBe(
      'E_KEY_REUSED',
    );
  });
  test('a revoked device’s keys do not come back', async () => {
    const after = await org();
    const old = after.device('ben');
    await after.append('device.revoke', { device: old.id, exposed: [] });
    expect(
      await codeOf(after.draft('device.add', { ...old.facts, device: idFrom(after.random) }, [after.device('ada'), old]).then((bytes) => after.judge(bytes))),
    ).toBe('E_REVOKED');
  });
  test('a device without its own signature', async () =>
    expect(await codeOf(world.judge(await world.draft('device.add', fresh.facts, [ada])))).toBe('E_SIGNERS'));
  test('a device with a passkey of a relying party that the org does not list', async () => {
    const evil = {
      ...fresh,
      voice: { ...fresh.voice, assert: (challenge: string) => found(fresh.voice.assert, 'passkey')(challenge, { rpId: 'evil.example' }) },
    };
    const { passkey } = fresh.facts;
    expect(await codeOf(world.judge(await world.draft('device.add', { ...fresh.facts, passkey: { ...passkey, rpId: 'evil.example' } }, [ada, evil])))).toBe(
      'E_WEBAUTHN',
    );
    expect(await codeOf(world.judge(await world.draft('device.add', fresh.facts, [ada, evil])))).toBe('E_WEBAUTHN');
  });
  test('ids', async () => {
    expect(await withFacts(fresh, { device: ben.id })).toBe('E_SIGNERS'); // the signer is listed by the id of the true device
    const twin = await makeDevice(world.random, ada.member, 'twin');
    const posing = { ...twin, voice: { ...twin.voice, ref: { kind: 'device' as const, id: ben.id } } };
    expect(await codeOf(world.judge(await world.draft('device.add', { ...twin.facts, device: ben.id }, [ada, posing])))).toBe('E_ID_REUSED');
    expect(await codeOf(world.judge(await world.draft('member.add', { member: ada.member, name: 'x', roles: [] })))).toBe('E_ID_REUSED');
    const token = await makeToken(world.random, { expiresAt: world.clock.now() + 1_000, autoAdmit: false, groups: [] });
    const used = found([...world.state.tokens.values()][0], 'token').token;
    expect(await codeOf(world.judge(await world.draft('token.issue', { ...token.facts, token: used })))).toBe('E_ID_REUSED');
  });
  test('a token’s or the recovery kit’s key used before', async () => {
    const token = await makeToken(world.random, { expiresAt: world.clock.now() + 1_000, autoAdmit: false, groups: [] });
    expect(await codeOf(world.judge(await world.draft('token.issue', { ...token.facts, tokenKey: ben.facts.sigKey })))).toBe('E_KEY_REUSED');
    expect(
      await codeOf(world.judge(await world.draft('recovery.set', { sigKey: ben.facts.presenceKey, kemKey: fresh.facts.inboxKey, delayMs: 0, t: 1, m: 1 }))),
    ).toBe('E_KEY_REUSED');
    const withKit = new World('kit');
    await withKit.genesis({ withRecovery: true });
    expect(await codeOf(withKit.judge(await withKit.draft('recovery.set', found(withKit.kit, 'kit').facts)))).toBe('E_KEY_REUSED');
  });
});

describe('INV-LOG-TOKEN rows 81, 82: a token is good once, for an hour or a day, for what it says', () => {
  async function groupIn(at: World): Promise<GroupId> {
    const group = idFrom<GroupId>(at.random);
    await at.append('group.set', { group, name: 'runners', members: [] });
    return group;
  }
  async function withToken(facts: Parameters<World['issueToken']>[0] = {}): Promise<{ at: World; token: Awaited<ReturnType<World['issueToken']>> }> {
    const at = await org();
    return { at, token: await at.issueToken(facts) };
  }
  test('row 81: used by a second machine', async () => {
    const { at, token } = await withToken();
    await at.enrolMachine('one', token);
    const two = await makeMachine(at.random, 'two');
    expect(await codeOf(at.judge(await at.draft('machine.enrol', enrolmentOf(two, token.id), [token, two])))).toBe('E_TOKEN_USED');
  });
  test('row 82: used after its end, and at its end', async () => {
    const { at, token } = await withToken();
    const machine = await makeMachine(at.random, 'late');
    at.clock.set(token.facts.expiresAt);
    expect(await codeOf(at.judge(await at.draft('machine.enrol', enrolmentOf(machine, token.id), [token, machine])))).toBe('accepted');
    at.clock.advance(1);
    expect(await codeOf(at.judge(await at.draft('machine.enrol', enrolmentOf(machine, token.id), [token, machine])))).toBe('E_TOKEN_EXPIRED');
  });
  test('row 82: lives at most 24 hours, 1 hour where it admits by itself, and for one group then', async () => {
    const at = await org();
    const group = [await groupIn(at)];
    const issue = async (lifeMs: number, autoAdmit: boolean, groups: readonly GroupId[]): Promise<string> => {
      const token = await makeToken(at.random, { expiresAt: at.clock.now() + lifeMs, autoAdmit, groups });
      return codeOf(at.judge(await at.draft('token.issue', token.facts)));
    };
    expect(await issue(limits.tokenLifeMs, false, [])).toBe('accepted');
    expect(await issue(limits.tokenLifeMs + 1, false, [])).toBe('E_TOKEN_EXPIRED');
    expect(await issue(0, false, [])).toBe('E_TOKEN_EXPIRED');
    expect(await issue(3_600_000, true, group)).toBe('accepted');
    expect(await issue(3_600_001, true, group)).toBe('E_TOKEN_EXPIRED');
    expect(await issue(1_000, true, [])).toBe('E_TOKEN_SCOPE');
    expect(await issue(1_000, true, [...group, await groupIn(at)])).toBe('E_TOKEN_SCOPE');
    expect(await issue(1_000, true, [idFrom<GroupId>(at.random)])).toBe('E_UNKNOWN_ID');
    expect(await issue(1_000, false, [idFrom<GroupId>(at.random)])).toBe('E_UNKNOWN_ID');
  });
  test('row 82: signs nothing but the enrolment of a machine', async () => {
    const { at, token } = await withToken();
    for (const bytes of [await at.draft('org.freeze', { reason: '' }, [token]), await at.draft('member.remove', { member: ben.member, exposed: [] }, [token])])
      expect(await codeOf(at.judge(bytes))).toBe('E_ROLE');
    const machine = await makeMachine(at.random, 'new');
    expect(await codeOf(at.judge(await at.draft('machine.enrol', enrolmentOf(machine, token.id), [token])))).toBe('E_SIGNERS');
    expect(await codeOf(at.judge(await at.draft('machine.enrol', enrolmentOf(machine, idFrom(at.random)), [token, machine])))).toBe('E_UNKNOWN_ID');
  });
  test('one that admits by itself admits to its group; else the machine waits', async () => {
    const at = await org();
    const group = await groupIn(at);
    const token = await at.issueToken({ autoAdmit: true, groups: [group] });
    const ready = await at.enrolMachine('ready', token);
    const waits = await at.enrolMachine('waits');
    expect(at.state.machines.get(ready.id)).toMatchObject({ status: 'active', groups: [group] });
    expect(at.state.machines.get(waits.id)).toMatchObject({ status: 'enrolled', groups: [] });
  });
  test('a waiting machine signs nothing; an admitted one is not admitted again', async () => {
    const at = await org();
    const waits = await at.enrolMachine('waits');
    expect(await codeOf(at.judge(await at.draft('secret.retire', { secret: idFrom(at.random) }, [waits])))).toBe('E_MACHINE_REVOKED');
    expect(await codeOf(at.judge(await at.draft('machine.admit', { machine: at.machine('laptop').id, groups: [] })))).toBe('E_UNKNOWN_ID');
    expect(await codeOf(at.judge(await at.draft('machine.admit', { machine: waits.id, groups: [], owner: idFrom<MemberId>(at.random) })))).toBe('E_UNKNOWN_ID');
  });
});

describe('INV-LOG-AUTHORITY rows 74, 75, 93: one admin alone does not become two', () => {
  async function twoAdmins(): Promise<World> {
    const at = new World('authority');
    await at.genesis({ tAdmin: 2 });
    await at.addMember('ben');
    return at;
  }
  test('row 74: one malicious admin adds a member, a policy, a token that admits by itself', async () => {
    const at = await twoAdmins();
    const token = await makeToken(at.random, { expiresAt: at.clock.now() + 1_000, autoAdmit: true, groups: [idFrom<GroupId>(at.random)] });
    for (const bytes of [
      await at.draft('member.add', { member: idFrom<MemberId>(at.random), name: 'mallory', roles: ['admin'] }),
      await at.draft('policy.set', at.policy({ pattern: 'prod/db' })),
      await at.draft('token.issue', token.facts),
    ])
      expect(await codeOf(at.judge(bytes))).toBe('E_THRESHOLD');
  });
  test('row 74: two devices of one admin are still one admin', async () => {
    const at = await twoAdmins();
    const laptop = await at.addDevice('ada');
    expect(
      await codeOf(at.judge(await at.draft('member.add', { member: idFrom<MemberId>(at.random), name: 'mallory', roles: [] }, [at.device('ada'), laptop]))),
    ).toBe('E_THRESHOLD');
  });
  test('row 75: one malicious admin lowers k, raises the lease, drops the hours', async () => {
    const at = await twoAdmins();
    const { eh: _, ...before } = found([...at.state.policies.values()][0], 'policy');
    const base = {
      ...before,
      clauses: [{ k: 2, members: [at.member('ada').id, at.member('ben').id], groups: [] }],
      hours: { days: [1], fromMinute: 0, toMinute: 60 },
    };
    await at.append('policy.set', base, [at.device('ada'), at.device('ben')]);
    const { hours: _hours, ...always } = base;
    for (const looser of [{ ...base, clauses: [{ ...found(base.clauses[0], 'clause'), k: 1 }] }, { ...base, maxTtlS: base.maxTtlS + 1 }, always]) {
      expect(await codeOf(at.judge(await at.draft('policy.set', looser)))).toBe('E_THRESHOLD');
    }
  });
  test('row 93: an admin revokes a colleague’s last device and enrols an own one as the colleague', async () => {
    const at = new World('authority');
    await at.genesis({ tAdmin: 2 });
    await at.addMember('ben');
    await at.addMember('eve', ['approver'], [at.device('ben')]);
    await at.append('device.revoke', { device: at.device('eve').id, exposed: [] });
    const posing = await makeDevice(at.random, at.member('eve').id, 'eve’s new phone');
    expect(await codeOf(at.judge(await at.draft('device.add', posing.facts, [at.device('ada'), posing])))).toBe('E_THRESHOLD');
    expect(await codeOf(at.judge(await at.draft('device.add', posing.facts, [at.device('ada'), at.device('ben'), posing])))).toBe('accepted');
  });
  test('a removed member’s devices do not vouch for a new one', async () => {
    const at = await org();
    await at.append('member.remove', { member: at.member('ben').id, exposed: [] });
    const again = await makeDevice(at.random, at.member('ben').id, 'again');
    expect(await codeOf(at.judge(await at.draft('device.add', again.facts, [at.device('ada'), again])))).toBe('E_UNKNOWN_ID');
  });
});

describe('INV-LOG-CHECKPOINT row 17', () => {
  test('a checkpoint that states another state is refused, an honest one changes nothing', async () => {
    const at = await org();
    expect(await codeOf(at.judge(await at.draft('checkpoint', { stateHash: zeroHash })))).toBe('E_CHECKPOINT_STATE');
    const before = at.state;
    const { head: _1, ts: _2, ...after } = await at.append('checkpoint', { stateHash: stateHash(before) });
    const { head: _3, ts: _4, ...same } = before;
    expect(after).toEqual(same);
  });
});

describe('names', () => {
  const bad = 'ada\u202e';
  const drafts: readonly (readonly [what: string, make: () => Promise<Uint8Array>])[] = [
    ['member', () => world.draft('member.add', { member: idFrom<MemberId>(world.random), name: bad, roles: [] })],
    ['group', () => world.draft('group.set', { group: idFrom<GroupId>(world.random), name: bad, members: [] })],
    ['reason of a freeze', () => world.draft('org.freeze', { reason: bad })],
    ['host of a policy', () => world.draft('policy.set', world.policy({ pattern: 'x', hosts: [bad] }))],
  ];
  test.each(drafts)('%s that would deceive', async (_what, make) => expect(await judge(await make())).toBe('E_TEXT'));
});

describe('sizes of an org', () => {
  test('an entry type’s number and a hash are what the wire says', async () => {
    const bytes = found(world.entries[0], 'genesis').bytes;
    const { payload } = parseEnvelope('entry', bytes, limits.entryBytes);
    expect(entryHash(payload) as string).toBe(world.state.org);
    const entry: Entry = parseEntry(payload);
    expect(encodeEntry(entry)).toEqual(payload);
    expect(entry.type === 'genesis' && entry.body.origins).toEqual([origin]);
  });
  test('an error is always coded and says nothing of what it judged', async () => {
    const error = await world.judge(await freeze({ frame: { seq: 99 } })).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProtocolError);
    expect(String(error)).not.toContain(ada.id);
  });
});
