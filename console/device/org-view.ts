// What the screens see, made from the verified log and the verified receipts (console/app.ts).
import { toHex } from '../../protocol/bytes.ts';
import type { MachineId } from '../../protocol/hash.ts';
import type { DeviceId, MemberId } from '../../protocol/hash.ts';
import type { WrapEntry } from '../../protocol/org-log/bodies.ts';
import type { Entry } from '../../protocol/org-log/entry.ts';
import { exposureOf, waitingFor } from '../../protocol/org-log/holders.ts';
import { adminThreshold } from '../../protocol/org-log/authority.ts';
import { type Device, type OrgState, type Secret, activeMachine, devicesOf } from '../../protocol/org-log/state.ts';
import { policyFor } from '../../protocol/policy.ts';
import { mixesScripts } from '../../protocol/text.ts';
import { recoveringView } from '../recovery/recovering.ts';
import type { AppFailure, HistoryRow, LeaseRow, MachineRow, MemberRow, OrgView, SecretRow } from '../app.ts';
import type { DeviceRow, GroupRow, TokenRow } from '../app-people.ts';
import type { Drafts } from './drafts.ts';
import type { Heads } from './heads.ts';
import { type AuthenticatorModel, formatAaguid } from './models.ts';
import type { News } from './news.ts';
import { type History, viewOfRow } from './history.ts';
import type { Inbox } from './inbox.ts';
import { rowOfEntry } from './log-rows.ts';
import { wordsOf } from './machines.ts';
import { policyRow } from './policies.ts';
import type { KnownLease, Receipts } from './receipts.ts';
import { servableBy } from './rewrap.ts';
import { type Session, myDevice } from './session.ts';

export interface ViewParts {
  readonly session: Session;
  readonly inbox: Inbox;
  readonly history: History;
  readonly receipts: Receipts;
  readonly drafts: Drafts;
  readonly heads: Heads;
  readonly news: News;
  readonly models: readonly AuthenticatorModel[];
  /** The newest entries of the log, oldest first. */
  readonly entries: readonly Entry[];
  readonly online: boolean;
  readonly ending: ReadonlySet<string>;
  readonly notice: AppFailure | undefined;
}

export const historyMax = 500;

export function orgView(parts: ViewParts): OrgView {
  const { session, inbox, notice } = parts;
  const state = session.log.requireState();
  const device = myDevice(session, state);
  const member = state.members.get(device.member);
  const recovering = recoveringView(state);
  return {
    id: state.org,
    name: state.name,
    me: { member: device.member, name: member?.name ?? '', device: device.name, roles: member?.roles ?? [] },
    frozen: state.frozen,
    ...(state.recovery ? { kit: { t: state.recovery.t, m: state.recovery.m, delayMs: state.recovery.delayMs } } : {}),
    ...(recovering ? { recovering } : {}),
    online: parts.online,
    relay: session.client.url,
    head: state.head.seq,
    inbox: inbox.cards(),
    refused: inbox.refused(),
    secrets: secretRows(state, session.me.device),
    leases: parts.receipts.leases().map((lease) => leaseRow(state, lease, parts.ending)),
    machines: machineRows(state),
    members: memberRows(state, parts),
    policies: [...state.policies.values()]
      .filter(({ retired }) => !retired)
      .map((policy) => policyRow(state, policy))
      .sort((a, b) => (a.pattern < b.pattern ? -1 : 1)),
    drafts: parts.drafts.rows(),
    groups: groupRows(state),
    tokens: tokenRows(state, session.platform.now()),
    terms: { tAdmin: state.tAdmin, origins: state.origins, rpIds: state.rpIds, authenticators: state.authenticators, needed: adminThreshold(state) },
    news: parts.news.rows(),
    history: historyRows(state, parts),
    ...(notice ? { notice } : {}),
  };
}

// A view is made at every change, a new log far less often: 10,000 rows are made once for each.
function onceFor<T, More extends readonly string[]>(make: (state: OrgState, ...more: More) => T): (state: OrgState, ...more: More) => T {
  let last: { readonly state: OrgState; readonly more: string; readonly rows: T } | undefined;
  return (state, ...more) =>
    (last?.state === state && last.more === more.join() ? last : (last = { state, more: more.join(), rows: make(state, ...more) })).rows;
}

const secretRows = onceFor((state, me: DeviceId): readonly SecretRow[] => {
  const live = [...state.secrets.values()].filter(({ retired }) => !retired);
  return live.map((secret) => secretRow(state, secret, me)).sort((a, b) => (a.path < b.path ? -1 : 1));
});

const machineRows = onceFor((state): readonly MachineRow[] =>
  [...state.machines.values()]
    .map((machine) => ({
      id: machine.machine,
      name: machine.name,
      status: machine.status,
      words: wordsOf(state, machine),
      since: machine.enrolledAt,
      groups: machine.groups,
      ...(machine.owner === undefined ? {} : { owner: machine.owner }),
    }))
    .sort(byName),
);

