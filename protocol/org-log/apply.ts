// What each verified entry does to the state: who may sign it, what its body must satisfy, what must hold afterwards (spec/05-org-log.md §rules).
import { ProtocolError, check } from '../errors.ts';
import type { Hash, OrgId } from '../hash.ts';
import { keyIdOf } from '../keys.ts';
import { limits } from '../limits.ts';
import { verifyPattern, verifyReachable, widens } from '../policy.ts';
import { verifyName } from '../text.ts';
import type { Bodies, EntryType, Policy } from './bodies.ts';
import { type Entry, encodeEntry, entryHash } from './entry.ts';
import { addDevice, claimKemKey, claimKey, claimRecovery, isNewId } from './admit.ts';
import { applyMachineSet, applyMemberSet, applyOrgSet, verifyGroups, verifyRoles, withTerms } from './apply-org.ts';
import { applyRecoveryFinish, applyRecoverySet, applyRecoveryUse } from './apply-recovery.ts';
import { anyAuthenticator } from './org-bodies.ts';
import { type Context, adminThreshold, memberOf, requireAdmins } from './authority.ts';
import { authorityAfter, verifyDraft } from './draft.ts';
import { applySecretPut, applySecretRewrap, applySecretRetire } from './apply-secret.ts';
import { type OrgState, emptyMaps, isActiveMember, liveAdmins } from './state.ts';
import { stateHash } from './state-hash.ts';
import { type Later, type VerifiedEntry, orgIdOf, verifyEntry } from './verify.ts';

/** The step of every client: verify, then apply. The caller persists before it acts on the result. */
export async function advance(state: OrgState | undefined, bytes: Uint8Array, now: number, later?: Later): Promise<OrgState> {
  return (await advanceBy(state, bytes, now, later)).state;
}

/** The same, for who wants to see the entry too. */
export async function advanceBy(
  state: OrgState | undefined,
  bytes: Uint8Array,
  now: number,
  later?: Later,
): Promise<{ readonly state: OrgState; readonly entry: Entry }> {
  const verified = await verifyEntry(state, bytes, now, later);
  return { state: applyEntry(state, verified), entry: verified.entry };
}

/** Pure. Throws a coded ProtocolError and leaves nothing behind. */
export function applyEntry(state: OrgState | undefined, { entry, eh }: VerifiedEntry): OrgState {
  const next = state === undefined ? applyGenesis(entry, eh) : applyBody(state, entry, eh);
  const after = { ...next, ...authorityAfter(state, entry, eh), head: { seq: entry.seq, eh }, ts: Math.max(entry.ts, state?.ts ?? 0) };
  verifyInvariants(state, after);
  return after;
}

/** What the state would be once those whom the entry lists have signed it: for plans and for looking at drafts, never for accepting. */
export function foresee(state: OrgState, entry: Entry): OrgState {
  return applyEntry(state, { entry, eh: entryHash(encodeEntry(entry)) } as VerifiedEntry); // a forecast: nobody keeps it
}

function applyBody(state: OrgState, entry: Entry, eh: Hash): OrgState {
  verifyDraft(state, entry);
  // Whoever endorsed the draft stands behind the entry like those who signed it.
  const context: Context = { signers: [...entry.signers, ...(entry.draft?.endorsers ?? [])], ts: entry.ts, eh };
  check(
    !state.frozen ||
      entry.type === 'org.freeze' ||
      entry.type === 'org.unfreeze' ||
      entry.type.endsWith('.revoke') ||
      entry.type === 'member.remove' ||
      entry.type === 'meta.rotate' ||
      entry.type === 'checkpoint',
    'E_FROZEN',
    'the organisation is frozen',
  );
  const apply = rules[entry.type] as (state: OrgState, body: Entry['body'], context: Context) => OrgState; // the rule of that very type
  return apply(state, entry.body, context);
}

type Rules = { readonly [T in EntryType]: (state: OrgState, body: Bodies[T], context: Context) => OrgState };

