// What a device checks before it shows anything, in order, with the exact code (spec/09-release.md §device; rows 2, 4, 7, 20, 51, 69, 84, 85, 88, 89).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { World, found } from '../testing/world.ts';
import { signerOf } from '../testing/seeded.ts';
import { idFrom } from '../testing/world-people.ts';
import { type Ask, ask, deviceMemory, look, psql } from '../testing/world-release.ts';
import type { Hash, OrgId, SecretId } from './hash.ts';
import { limits } from './limits.ts';
import type { Policy } from './org-log/bodies.ts';
import { type Proposal, proposalDigest } from './proposal.ts';
import { kemKeyFrom } from './seal.ts';
import { type LeaseTerms, type Request, matchCode, once, signRequest, verifyLease } from './request.ts';
import { encodeEnvelope, parseEnvelope } from './sign.ts';

async function org(policy: Partial<Policy> = {}): Promise<World> {
  const world = new World('request');
  await world.genesis({ policies: [policy] });
  await world.addMember('ben');
  await world.addMachine('laptop', { owner: world.member('ada').id });
  await world.put('prod/db', {
    kind: 'fields',
    fields: [
      { name: 'user', value: new Uint8Array(1) },
      { name: 'password', value: new Uint8Array(1) },
    ],
  });
  return world;
}
const world = await org();
const laptop = world.machine('laptop');
const ada = world.device('ada');
const item = found((await ask(world, laptop, ['prod/db'])).request.items[0], 'item');
const judge = async (how: Ask = {}, at = world, paths: Parameters<typeof ask>[2] = ['prod/db']): Promise<string> =>
  codeOf(look(at, at.device('ada'), (await ask(at, at.machine('laptop'), paths, how)).bytes));

describe('INV-REQ-SIGNED row 2: only what an active machine of this org signed is looked at', () => {
  test('an honest request is shown as it was signed', async () => {
    const request = await ask(world, laptop, ['prod/db', ['prod/db', 'password']], { reason: 'why' });
    const card = await look(world, ada, request.bytes);
    expect(card.request.claimed.reason).toBe('why');
    expect([card.rh, card.machine.name, card.items.map(({ secret }) => secret.path), card.policies.length]).toEqual([
      request.rh,
      'laptop',
      ['prod/db', 'prod/db'],
      1,
    ]);
  });
  test('row 2: the ephemeral key replaced', async () => {
    const { bytes } = await ask(world, laptop, ['prod/db']);
    const mine = await kemKeyFrom(world.random(32));
    const { request: other } = await ask(world, laptop, ['prod/db'], { changes: { epk: mine.publicKey } });
    const envelope = parseEnvelope('request', bytes, limits.requestBytes);
    const payload = envelope.payload.slice();
    const start = Buffer.from(payload).indexOf(Buffer.from([0x59, 0x04, 0xc0])) + 3; // byte string of 1216 bytes: the key
    payload.set(other.epk, start);
    expect(await codeOf(look(world, ada, encodeEnvelope({ ...envelope, payload })))).toBe('E_SIG_REQUEST');
  });
  test('any changed byte is refused with a code', async () => {
    const { bytes } = await ask(world, laptop, ['prod/db']);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(await codeOf(look(world, ada, changed))).not.toBe('accepted');
      }),
      { numRuns: 200 },
    );
  });
  test('signed by a device, a waiting machine, a revoked machine, two, or a stranger', async () => {
    const at = await org();
    const waits = await at.enrolMachine('waits');
    const { request, bytes } = await ask(at, at.machine('laptop'), ['prod/db']);
    expect(await codeOf(look(at, at.device('ada'), (await signRequest(request, at.device('ada').sig)).bytes))).toBe('E_SIG_REQUEST');
    expect(await codeOf(look(at, at.device('ada'), (await signRequest(request, waits.sig)).bytes))).toBe('E_MACHINE_REVOKED');
    const envelope = parseEnvelope('request', bytes, limits.requestBytes);
    expect(await codeOf(look(at, at.device('ada'), encodeEnvelope({ ...envelope, signatures: [...envelope.signatures, ...envelope.signatures] })))).toBe(
      'E_SIG_REQUEST',
    );
    expect(await codeOf(look(at, at.device('ada'), (await signRequest(request, await signerOf(at.random(32)))).bytes))).toBe('E_SIG_REQUEST');
    await at.append('machine.revoke', { machine: at.machine('laptop').id, exposed: [] });
    expect(await codeOf(look(at, at.device('ada'), bytes))).toBe('E_MACHINE_REVOKED');
  });
  test('one machine names another', async () => {
    const at = await org();
    const other = await at.addMachine('server');
    expect(await codeOf(look(at, at.device('ada'), (await ask(at, other, ['prod/db'], { changes: { machine: at.machine('laptop').id } })).bytes))).toBe(
      'E_SIG_REQUEST',
    );
    expect(await codeOf(look(at, at.device('ada'), (await ask(at, other, ['prod/db'], { changes: { keyId: at.machine('laptop').sig.keyId } })).bytes))).toBe(
      'E_SIG_REQUEST',
    );
  });
  test('row 18: another version, row 20: another org', async () => {
    expect(await judge({ changes: { v: 2 } as Partial<Request> })).toBe('E_SUITE'); // a field that honest machines do not set
    expect(await judge({ changes: { suite: 2 } as Partial<Request> })).toBe('E_SUITE'); // as above
    expect(await judge({ changes: { org: 'ab'.repeat(32) as OrgId } })).toBe('E_ORG');
  });
  test('frozen', async () => {
    const at = await org();
    const { bytes } = await ask(at, at.machine('laptop'), ['prod/db']);
    await at.append('org.freeze', { reason: '' });
    expect(await codeOf(look(at, at.device('ada'), bytes))).toBe('E_FROZEN');
  });
});