function secretRow(state: OrgState, secret: Secret, me: DeviceId): SecretRow {
  const { put, path, id, putTs } = secret;
  const policy = policyFor(state, path);
  const waiting = waitingFor(state, secret);
  const exposure = exposureOf(state, secret);
  const holds = secret.wraps.some(({ recipient }) => recipient === me);
  return {
    id,
    path,
    version: put.ver,
    fields: put.fields,
    description: mixesScripts(put.description) ? `${put.description} (mixed alphabets)` : put.description,
    updatedAt: putTs,
    by: state.members.get(secret.putBy)?.name ?? '',
    policy: policy?.pattern ?? 'none',
    waiting: waiting.filter((slot) => slot.servedBy !== 'version').map((slot) => holderName(state, slot)),
    sharable: holds ? servableBy(state, secret, me).map((id_) => deviceName(state, id_)) : [],
    needVersion: waiting.filter((slot) => slot.servedBy === 'version').map((slot) => holderName(state, slot)),
    ...(exposure ? { exposed: { to: exposure.holders.map((wrap) => holderName(state, wrap)), weaker: exposure.weaker } } : {}),
    machines: secret.wraps.filter(({ kind }) => kind === 'machine').flatMap(({ recipient }) => activeMachine(state, recipient as MachineId)?.name ?? []), // a machine wrap names a machine id
  };
}

function holderName(state: OrgState, { kind, recipient }: Pick<WrapEntry, 'kind' | 'recipient'>): string {
  if (kind === 'machine') return state.machines.get(recipient as MachineId)?.name ?? kind; // kind decides the id's brand
  return kind === 'device' ? deviceName(state, recipient as DeviceId) : 'the recovery kit'; // as above
}

function deviceName(state: OrgState, id: DeviceId): string {
  const device = state.devices.get(id);
  return device ? `${device.name} of ${state.members.get(device.member)?.name ?? 'somebody'}` : 'a device';
}

function leaseRow(state: OrgState, lease: KnownLease, ending: ReadonlySet<string>): LeaseRow {
  return {
    id: lease.id,
    machine: lease.machine,
    machineName: state.machines.get(lease.machine)?.name ?? '',
    paths: lease.paths,
    holder: lease.holder,
    until: lease.until,
    usesLeft: Math.max(0, lease.uses - lease.used),
    used: lease.used,
    approvedBy: lease.approvedBy,
    ending: ending.has(lease.id),
  };
}

function memberRows(state: OrgState, { session, heads, models, entries }: ViewParts): readonly MemberRow[] {
  const me = session.me;
  const since = new Map(entries.flatMap((entry) => (entry.type === 'device.add' ? [[entry.body.device, entry.ts] as const] : [])));
  const row = (id: MemberId, name: string, roles: readonly string[]): MemberRow => ({
    id,
    name,
    roles,
    me: id === me.member,
    devices: devicesOf(state, id)
      .map((device) => deviceRow(device, { me: device.device === me.device, models, since: since.get(device.device), seenAt: heads.seen.get(device.device) }))
      .sort(byName),
  });
  return [...state.members.values()]
    .filter(({ removed }) => !removed)
    .map(({ id, name, roles }) => row(id, name, roles))
    .sort(byName);
}

function deviceRow(
  { device, name, passkey }: Device,
  {
    me,
    models,
    since,
    seenAt,
  }: { readonly me: boolean; readonly models: ViewParts['models']; readonly since: number | undefined; readonly seenAt: number | undefined },
): DeviceRow {
  const aaguid = toHex(passkey.aaguid);
  const model = models.find((one) => one.aaguid === aaguid)?.name;
  return {
    id: device,
    name,
    me,
    synced: passkey.backupEligible,
    backedUp: passkey.backedUp,
    ...(/[1-9a-f]/.test(aaguid) ? { aaguid: formatAaguid(aaguid) } : {}),
    ...(model === undefined ? {} : { model }),
    ...(since === undefined ? {} : { since }),
    ...(seenAt === undefined ? {} : { seenAt }),
  };
}

const groupRows = onceFor((state): readonly GroupRow[] => {
  const machines = [...state.machines.values()].filter(({ status }) => status !== 'revoked');
  return [...state.groups.values()]
    .map(({ group, name, members }) => ({
      id: group,
      name,
      members,
      machines: machines.filter(({ groups }) => groups.includes(group)).map(({ machine }) => machine),
    }))
    .sort(byName);
});

/** Those that can still be used, and those of the last day. */
function tokenRows(state: OrgState, now: number): readonly TokenRow[] {
  return [...state.tokens.values()]
    .filter(({ expiresAt }) => expiresAt > now - 86_400_000)
    .map(({ token, expiresAt, autoAdmit, groups, usedBy }): TokenRow => {
      const name = usedBy && state.machines.get(usedBy)?.name;
      return { id: token, expiresAt, autoAdmit, groups, ...(name === undefined ? {} : { usedBy: name }) };
    })
    .sort((a, b) => b.expiresAt - a.expiresAt);
}

// The log's maps are in the order of random ids.
function byName(a: { readonly name: string; readonly id: string }, b: { readonly name: string; readonly id: string }): number {
  return a.name < b.name || (a.name === b.name && a.id < b.id) ? -1 : 1;
}

/** Newest first. */
function historyRows(state: OrgState, { history, entries }: ViewParts): readonly HistoryRow[] {
  const rows = [...history.rows().slice(-historyMax).map(viewOfRow), ...entries.slice(-historyMax).map((entry) => rowOfEntry(state, entry))];
  return rows.sort((a, b) => b.at - a.at).slice(0, historyMax);
}
