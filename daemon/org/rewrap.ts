// Gives machines that policy entitles, and that joined later, their half of each secret (spec/07-custody.md §rewrap).
import { wipe } from '../../protocol/bytes.ts';
import { openMachineHalf, rewrapForMachine } from '../../protocol/custody.ts';
import { type Hash, type MachineId, blobHash } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { RewrapItem, WrapEntry } from '../../protocol/org-log/bodies.ts';
import { type Entry, encodeEntry } from '../../protocol/org-log/entry.ts';
import { type OrgState, type Secret, activeMachine } from '../../protocol/org-log/state.ts';
import { entitledMachines, policyFor } from '../../protocol/policy.ts';
import { rewrapBatches } from '../../protocol/rewrap.ts';
import { signEnvelope } from '../../protocol/sign.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';
import type { OrgLink } from './link.ts';
import { fetchBlobs } from './replicas.ts';

export interface RewrapDeps {
  readonly machine: MachineIdentity;
  readonly store: DaemonStore;
  readonly link: OrgLink;
  readonly now: () => number;
  readonly onProblem: (error: unknown) => void;
}

/** One pass over all secrets that this machine holds and others wait for; several machines may try, the relay lets one win. */
export async function rewrapForNewMachines(deps: RewrapDeps): Promise<void> {
  const waiting = waitingSecrets(deps.link.log.state, deps.machine);
  for (let at = 0; at < waiting.length; at += limits.rewrapItems) {
    await rewrapSome(deps, waiting.slice(at, at + limits.rewrapItems)).catch(async (error: unknown) => {
      // Somebody was faster: the pass after that entry sees what is left.
      if (error instanceof RelayClientError && error.code === 'E_RELAY_CONFLICT') await deps.link.sync();
      else deps.onProblem(error);
    });
  }
}

function waitingSecrets(state: OrgState | undefined, machine: MachineIdentity): readonly Secret['id'][] {
  if (!state || state.frozen || !activeMachine(state, machine.machine)) return [];
  return [...state.secrets.values()].filter((secret) => !secret.retired && halfOf(secret, machine) && missing(state, secret).length > 0).map(({ id }) => id);
}

function halfOf(secret: Secret, { machine }: MachineIdentity): WrapEntry | undefined {
  return secret.wraps.find(({ recipient }) => recipient === machine);
}

function missing(state: OrgState, secret: Secret): readonly MachineId[] {
  const policy = policyFor(state, secret.path);
  return policy ? entitledMachines(state, policy).filter((other) => !secret.wraps.some(({ recipient }) => recipient === other)) : [];
}

async function rewrapSome(deps: RewrapDeps, ids: readonly Secret['id'][]): Promise<void> {
  const { machine, link, now } = deps;
  const before = link.log.requireState();
  if (before.frozen || !activeMachine(before, machine.machine)) return;
  const items: RewrapItem[] = [];
  const blobs = new Map<Hash, Uint8Array>();
  for (const id of ids) {
    // One that cannot be opened does not keep the others waiting.
    const made = await rewrapOne(deps, before, id).catch(deps.onProblem);
    if (!made) continue;
    items.push(made.item);
    for (const blob of made.blobs) blobs.set(blobHash(blob), blob);
  }
  let state = before;
  for (const batch of rewrapBatches(items)) {
    await link.client.putBlobs(batch.flatMap(({ wraps }) => wraps.map(({ wrap }) => blobs.get(wrap) ?? new Uint8Array(0))));
    const entry: Entry = {
      type: 'secret.rewrap',
      org: state.org,
      seq: state.head.seq + 1,
      prev: state.head.eh,
      ts: Math.max(now(), state.ts),
      signers: [{ kind: 'machine', id: machine.machine }],
      body: { items: batch },
    };
    state = await link.log.append(await signEnvelope('entry', encodeEntry(entry), [{ signer: machine.sig }]));
  }
}

async function rewrapOne(
  { machine, store, link }: RewrapDeps,
  state: OrgState,
  id: Secret['id'],
): Promise<{ readonly item: RewrapItem; readonly blobs: readonly Uint8Array[] } | undefined> {
  const secret = state.secrets.get(id);
  const own = secret && halfOf(secret, machine);
  const policy = secret && policyFor(state, secret.path);
  if (!own || !policy || secret.retired) return undefined;
  const others = missing(state, secret);
  if (others.length === 0) return undefined;
  const [wrap = new Uint8Array(0)] = await fetchBlobs(link, store, [own.wrap]);
  const b = await openMachineHalf(state.org, secret, machine.machine, machine.kem, wrap);
  const made = await Promise.all(others.map((other) => rewrapForMachine(state, secret, other, b))).finally(() => wipe(b));
  return {
    item: { secret: secret.id, putEh: secret.putEh, policyEh: policy.eh, shares: [], wraps: made.map(({ entry }) => entry) },
    blobs: made.map(({ blob }) => blob),
  };
}