const rules: Rules = {
  genesis: () => {
    throw new ProtocolError('E_CHAIN', 'genesis is the first entry and only the first');
  },
  'member.add': (state, body, context) => {
    requireAdmins(state, context, adminThreshold(state));
    check(!state.members.has(body.member), 'E_ID_REUSED', 'member id used before');
    verifyName(body.name);
    verifyRoles(body.roles);
    return { ...state, members: state.members.set(body.member, { id: body.member, name: body.name, roles: body.roles, removed: false }) };
  },
  'member.set': applyMemberSet,
  'member.remove': (state, body, context) => {
    requireAdmins(state, context, 1);
    const member = state.members.get(body.member);
    check(member !== undefined && !member.removed, 'E_UNKNOWN_ID', 'no such member');
    return { ...state, members: state.members.set(member.id, { ...member, removed: true }) };
  },
  'device.add': (state, body, context) => {
    check(isActiveMember(state, body.member), 'E_UNKNOWN_ID', 'no such member');
    const others = context.signers.filter((signer) => signer.id !== body.device);
    const byOwner = others.some((signer) => memberOf(state, signer) === body.member);
    // Without a live device of that member, one admin alone could become anybody.
    requireAdmins(state, { ...context, signers: others }, byOwner ? 1 : adminThreshold(state));
    return addDevice(state, body);
  },
  'device.revoke': (state, body, context) => {
    const device = state.devices.get(body.device);
    check(device !== undefined && !device.revoked, 'E_UNKNOWN_ID', 'no such active device');
    const own = context.signers.some((signer) => memberOf(state, signer) === device.member);
    if (!own || context.signers.length > 1) requireAdmins(state, context, 1);
    return { ...state, devices: state.devices.set(device.device, { ...device, revoked: true }) };
  },
  'token.issue': (state, body, context) => {
    requireAdmins(state, context, body.autoAdmit ? adminThreshold(state) : 1);
    check(!state.tokens.has(body.token), 'E_ID_REUSED', 'token id used before');
    check(
      body.expiresAt > context.ts && body.expiresAt - context.ts <= (body.autoAdmit ? 3_600_000 : limits.tokenLifeMs),
      'E_TOKEN_EXPIRED',
      'a token lives at most 24 hours, 1 hour where it admits by itself',
    );
    check(!body.autoAdmit || body.groups.length === 1, 'E_TOKEN_SCOPE', 'a token that admits by itself is for one group');
    verifyGroups(state, body.groups);
    return claimKey({ ...state, tokens: state.tokens.set(body.token, body) }, body.tokenKey, { kind: 'token', id: body.token }, 'sig');
  },
  'machine.enrol': (state, body, context) => {
    const token = state.tokens.get(body.token);
    check(token !== undefined, 'E_UNKNOWN_ID', 'no such token');
    check(token.usedBy === undefined, 'E_TOKEN_USED', 'the token was used before');
    check(context.ts <= token.expiresAt, 'E_TOKEN_EXPIRED', 'the token has expired');
    check(
      context.signers.length === 2 &&
        context.signers.some(({ kind, id }) => kind === 'token' && id === body.token) &&
        context.signers.some(({ kind, id }) => kind === 'machine' && id === body.machine),
      'E_TOKEN_SCOPE',
      'signed by token and machine, nobody else',
    );
    check(isNewId(state, body.machine), 'E_ID_REUSED', 'machine id used before');
    check(state.machines.size < limits.machines, 'E_LIMIT', `more than ${limits.machines} machines`);
    verifyName(body.name);
    const keyIds = { sig: keyIdOf('ES256', body.sigKey), kem: keyIdOf('X-Wing', body.kemKey) };
    const machine = {
      ...body,
      keyIds,
      enrolledAt: context.ts,
      status: token.autoAdmit ? ('active' as const) : ('enrolled' as const),
      groups: token.autoAdmit ? token.groups : [],
    };
    const enrolled = {
      ...state,
      tokens: state.tokens.set(token.token, { ...token, usedBy: body.machine }),
      machines: state.machines.set(body.machine, machine),
    };
    const holder = { kind: 'machine', id: body.machine } as const;
    return claimKemKey(claimKey(enrolled, body.sigKey, holder, 'sig'), body.kemKey, holder);
  },
  'machine.admit': (state, body, context) => {
    requireAdmins(state, context, 1);
    const machine = state.machines.get(body.machine);
    check(machine?.status === 'enrolled', 'E_UNKNOWN_ID', 'no machine waits with this id');
    return { ...state, machines: state.machines.set(body.machine, { ...withTerms(state, machine, body), status: 'active' }) };
  },
  'machine.set': applyMachineSet,
  'machine.revoke': (state, body, context) => {
    requireAdmins(state, context, 1);
    const machine = state.machines.get(body.machine);
    check(machine !== undefined && machine.status !== 'revoked', 'E_UNKNOWN_ID', 'no such active machine');
    return { ...state, machines: state.machines.set(body.machine, { ...machine, status: 'revoked' }) };
  },
  'group.set': (state, body, context) => {
    const before = state.groups.get(body.group);
    const narrows = before !== undefined && before.name === body.name && body.members.every((member) => before.members.includes(member));
    requireAdmins(state, context, narrows ? 1 : adminThreshold(state));
    verifyName(body.name);
    check(new Set(body.members).size === body.members.length, 'E_FIELD', 'a member twice in a group');
    for (const member of body.members) check(isActiveMember(state, member), 'E_UNKNOWN_ID', 'no such member');
    return { ...state, groups: state.groups.set(body.group, body) };
  },
  'policy.set': (state, body, context) => {
    requireAdmins(state, context, widens(state.policies.get(body.policy), body) ? adminThreshold(state) : 1);
    return setPolicy(state, body, context.eh);
  },
  'secret.put': applySecretPut,
  'secret.rewrap': applySecretRewrap,
  'secret.retire': applySecretRetire,
  'meta.rotate': (state, body, context) => {
    requireAdmins(state, context, 1);
    check(body.epoch === state.mkEpoch + 1, 'E_MK_EPOCH', 'epochs count up by one');
    return { ...state, mkEpoch: body.epoch, mkCommitment: body.commitment };
  },
  'org.freeze': (state, body, context) => {
    requireAdmins(state, context, 1);
    verifyName(body.reason);
    return { ...state, frozen: true, recovering: undefined };
  },
  'org.set': applyOrgSet,
  'org.unfreeze': (state, body, context) => {
    requireAdmins(state, context, adminThreshold(state));
    verifyName(body.reason);
    return { ...state, frozen: false };
  },
  'recovery.set': applyRecoverySet,
  'recovery.use': applyRecoveryUse,
  'recovery.finish': applyRecoveryFinish,
  checkpoint: (state, body, context) => {
    check(
      context.signers.every((signer) => signer.kind === 'device'),
      'E_ROLE',
      'a checkpoint is a device’s',
    );
    check(body.stateHash === stateHash(state), 'E_CHECKPOINT_STATE', 'restates another state than this log gives');
    return body.snapshot === undefined ? state : { ...state, checkpoint: state.head.seq + 1 };
  },
};