describe('INV-REQ-ONCE row 4: old requests are not shown again', () => {
  test('times: expired, impossible lives, the future', async () => {
    const now = world.clock.now();
    expect(await judge({ lifeMs: limits.requestLifeMs })).toBe('accepted');
    expect(await judge({ lifeMs: limits.requestLifeMs + 1 })).toBe('E_REQ_STALE');
    expect(await judge({ lifeMs: 0 })).toBe('E_REQ_STALE');
    expect(await judge({ changes: { expiresAt: 0 } })).toBe('E_REQ_STALE');
    expect(await judge({ changes: { issuedAt: now - 60_000, expiresAt: now } })).toBe('E_REQ_STALE');
    expect(await judge({ changes: { issuedAt: now - 60_000, expiresAt: now + 1 } })).toBe('accepted');
    expect(await judge({ changes: { issuedAt: now + limits.clockSkewMs, expiresAt: now + limits.clockSkewMs + 1 } })).toBe('accepted');
    expect(await judge({ changes: { issuedAt: now + limits.clockSkewMs + 1, expiresAt: now + limits.clockSkewMs + 2 } })).toBe('E_CLOCK');
  });
  test('delivered twice it is shown once more until it is decided, then never', async () => {
    const memory = deviceMemory();
    const { bytes, request } = await ask(world, laptop, ['prod/db']);
    memory.remember(await look(world, ada, bytes, memory));
    memory.remember(await look(world, ada, bytes, memory));
    memory.decide(request.requestId);
    expect(await codeOf(look(world, ada, bytes, memory))).toBe('E_REQ_SEEN');
  });
  test('another request under a known id', async () => {
    const memory = deviceMemory();
    const first = await ask(world, laptop, ['prod/db']);
    memory.remember(await look(world, ada, first.bytes, memory));
    const second = await ask(world, laptop, ['prod/db'], { changes: { requestId: first.request.requestId } });
    expect(await codeOf(look(world, ada, second.bytes, memory))).toBe('E_REQ_SEEN');
  });
  test('rows 48, 51: the machine’s counter goes back, or is used twice', async () => {
    const memory = deviceMemory();
    const old = await ask(world, laptop, ['prod/db']);
    const { bytes, request } = await ask(world, laptop, ['prod/db']);
    memory.remember(await look(world, ada, bytes, memory));
    expect(await codeOf(look(world, ada, old.bytes, memory))).toBe('E_CTR_BACK');
    expect(await codeOf(look(world, ada, (await ask(world, laptop, ['prod/db'], { changes: { ctr: request.ctr } })).bytes, memory))).toBe('E_CLONE');
    expect(await codeOf(look(world, ada, (await ask(world, laptop, ['prod/db'], { changes: { ctr: request.ctr + 100 } })).bytes, memory))).toBe('accepted');
  });
});

describe('INV-REQ-HEAD the machine’s log is mine, or a part of it', () => {
  test('rows 10, 11: behind, ahead, another', async () => {
    expect(await judge({ changes: { head: { seq: 1, eh: found(world.history(1), 'entry') } } })).toBe('accepted');
    expect(await judge({ changes: { head: { seq: 1, eh: found(world.history(0), 'entry') } } })).toBe('E_FORK');
    expect(await judge({ changes: { head: { seq: world.state.head.seq + 1, eh: '11'.repeat(32) as Hash } } })).toBe('E_HEAD_AHEAD');
  });
});

