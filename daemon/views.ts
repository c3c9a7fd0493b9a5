// What the local API tells about the organisation: names, never values (spec/10-local-api.md §calls).
import type { LogLine, PolicySummary, SecretInfo, SecretSummary } from '../protocol/local-api.ts';
import { signerName, subjectOf } from '../protocol/audit/words.ts';
import { limits } from '../protocol/limits.ts';
import type { Policy } from '../protocol/org-log/bodies.ts';
import { entryHash, parseEntry } from '../protocol/org-log/entry.ts';
import { exposureOf, waitingFor } from '../protocol/org-log/holders.ts';
import { type OrgState, type Secret, secretAt } from '../protocol/org-log/state.ts';
import { machineEntitled, policyFor } from '../protocol/policy.ts';
import { machineWords, quorumWords } from '../protocol/policy-words.ts';
import { parseEnvelope } from '../protocol/sign.ts';
import type { StoredEntry } from '../relay-client/log-store.ts';
import { DaemonError } from './errors.ts';
import type { MachineIdentity } from './vault/machine-key.ts';

export function secretSummaries(state: OrgState, machine: MachineIdentity): readonly SecretSummary[] {
  return [...state.secrets.values()]
    .filter(({ retired }) => !retired)
    .map((secret) => summaryOf(state, machine, secret))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function summaryOf(state: OrgState, machine: MachineIdentity, secret: Secret): SecretSummary {
  const policy = policyFor(state, secret.path);
  const exposure = exposureOf(state, secret);
  return {
    path: secret.path,
    version: secret.put.ver,
    fields: secret.put.fields,
    description: secret.put.description,
    updatedAt: new Date(secret.putTs).toISOString(),
    entitled: policy !== undefined && machineEntitled(state, policy, machine.machine) && secret.wraps.some(({ recipient }) => recipient === machine.machine),
    ...(exposure ? { exposed: exposure.holders.length > 0 ? ('holder' as const) : ('weaker' as const) } : {}),
  };
}

export function secretInfo(state: OrgState, machine: MachineIdentity, path: string): SecretInfo {
  const secret = secretAt(state, path);
  if (!secret) throw new DaemonError('not_found', 'E_NOT_FOUND', `there is no secret ${path}`, { next: 'stillvault ls' });
  const policy = policyFor(state, path);
  if (!policy)
    throw new DaemonError('policy_forbids', 'E_POLICY', `no policy covers ${path}, so nobody may have it`, {
      next: `stillvault policy check ${path}; an admin sets a rule in the console, or with: stillvault policy apply`,
    });
  const nameOf = recipientName(state);
  const waiting = waitingFor(state, secret);
  return {
    ...summaryOf(state, machine, secret),
    id: secret.id,
    policy: policySummary(state, policy),
    custody: {
      k: secret.put.k,
      members: secret.shares.map(({ member }) => state.members.get(member)?.name ?? 'a former member'),
      machines: secret.wraps.filter(({ kind }) => kind === 'machine').map(({ recipient }) => nameOf(recipient)),
      waiting: waiting.map(({ recipient }) => nameOf(recipient)),
      needVersion: waiting.filter((slot) => slot.servedBy === 'version').map(({ recipient }) => nameOf(recipient)),
      exposedTo: (exposureOf(state, secret)?.holders ?? []).map(({ recipient }) => nameOf(recipient)),
    },
  };
}

function recipientName(state: OrgState): (id: string) => string {
  return (id) => state.machines.get(id as never)?.name ?? state.devices.get(id as never)?.name ?? 'the recovery kit'; // any id may be looked up
}

function policySummary(state: OrgState, policy: Policy): PolicySummary {
  return {
    pattern: policy.pattern,
    approvers: quorumWords(state, policy.clauses),
    machines: machineWords(state, policy.machines),
    maxTtlS: policy.maxTtlS,
    maxUses: policy.maxUses,
    scopes: policy.scopes,
    tier: policy.tier,
    reasonRequired: policy.reasonRequired,
    revealAllowed: policy.revealAllowed,
    hosts: policy.hosts,
  };
}

/** Entries as lines for reading, names resolved at the newest state. */
export function logLines(state: OrgState, entries: readonly StoredEntry[]): readonly LogLine[] {
  return entries.map(({ bytes }) => {
    const { payload } = parseEnvelope('entry', bytes, limits.entryBytes);
    const entry = parseEntry(payload);
    return {
      seq: entry.seq,
      at: new Date(entry.ts).toISOString(),
      type: entry.type,
      by: entry.signers.map((signer) => signerName(state, signer)),
      what: subjectOf(state, entry),
      eh: entryHash(payload),
    };
  });
}