function applyGenesis(entry: Entry, eh: Hash): OrgState {
  check(entry.type === 'genesis', 'E_CHAIN', 'genesis is the first entry and only the first');
  const { body } = entry;
  check(entry.signers.length === 1 && body.founder.member === body.device.member, 'E_SIGNERS', 'a first entry is signed by the founder’s device');
  verifyName(body.name);
  verifyName(body.founder.name);
  const org: OrgId = orgIdOf(eh);
  const base: OrgState = {
    ...emptyMaps(),
    org,
    name: body.name,
    head: { seq: 0, eh },
    ts: entry.ts,
    authority: eh,
    tAdmin: body.tAdmin,
    origins: body.origins,
    rpIds: body.rpIds,
    authenticators: anyAuthenticator,
    frozen: false,
    mkEpoch: 0,
    mkCommitment: body.mkCommitment,
    checkpoint: 0,
  };
  const { member, name, roles } = body.founder;
  const withDevice = addDevice({ ...base, members: base.members.set(member, { id: member, name, roles, removed: false }) }, body.device);
  const founded = body.recovery ? claimRecovery(withDevice, body.recovery) : withDevice;
  return body.policies.reduce((state, policy) => setPolicy(state, policy, eh), founded);
}

function setPolicy(state: OrgState, body: Policy, eh: Hash): OrgState {
  verifyPattern(body.pattern);
  for (const clause of body.clauses) {
    check(clause.k >= 1, 'E_QUORUM', 'a quorum of nobody');
    check(clause.members.length + clause.groups.length > 0, 'E_QUORUM', 'nobody may approve');
    for (const member of clause.members) check(isActiveMember(state, member), 'E_UNKNOWN_ID', 'no such member');
    for (const group of clause.groups) check(state.groups.has(group), 'E_UNKNOWN_ID', 'no such group');
  }
  if (!body.retired) verifyReachable(state, body);
  for (const host of body.hosts) verifyName(host);
  const clash = [...state.policies.values()].some((other) => !other.retired && !body.retired && other.pattern === body.pattern && other.policy !== body.policy);
  check(!clash, 'E_POLICY', 'another policy has this pattern');
  return { ...state, policies: state.policies.set(body.policy, { ...body, eh }) };
}

function verifyInvariants(before: OrgState | undefined, after: OrgState): void {
  if (before?.members === after.members && before.devices === after.devices && before.tAdmin === after.tAdmin) return; // as it was before
  const admins = liveAdmins(after).length;
  check(admins >= 1, 'E_MIN_ADMINS', 'no admin with a live device would be left');
  // While an org is founded it has fewer admins than its threshold: their number may rise to it, and from then on never fall below it.
  // Recovery keys do not excuse it: whoever could bring the admins down to one would then need nobody else.
  check(admins >= after.tAdmin || before === undefined || admins >= liveAdmins(before).length, 'E_MIN_ADMINS', 'fewer admins than the threshold would be left');
  check(admins <= limits.admins, 'E_LIMIT', `more than ${limits.admins} admins`);
}