describe('INV-REQ-ITEMS row 7: newest versions under current policies, by an entitled machine, to an eligible member', () => {
  const items: readonly (readonly [what: string, items: Request['items'], code: string])[] = [
    ['an unknown secret', [{ ...item, secret: idFrom<SecretId>(world.random) }], 'E_UNKNOWN_ID'],
    ['another version', [{ ...item, ver: 2 }], 'E_VERSION'],
    ['another entry', [{ ...item, putEh: '11'.repeat(32) as Hash }], 'E_VERSION'],
    ['another policy', [{ ...item, policyEh: '11'.repeat(32) as Hash }], 'E_POLICY_CHANGED'],
    ['an unknown field', [{ ...item, field: 'pin' }], 'E_UNKNOWN_ID'],
    ['nothing', [], 'E_FIELD'],
    ['one good, one not', [item, { ...item, ver: 9 }], 'E_VERSION'],
  ];
  test.each(items)('%s', async (_what, wanted, code) => expect(await judge({ changes: { items: wanted } })).toBe(code));
  test('as many as a card can hold, and not one more', async () => {
    expect(await judge({ changes: { items: Array.from({ length: limits.itemsPerRequest }, () => item) } })).toBe('accepted');
    expect(await codeOf(ask(world, laptop, ['prod/db'], { changes: { items: Array.from({ length: limits.itemsPerRequest + 1 }, () => item) } }))).toBe(
      'E_FIELD',
    );
  });
  test('a newer version, a retired secret, a changed policy', async () => {
    const at = await org();
    const request = await ask(at, at.machine('laptop'), ['prod/db']);
    const looked = (): Promise<string> => codeOf(look(at, at.device('ada'), request.bytes));
    await at.approvers('prod/db', 1, ['ada'], { maxTtlS: 10 });
    expect(await looked()).toBe('E_POLICY_CHANGED');
    await at.put('prod/db', 'newer');
    expect(await looked()).toBe('E_VERSION');
    await at.append('secret.retire', { secret: at.secret('prod/db').id });
    expect(await looked()).toBe('E_UNKNOWN_ID');
  });
  test('a machine that may not ask, a member who may not approve', async () => {
    const at = await org();
    await at.approvers('prod/db', 1, ['ada'], { machines: { any: false, machines: [], groups: [] } });
    expect(await judge({}, at)).toBe('E_NOT_ENTITLED');
    const { bytes } = await ask(world, laptop, ['prod/db']);
    expect(await codeOf(look(world, world.device('ben'), bytes))).toBe('E_NOT_ELIGIBLE');
  });
});

describe('INV-REQ-POLICY what the policy wants of the asker', () => {
  const exe = 'ee'.repeat(32) as Hash;
  const wants: readonly (readonly [what: string, policy: Partial<Policy>, ask: Ask, code: string])[] = [
    ['row 69: the machine’s owner does not count', { separationOfDuties: true }, {}, 'E_SOD'],
    ['row 39: another binary', { exePins: [exe] }, { observed: { exeHash: 'dd'.repeat(32) as Hash } }, 'E_POLICY'],
    ['row 39: an unknown binary', { exePins: [exe] }, {}, 'E_POLICY'],
    ['row 39: the pinned binary', { exePins: [exe] }, { observed: { exeHash: exe } }, 'accepted'],
    ['row 37: an unverified identity at tier high', { tier: 'high' }, { observed: { identity: 'unverified' } }, 'E_POLICY'],
    ['an unverified identity at tier normal', {}, { observed: { identity: 'unverified' } }, 'accepted'],
    ['no reason where one is wanted', { reasonRequired: true }, { reason: '' }, 'E_POLICY'],
    ['no reason', {}, { reason: '', agent: '' }, 'accepted'],
    ['outside the hours', { hours: { days: [1], fromMinute: 0, toMinute: 60 } }, {}, 'E_POLICY'],
    ['inside the hours', { hours: { days: [1], fromMinute: 0, toMinute: 1_439 } }, {}, 'accepted'],
    ['a lease within', {}, { lease: { ttlS: 900, uses: 100, scope: 'process' } }, 'accepted'],
    ['a lease too long', {}, { lease: { ttlS: 901, uses: 1, scope: 'process' } }, 'E_LEASE_BOUNDS'],
    ['too many uses', {}, { lease: { ttlS: 1, uses: 101, scope: 'process' } }, 'E_LEASE_BOUNDS'],
    ['too wide a scope', {}, { lease: { ttlS: 1, uses: 1, scope: 'exe' } }, 'E_LEASE_BOUNDS'],
    ['once, where leases are not allowed', { maxTtlS: 0, maxUses: 1 }, { lease: once }, 'accepted'],
    ['many uses without time', {}, { lease: { ttlS: 0, uses: 101, scope: 'process' } }, 'E_LEASE_BOUNDS'],
  ];
  test.each(wants)('%s', async (_what, policy, how, code) => expect(await judge(how, await org(policy))).toBe(code));
  test('a lease is within a policy or it is once', async () => {
    const policy = { maxTtlS: 10, maxUses: 5, scopes: ['process'] as const };
    const table: readonly (readonly [LeaseTerms, string])[] = [
      [{ ttlS: 10, uses: 5, scope: 'process' }, 'accepted'],
      [{ ttlS: 11, uses: 5, scope: 'process' }, 'E_LEASE_BOUNDS'],
      [{ ttlS: 10, uses: 6, scope: 'process' }, 'E_LEASE_BOUNDS'],
      [{ ttlS: 0, uses: 1, scope: 'machine' }, 'accepted'],
    ];
    for (const [lease, code] of table) expect(await codeOf(() => verifyLease(lease, policy))).toBe(code);
  });
});

