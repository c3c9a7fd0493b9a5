// The release flow in the fake world: ask as a machine, look and answer as a device, open as the daemon. Never shipped.
import {
  type Answer,
  type CountedShare,
  type Decision,
  type PendingRequest,
  type VerifiedAnswer,
  cardDigest,
  coreHash,
  resealShare,
  sealAnswer,
  verifyAnswer,
} from '../protocol/approval.ts';
import { type SecretValue, openMachineHalf, openSecret, openShare } from '../protocol/custody.ts';
import type { RequestId } from '../protocol/hash.ts';
import { policyFor } from '../protocol/policy.ts';
import {
  type LeaseTerms,
  type MachineHighWater,
  type Observed,
  type Request,
  type RequestMemory,
  type SignedRequest,
  type VerifiedItem,
  type VerifiedRequest,
  once,
  signRequest,
  verifyRequest,
} from '../protocol/request.ts';
import { type KemKey, kemKeyFrom } from '../protocol/seal.ts';
import type { MailboxId } from '../protocol/wire.ts';
import { toHex } from '../protocol/bytes.ts';
import type { AssertionFacts } from './authenticator.ts';
import { type World, found } from './world.ts';
import { type WorldDevice, type WorldMachine, idFrom } from './world-people.ts';

export interface WorldRequest extends SignedRequest {
  readonly request: Request;
  readonly epk: KemKey;
  readonly items: readonly VerifiedItem[];
  readonly pending: PendingRequest;
}
export interface Ask {
  readonly lease?: LeaseTerms;
  readonly reason?: string;
  readonly agent?: string;
  readonly lifeMs?: number;
  /** Private seed of the request's key; random where absent. */
  readonly epkSeed?: Uint8Array;
  readonly observed?: Partial<Observed>;
  /** Replaces what an honest machine would send, before it is signed. */
  readonly changes?: Partial<Request>;
}
/** What a hostile device changes in its answer. */
export interface DoctoredAnswer {
  readonly lease?: LeaseTerms;
  /** Replaced before the assertion is made, so that it covers them. */
  readonly changes?: Partial<Answer>;
  /** Replaced after the assertion was made. */
  readonly forged?: Partial<Answer>;
  readonly assertion?: Partial<AssertionFacts>;
  readonly signer?: WorldDevice['sig'];
  /** Changes the opened share before it is sealed again. */
  readonly share?: (share: Uint8Array) => Uint8Array;
}

export const psql: Observed = {
  uid: 1_000,
  user: 'ada',
  pid: 4_711,
  startedAt: Date.UTC(2026, 0, 5, 11, 59),
  exe: '/usr/bin/psql',
  argv: ['psql', '-h', 'db.example'],
  cwd: '/home/ada/reports',
  ancestors: [{ pid: 4_700, exe: '/usr/bin/agent', argv: ['agent', '--task', 'report'] }],
  namespaces: 'same',
  terminal: 'tty',
  identity: 'pidfd',
  anchor: 0,
};

/** A signed request of a machine for the newest versions at `paths`, with its fresh key. */
export async function ask(
  world: World,
  machine: WorldMachine,
  paths: readonly (string | readonly [path: string, field: string])[],
  { lease = once, reason = 'nightly report', agent = 'agent', lifeMs = 180_000, observed = {}, changes = {}, epkSeed = world.random(32) }: Ask = {},
): Promise<WorldRequest> {
  const epk = await kemKeyFrom(epkSeed.slice());
  const items = paths.map((wanted): VerifiedItem => {
    const [path, field] = typeof wanted === 'string' ? [wanted] : wanted;
    const secret = world.secret(path);
    const policy = found(policyFor(world.state, path), `policy for ${path}`);
    return {
      item: { secret: secret.id, ver: secret.put.ver, putEh: secret.putEh, policyEh: policy.eh, ...(field === undefined ? {} : { field }) },
      secret,
      policy,
    };
  });
  const now = world.clock.now();
  const request: Request = {
    org: world.state.org,
    head: world.state.head,
    requestId: idFrom<RequestId>(world.random),
    machine: machine.id,
    keyId: machine.sig.keyId,
    bootId: machine.bootId,
    ctr: ++machine.ctr,
    items: items.map(({ item }) => item),
    epk: epk.publicKey,
    reply: toHex(world.random(32)) as MailboxId, // a mailbox of the fake world
    lease,
    observed: { ...psql, ...observed },
    claimed: { agent, reason },
    issuedAt: now,
    expiresAt: now + lifeMs,
    ...changes,
  };
  const signed = await signRequest(request, machine.sig);
  return { ...signed, request, epk, items, pending: { request, rh: signed.rh, epk, items, consumed: () => false } };
}

