// Vectors of the release flow: secrets in two halves, requests, answers, proofs, receipts, notices, letters. Never shipped.
import { type Answer, type Decision, coreHash, evidenceCodec, resealShare, sealAnswer } from '../../protocol/approval.ts';
import { toHex } from '../../protocol/bytes.ts';
import { encode } from '../../protocol/codec.ts';
import type { ProtocolCode } from '../../protocol/errors.ts';
import type { Hash, LeaseId, OrgId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { type Letter, sealLetter, signNotice } from '../../protocol/notice.ts';
import type { WrapEntry } from '../../protocol/org-log/bodies.ts';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import type { Secret } from '../../protocol/org-log/state.ts';
import { matchCode } from '../../protocol/request.ts';
import { type Receipt, signReceipt } from '../../protocol/receipt.ts';
import { sealTo } from '../../protocol/seal.ts';
import { encodeEnvelope, parseEnvelope } from '../../protocol/sign.ts';
import { valueHex } from '../run-vectors.ts';
import type { AnswerVector, SecretVector, Vector } from '../vector.ts';
import { World, found } from '../world.ts';
import { type WorldDevice, idFrom } from '../world-people.ts';
import { type Ask, type DoctoredAnswer, type WorldRequest, answer, ask, open, receive, shareOf } from '../world-release.ts';
import { logOf } from './logs.ts';
import type { Named } from './primitives.ts';

const log = 'log-release';
const lease = { ttlS: 600, uses: 10, scope: 'process' } as const;

export async function releaseVectors(): Promise<Named> {
  const world = new World('vectors of releases');
  await world.genesis();
  await world.addMember('ben');
  await world.addMember('eve');
  await world.approvers('prod/db', 2, ['ada', 'ben']);
  await world.append(
    'policy.set',
    world.policy({ pattern: 'test/*', clauses: [{ k: 1, members: [world.member('ada').id, world.member('ben').id], groups: [] }] }),
  );
  await world.addMachine('laptop', { owner: world.member('ben').id });
  await world.addMachine('server');
  await world.put('prod/db', {
    kind: 'fields',
    fields: [
      { name: 'user', value: new TextEncoder().encode('reader') },
      { name: 'password', value: new TextEncoder().encode('hunter2') },
    ],
  });
  await world.put('test/one', 'first');
  await world.put('test/one', 'second');
  return [
    [log, logOf(world, 'a log for releases')],
    ...(await secrets(world)),
    ...(await requests(world)),
    ...(await answers(world)),
    ...(await receipts(world)),
    ...(await notices(world)),
    ...(await letters(world)),
  ];
}

const wrapHex = (world: World, secret: Secret, id: string): string =>
  toHex(
    world.blob(
      found(
        secret.wraps.find(({ recipient }: WrapEntry) => recipient === id),
        'wrap',
      ).wrap,
    ),
  );

async function secrets(world: World): Promise<Named> {
  const laptop = world.machine('laptop');
  const make = async (
    name: string,
    path: string,
    names: readonly string[],
    code?: ProtocolCode,
    change: Partial<SecretVector> = {},
  ): Promise<Named[number]> => {
    const secret = world.secret(path);
    const holders = names.map((holder) => ({
      device: world.device(holder).id,
      custodySeed: toHex(world.device(holder).seeds.custody),
      wrap: wrapHex(world, secret, world.device(holder).id),
    }));
    const base: SecretVector = {
      name: `secret: ${name.replaceAll('-', ' ')}`,
      spec: '07-custody.md#opening',
      kind: 'secret',
      log,
      now: world.clock.now(),
      path,
      holders,
      machine: { id: laptop.id, seed: toHex(laptop.seed), wrap: wrapHex(world, secret, laptop.id) },
      body: toHex(world.blob(secret.put.body)),
    };
    if (code !== undefined) return [`secret-${name}`, { ...base, ...change, code }];
    const request = await ask(world, laptop, [path], { lease });
    const approvals = await Promise.all(names.map(async (holder) => receive(world, request, await answer(world, world.device(holder), request, 'approve'))));
    return [`secret-${name}`, { ...base, value: valueHex(found((await open(world, laptop, request, approvals))[0], 'value')) }];
  };
  const [db, one] = [world.secret('prod/db'), world.secret('test/one')];
  const holder = { device: world.device('ada').id, custodySeed: toHex(world.device('ada').seeds.custody) };
  return [
    await make('two-of-two', 'prod/db', ['ada', 'ben']),
    await make('any-of-two', 'test/one', ['ben']),
    await make('too-few', 'prod/db', ['ada'], 'E_QUORUM'),
    await make('one-person-twice', 'prod/db', ['ada', 'ada'], 'E_QUORUM'),
    await make('other-body', 'test/one', ['ada'], 'E_BODY_HASH', { body: toHex(world.blob(db.put.body)) }),
    await make('other-wrap', 'test/one', [], 'E_WRAP_MIX', { holders: [{ ...holder, wrap: wrapHex(world, db, world.device('ada').id) }] }),
    await make('other-machine-wrap', 'test/one', ['ada'], 'E_WRAP_MIX', {
      machine: { id: world.machine('laptop').id, seed: toHex(world.machine('laptop').seed), wrap: wrapHex(world, db, world.machine('laptop').id) },
    }),
    await make('other-seed', 'test/one', [], 'E_OPEN', {
      holders: [{ ...holder, custodySeed: toHex(world.device('ben').seeds.custody), wrap: wrapHex(world, one, world.device('ada').id) }],
    }),
    await make('not-a-holder', 'test/one', [], 'E_NOT_ELIGIBLE', {
      holders: [{ device: world.device('eve').id, custodySeed: toHex(world.device('eve').seeds.custody), wrap: '00' }],
    }),
  ].map(([name, vector]) => [name, name === 'secret-not-a-holder' ? { ...vector, code: 'E_NOT_ENTITLED' } : vector] as Named[number]); // the wrap is looked for first
}

async function requests(world: World): Promise<Named> {
  const [laptop, ada] = [world.machine('laptop'), world.device('ada')];
  const make = async (
    name: string,
    code: ProtocolCode | undefined,
    how: Ask = {},
    change: Readonly<Record<string, unknown>> = {},
    paths: Parameters<typeof ask>[2] = ['test/one'],
  ): Promise<Named[number]> => {
    const { bytes, rh } = await ask(world, laptop, paths, how);
    const base = {
      name: `request: ${name.replaceAll('-', ' ')}`,
      spec: '09-release.md#device',
      kind: 'request',
      log,
      now: world.clock.now(),
      request: toHex(bytes),
      me: ada.member,
      ...(code ? { code } : { rh, match: matchCode(rh) }),
      ...change,
    } as const;
    return [`request-${name}`, base as Vector]; // `change` holds fields of the same vector
  };
  const honest = await ask(world, laptop, ['test/one']);
  const item = found(honest.request.items[0], 'item');
  const envelope = parseEnvelope('request', honest.bytes, limits.requestBytes);
  const other = await ask(world, laptop, ['test/one']);
  const now = world.clock.now();
  const bad = 'a\u202eb';
  const proposed = (path: string) => ({ path, digest: zeroHash });
  return [
    await make('one-secret', undefined),
    await make('lease', undefined, { lease }),
    await make('field-and-several', undefined, {}, {}, ['test/one', ['prod/db', 'password']]),
    await make('proposal', undefined, { changes: { items: [], proposal: { blob: zeroHash, puts: [proposed('prod/new')] } } }),
    await make('proposal-of-several', undefined, { changes: { items: [], proposal: { blob: zeroHash, puts: [proposed('prod/new'), proposed('prod/db')] } } }),
    await make('proposal-of-one-path-twice', 'E_FIELD', {
      changes: { items: [], proposal: { blob: zeroHash, puts: [proposed('prod/a'), proposed('prod/a')] } },
    }),
    await make('changes', undefined, { changes: { items: [], changes: { blob: zeroHash, digest: zeroHash } } }),
    await make('delivered-again', undefined, {}, {}),
    await make(
      'signature-of-another-payload',
      'E_SIG_REQUEST',
      {},
      { request: toHex(encodeEnvelope({ ...envelope, signatures: parseEnvelope('request', other.bytes, limits.requestBytes).signatures })) },
    ),
    await make('signed-by-another-machine', 'E_SIG_REQUEST', { changes: { machine: world.machine('server').id } }),
    await make('other-org', 'E_ORG', { changes: { org: 'ab'.repeat(32) as OrgId } }),
    await make('version', 'E_SUITE', { changes: { v: 2 } as Ask['changes'] & object }), // a field that honest machines do not set
    await make('expired', 'E_REQ_STALE', { changes: { issuedAt: now - 60_000, expiresAt: now } }),
    await make('life-too-long', 'E_REQ_STALE', { lifeMs: limits.requestLifeMs + 1 }),
    await make('future', 'E_CLOCK', { changes: { issuedAt: now + limits.clockSkewMs + 1, expiresAt: now + limits.clockSkewMs + 2 } }),
    await make('seen', 'E_REQ_SEEN', {}, { seen: { rh: zeroHash, decided: false } }),
    await make('counter-back', 'E_CTR_BACK', {}, { highWater: 1_000_000 }),
    await make('counter-twice', 'E_CLONE', { changes: { ctr: 77 } }, { highWater: 77 }),
    await make('head-ahead', 'E_HEAD_AHEAD', { changes: { head: { seq: 999, eh: zeroHash } } }),
    await make('head-fork', 'E_FORK', { changes: { head: { seq: 1, eh: zeroHash } } }),
    await make('secret-unknown', 'E_UNKNOWN_ID', { changes: { items: [{ ...item, secret: idFrom(world.random) }] } }),
    await make('old-version', 'E_VERSION', { changes: { items: [{ ...item, ver: 1, putEh: world.secret('test/one').put.prevVerEh }] } }),
    await make('policy-changed', 'E_POLICY_CHANGED', { changes: { items: [{ ...item, policyEh: zeroHash }] } }),
    await make('field-unknown', 'E_UNKNOWN_ID', { changes: { items: [{ ...item, field: 'pin' }] } }),
    await make('asks-nothing', 'E_FIELD', { changes: { items: [] } }),
    await make('changes-beside-an-item', 'E_FIELD', { changes: { changes: { blob: zeroHash, digest: zeroHash } } }),
    await make('not-eligible', 'E_NOT_ELIGIBLE', {}, { me: world.member('eve').id }),
    await make('lease-too-long', 'E_LEASE_BOUNDS', { lease: { ttlS: 901, uses: 1, scope: 'process' } }),
    await make('lease-too-wide', 'E_LEASE_BOUNDS', { lease: { ttlS: 1, uses: 1, scope: 'machine' } }),
    await make('reason-deceives', 'E_TEXT', { reason: bad }),
    await make('observed-deceives', 'E_TEXT', { observed: { exe: bad } }),
    await make('too-large', 'E_LIMIT', {}, { request: '00'.repeat(limits.requestBytes + 1) }),
  ];
}

async function answers(world: World): Promise<Named> {
  const [laptop, ada, ben] = [world.machine('laptop'), world.device('ada'), world.device('ben')];
  const epkSeed = world.random(32);
  const seeded = async (): Promise<WorldRequest> => ask(world, laptop, ['test/one'], { lease, epkSeed });
  const request = await seeded();
  const vectorOf = (name: string, sealed: Uint8Array, code?: ProtocolCode, change: Partial<AnswerVector> = {}): Named[number] => [
    `answer-${name}`,
    {
      name: `answer: ${name.replaceAll('-', ' ')}`,
      spec: '09-release.md#daemon',
      kind: 'answer',
      log,
      now: world.clock.now(),
      request: toHex(request.bytes),
      epkSeed: toHex(epkSeed),
      answer: toHex(sealed),
      ...(code ? { code } : {}),
      ...change,
    },
  ];
  const honest = async (name: string, decision: Decision, device: WorldDevice): Promise<Named[number]> => {
    const sealed = await answer(world, device, request, decision);
    const verified = await receive(world, request, sealed);
    return vectorOf(name, sealed, undefined, { decision, challenge: coreHash(verified.answer), shares: verified.shares.map(({ share }) => toHex(share)) });
  };
  const wrong = async (name: string, code: ProtocolCode, how: DoctoredAnswer, decision: Decision = 'approve', device = ada): Promise<Named[number]> =>
    vectorOf(name, await answer(world, device, request, decision, how), code);
  const other = await seeded();
  const { answer: plain } = await receive(world, request, await answer(world, ada, request, 'approve'));
  const inner = await other.epk.open('apr', world.state.org, [other.rh], await answer(world, ada, other, 'approve'));
  const resealed = await sealTo(request.request.epk, 'apr', world.state.org, [request.rh], inner);
  const secret = world.secret('test/one');
  const { x, share } = await shareOf(world, ada, secret);
  const foreign = [
    { putEh: secret.putEh, x, sealed: await resealShare(request.request, other.rh, { member: ada.member, device: ada.id }, secret.putEh, x, share) },
  ];
  const verified = await receive(world, request, await answer(world, ada, request, 'approve'));
  const denied = await receive(world, request, await answer(world, ada, request, 'deny'));
  const proof = (name: string, evidence: typeof verified.evidence, code?: ProtocolCode, rh: Hash = request.rh): Named[number] => [
    `evidence-${name}`,
    {
      name: `evidence: ${name.replaceAll('-', ' ')}`,
      spec: '09-release.md#evidence',
      kind: 'evidence',
      log,
      now: world.clock.now(),
      rh,
      evidence: toHex(encode(evidenceCodec, evidence)),
      ...(code ? { code } : {}),
    },
  ];
  return [
    await honest('approve', 'approve', ada),
    await honest('approve-by-another', 'approve', ben),
    await honest('deny', 'deny', ada),
    await honest('shown', 'shown', ben),
    vectorOf('to-another-request', await answer(world, ada, other, 'approve'), 'E_BIND'),
    vectorOf('sealed-again', resealed, 'E_BIND'),
    vectorOf('replayed', resealed, 'E_REPLAY', { consumed: [other.request.requestId] }),
    await wrong('share-of-another-request', 'E_BIND', { changes: { items: foreign } }),
    await wrong('shares-missing', 'E_BIND', { changes: { items: [] } }),
    await wrong('unknown-signer', 'E_SIGNATURE', { signer: laptop.sig }),
    await wrong('wrong-key', 'E_SIGNATURE', { signer: ada.presence }),
    await wrong('deny-with-gesture-key', 'E_SIGNATURE', { signer: ada.sig }, 'deny'),
    await wrong('in-another-name', 'E_NOT_ELIGIBLE', { changes: { member: ben.member } }),
    await wrong('not-eligible', 'E_NOT_ELIGIBLE', {}, 'deny', world.device('eve')),
    await wrong('release-proposed-further', 'E_BIND', {}, 'proposed'),
    await wrong('other-org', 'E_ORG', { changes: { org: 'ab'.repeat(32) as OrgId } }),
    await wrong('version', 'E_SUITE', { changes: { suite: 2 } as Partial<Answer> }), // a field that honest devices do not set
    await wrong('clock', 'E_CLOCK', { changes: { ts: world.clock.now() - limits.clockSkewMs - 1 } }),
    await wrong('head-ahead', 'E_HEAD_AHEAD', { changes: { head: { seq: 999, eh: zeroHash } } }),
    await wrong('head-fork', 'E_FORK', { changes: { head: { seq: 1, eh: zeroHash } } }),
    vectorOf('without-verification', await sealAnswer(request.request, plain, ada.sig), 'E_WEBAUTHN'),
    await wrong('verification-of-another-lease', 'E_WEBAUTHN', { lease: { ...lease, ttlS: 60 }, forged: { lease } }),
    await wrong('verification-of-another-card', 'E_WEBAUTHN', { forged: { card: zeroHash } }),
    await wrong('user-not-verified', 'E_WEBAUTHN', { assertion: { flags: 1 } }),
    await wrong('lease-longer', 'E_LEASE_BOUNDS', { lease: { ...lease, ttlS: 601 } }),
    await wrong('chosen-share', 'E_SHARE_COMMIT', { share: () => new Uint8Array(32) }),
    vectorOf('too-large', new Uint8Array(limits.mailBytes + 1), 'E_LIMIT'),
    proof('approve', verified.evidence),
    proof('deny', denied.evidence),
    proof('other-request', verified.evidence, 'E_BIND', other.rh),
    proof('other-lease', { ...verified.evidence, lease: { ...lease, ttlS: 1 } }, 'E_WEBAUTHN'),
    proof('deny-as-approve', { ...denied.evidence, decision: 'approve' }, 'E_WEBAUTHN'),
  ];
}

async function receipts(world: World): Promise<Named> {
  const [laptop, ada] = [world.machine('laptop'), world.device('ada')];
  const request = await ask(world, laptop, ['test/one'], { lease });
  const { evidence } = await receive(world, request, await answer(world, ada, request, 'approve'));
  const first: Receipt = {
    org: world.state.org,
    machine: laptop.id,
    n: 0,
    prev: zeroHash,
    ts: world.clock.now(),
    head: world.state.head,
    outcome: 'released',
    requestId: request.request.requestId,
    rh: request.rh,
    request: request.bytes,
    evidence: [evidence],
    lease: { id: idFrom<LeaseId>(world.random), terms: lease, until: world.clock.now() + 600_000 },
    note: '',
  };
  const one = await signReceipt(first, laptop.sig);
  const { request: _1, lease: _2, ...rest } = first;
  const next = { ...rest, n: 1, prev: one.hash, outcome: 'used' as const, evidence: [], note: '/usr/bin/psql' };
  const make = async (
    name: string,
    receipt: Receipt,
    code?: ProtocolCode,
    before?: { readonly n: number; readonly hash: string },
    signer = laptop.sig,
  ): Promise<Named[number]> => {
    const signed = await signReceipt(receipt, signer);
    return [
      `receipt-${name}`,
      {
        name: `receipt: ${name.replaceAll('-', ' ')}`,
        spec: '09-release.md#receipts',
        kind: 'receipt',
        log,
        now: world.clock.now(),
        receipt: toHex(signed.bytes),
        ...(before ? { before } : {}),
        ...(code ? { code } : { hash: signed.hash }),
      },
    ];
  };
  const before = { n: 0, hash: one.hash };
  return [
    await make('first', first),
    await make('next', next, undefined, before),
    await make('gap', { ...next, n: 2 }, 'E_AUDIT_GAP', before),
    await make('other-parent', { ...next, prev: zeroHash }, 'E_AUDIT_GAP', before),
    await make('first-missing', next, 'E_AUDIT_GAP'),
    await make('other-machine', first, 'E_SIGNATURE', undefined, world.machine('server').sig),
    await make('by-a-device', first, 'E_SIGNATURE', undefined, ada.sig),
    await make('other-org', { ...first, org: 'ab'.repeat(32) as OrgId }, 'E_ORG'),
    await make('version', { ...first, v: 2 } as Receipt, 'E_SUITE'), // a field that honest machines do not set
  ];
}

async function notices(world: World): Promise<Named> {
  const ada = world.device('ada');
  const base = { org: world.state.org, device: ada.id, ts: world.clock.now(), head: world.state.head };
  const endLease = idFrom<LeaseId>(world.random);
  const make = async (name: string, notice: Parameters<typeof signNotice>[0], code?: ProtocolCode, signer = ada.presence): Promise<Named[number]> => [
    `notice-${name}`,
    {
      name: `notice: ${name.replaceAll('-', ' ')}`,
      spec: '09-release.md#mail',
      kind: 'notice',
      log,
      now: world.clock.now(),
      notice: toHex(await signNotice(notice, signer)),
      maxAgeMs: 60_000,
      ...(code ? { code } : {}),
      ...(code === undefined && notice.endLease ? { endLease: notice.endLease } : {}),
    },
  ];
  return [
    await make('attestation', base),
    await make('end-lease', { ...base, endLease }),
    await make('too-old', { ...base, ts: base.ts - 60_001 }, 'E_CLOCK'),
    await make('future', { ...base, ts: base.ts + limits.clockSkewMs + 1 }, 'E_CLOCK'),
    await make('wrong-key', base, 'E_SIGNATURE', ada.sig),
    await make('in-another-name', { ...base, device: world.device('ben').id }, 'E_ORG'),
    await make('other-org', { ...base, org: 'ab'.repeat(32) as OrgId }, 'E_ORG'),
    await make('version', { ...base, v: 2 } as typeof base, 'E_SUITE'), // a field that honest devices do not set
  ];
}

async function letters(world: World): Promise<Named> {
  const [ada, ben] = [world.device('ada'), world.device('ben')];
  const { org } = world.state;
  const letter: Letter = { kind: 'request', bytes: world.random(40) };
  const mail = await sealLetter(org, { id: ada.id, key: ada.inbox.publicKey }, letter);
  const base = { spec: '09-release.md#mail', kind: 'letter', org, me: ada.id, seed: toHex(ada.seeds.inbox), mail: toHex(mail) } as const;
  return [
    ['letter-request', { ...base, name: 'letter: a request to a device', holds: { kind: 'request', bytes: toHex(letter.bytes) } }],
    ['letter-other-reader', { ...base, name: 'letter: to another reader', me: ben.id, seed: toHex(ben.seeds.inbox), code: 'E_OPEN' }],
    ['letter-other-id', { ...base, name: 'letter: under another id', me: ben.id, code: 'E_OPEN' }],
    ['letter-too-large', { ...base, name: 'letter: too large', mail: '00'.repeat(limits.mailBytes + 1), code: 'E_LIMIT' }],
  ];
}