describe('INV-REQ-TEXT rows 84, 85: text that would deceive is refused again at the device', () => {
  const bad = 'report\u202etxt.exe';
  const texts: readonly (readonly [what: string, ask: Ask])[] = [
    ['the reason', { reason: bad }],
    ['the agent', { agent: bad }],
    ['a reason of 121 characters', { reason: 'x'.repeat(121) }],
    ['an agent of 65 characters', { agent: 'x'.repeat(65) }],
    ['two lines', { reason: 'a\nb' }],
    ['the user', { observed: { user: bad } }],
    ['the binary', { observed: { exe: bad } }],
    ['the script', { observed: { script: bad } }],
    ['the folder', { observed: { cwd: bad } }],
    ['the container', { observed: { container: bad } }],
    ['an argument', { observed: { argv: ['psql', bad] } }],
    ['an ancestor', { observed: { ancestors: [{ pid: 1, exe: bad, argv: [] }] } }],
    ['an ancestor’s argument', { observed: { ancestors: [{ pid: 1, argv: [bad] }] } }],
  ];
  test.each(texts)('%s', async (_what, how) => expect(await judge(how)).toBe('E_TEXT'));
  test('arguments may begin with a space and be empty, because the kernel says so', async () =>
    expect(await judge({ observed: { argv: [' ', '', 'a '] } })).toBe('accepted'));
  test('what is unknown is absent', async () => {
    const { exe: _1, user: _2, cwd: _3, ...unknown } = psql;
    const { request } = await ask(world, laptop, ['prod/db']);
    expect(await judge({ changes: { observed: unknown } })).toBe('accepted');
    expect(request.observed.exe).toBe('/usr/bin/psql');
  });
});

describe('sizes', () => {
  test('row 32: a request past its bound is not signed and not read', async () => {
    const argv = Array.from({ length: limits.argv }, () => 'x'.repeat(limits.observedBytes));
    expect(await codeOf(ask(world, laptop, ['prod/db'], { observed: { argv } }))).toBe('E_LIMIT');
    expect(await codeOf(look(world, ada, new Uint8Array(limits.requestBytes + 1)))).toBe('E_LIMIT');
    expect(await codeOf(look(world, ada, new Uint8Array(limits.requestBytes)))).toBe('E_CBOR');
  });
});

describe('proposals: a machine’s put is shown to writers', () => {
  const one = (path: string): Proposal['puts'][number] => ({ path, digest: proposalDigest(new Uint8Array(3)) });
  const proposal: Proposal = { blob: 'bb'.repeat(32) as Hash, puts: [one('prod/new')] };
  test('to a writer, with a path, instead of items', async () => {
    expect(await judge({ changes: { items: [], proposal } })).toBe('accepted');
    expect(await judge({ changes: { proposal } })).toBe('E_FIELD');
    expect(await judge({ changes: { items: [], proposal: { ...proposal, puts: [one('prod/new'), one('prod/\u202e')] } } })).toBe('E_TEXT');
    const at = await org();
    await at.addMember('eve', ['approver']);
    const { bytes } = await ask(at, at.machine('laptop'), ['prod/db'], { changes: { items: [], proposal } });
    expect(await codeOf(look(at, at.device('eve'), bytes))).toBe('E_NOT_ELIGIBLE');
  });
});

test('row 88: the match code is two digits of the request’s hash', async () => {
  const { rh } = await ask(world, laptop, ['prod/db']);
  expect(matchCode(rh)).toMatch(/^\d\d$/);
  const many = new Set(Array.from({ length: 400 }, (_, index) => matchCode(index.toString(16).padStart(64, '0') as Hash)));
  expect(many.size).toBeGreaterThan(90);
});