/** What a device remembers of machines, in memory. */
export function deviceMemory(): RequestMemory & { readonly remember: (verified: VerifiedRequest) => void; readonly decide: (request: RequestId) => void } {
  const marks = new Map<string, MachineHighWater>();
  const seen = new Map<string, { rh: VerifiedRequest['rh']; decided: boolean }>();
  return {
    highWater: (machine) => marks.get(machine),
    seen: (request) => seen.get(request),
    remember: ({ request, rh }) => {
      marks.set(request.machine, { ctr: request.ctr, requestId: request.requestId });
      seen.set(request.requestId, { rh, decided: false });
    },
    decide: (request) => {
      const known = seen.get(request);
      if (known) known.decided = true;
    },
  };
}

/** The device's check before anything is shown. */
export function look(world: World, device: WorldDevice, signed: Uint8Array, memory: RequestMemory = deviceMemory()): Promise<VerifiedRequest> {
  return verifyRequest(world.state, world.history, memory, device.member, signed, world.clock.now());
}

/** The device's answer, sealed to the request's key. */
export async function answer(
  world: World,
  device: WorldDevice,
  { request, rh, items }: Pick<WorldRequest, 'request' | 'rh' | 'items'>,
  decision: Decision,
  how: DoctoredAnswer = {},
): Promise<Uint8Array> {
  const core = {
    org: world.state.org,
    rh,
    decision,
    lease: how.lease ?? request.lease,
    device: device.id,
    member: device.member,
    head: world.state.head,
    nonce: world.random(16),
    card: cardDigest(['who', 'what']),
  };
  const plain: Answer = {
    ...core,
    requestId: request.requestId,
    ts: world.clock.now(),
    items: decision === 'approve' ? await reseal(world, device, { request, rh, items }, how) : [],
    ...how.changes,
  };
  const assertion = decision === 'approve' ? await found(device.voice.assert, 'passkey')(coreHash(plain), how.assertion) : undefined;
  return sealAnswer(request, { ...plain, ...how.forged }, how.signer ?? (decision === 'approve' ? device.sig : device.presence), assertion);
}

async function reseal(
  world: World,
  device: WorldDevice,
  { request, rh, items }: Pick<WorldRequest, 'request' | 'rh' | 'items'>,
  how: DoctoredAnswer,
): Promise<Answer['items']> {
  return Promise.all(
    items.map(async ({ item, secret }) => {
      const { x, share } = await shareOf(world, device, secret);
      return {
        putEh: item.putEh,
        x,
        sealed: await resealShare(request, rh, { member: device.member, device: device.id }, item.putEh, x, how.share?.(share) ?? share),
      };
    }),
  );
}

/** A device opens its own share of a secret. */
export function shareOf(world: World, device: WorldDevice, secret: VerifiedItem['secret']): Promise<{ readonly x: number; readonly share: Uint8Array }> {
  const wrap = found(
    secret.wraps.find(({ recipient }) => recipient === device.id),
    `wrap for ${device.facts.name}`,
  );
  return openShare(world.state.org, secret, device.member, device.id, device.custody, world.blob(wrap.wrap));
}

/** The daemon's check of an answer. */
export function receive(world: World, { pending }: WorldRequest, sealed: Uint8Array): Promise<VerifiedAnswer> {
  return verifyAnswer(world.state, world.history, pending, sealed, world.clock.now());
}

/** The machine's half of a secret. */
export function halfOf(world: World, machine: WorldMachine, secret: VerifiedItem['secret']): Promise<Uint8Array> {
  const wrap = found(
    secret.wraps.find(({ recipient }) => recipient === machine.id),
    `wrap for ${machine.name}`,
  );
  return openMachineHalf(world.state.org, secret, machine.id, machine.kem, world.blob(wrap.wrap));
}

/** The daemon combines the counted answers with its half: one value per item of the request. */
export async function open(world: World, machine: WorldMachine, { items }: WorldRequest, answers: readonly VerifiedAnswer[]): Promise<readonly SecretValue[]> {
  const values: SecretValue[] = [];
  for (const [index, { secret }] of items.entries()) {
    const shares = answers.map(({ shares: list }): CountedShare => found(list[index], 'share'));
    values.push(await openSecret(world.state.org, secret, shares, await halfOf(world, machine, secret), world.blob(secret.put.body)));
  }
  return values;
}
