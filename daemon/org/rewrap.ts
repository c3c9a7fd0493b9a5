// Gives machines that policy entitles, and that joined later, their half of each secret (spec/07-custody.md §rewrap).
import { wipe } from '../../protocol/bytes.ts';
import { openMachineHalf, rewrapForMachine } from '../../protocol/custody.ts';
import { type Hash, type MachineId, blobHash } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { RewrapItem } from '../../protocol/org-log/bodies.ts';
import { type Entry, encodeEntry } from '../../protocol/org-log/entry.ts';
import { waitingFor } from '../../protocol/org-log/holders.ts';
import { type OrgState, type Secret, activeMachine } from '../../protocol/org-log/state.ts';
import { policyFor } from '../../protocol/policy.ts';
import { rewrapBatches, stillWaiting } from '../../protocol/rewrap.ts';
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
  /** Own wraps that do not open: told once, and served by others. */
  readonly broken: Set<Hash>;
  readonly onProblem: (error: unknown) => void;
}

/** Appended again this often where others write at the same moment; then it is another pass's turn. */
const attempts = 5;

/** Secrets that this machine can serve another machine, in the order of the log's map. */
export function servable(state: OrgState | undefined, machine: MachineId, broken: ReadonlySet<Hash>): readonly Secret[] {
  if (!state || state.frozen || !activeMachine(state, machine)) return [];
  return [...state.secrets.values()].filter((secret) => {
    const own = ownWrap(secret, machine);
    return own !== undefined && !broken.has(own) && waitingMachines(state, secret).length > 0;
  });
}

/** How many active machines come before this one: the others wait for a while, so that not all of them do the same work. */
export function rankOf(state: OrgState, machine: MachineId, secret: Secret): number {
  return secret.wraps.filter(({ kind, recipient }) => kind === 'machine' && recipient < machine && activeMachine(state, recipient as MachineId)).length; // kind decides the brand
}

/**
 * All that wait now, a few at a time: whatever stops it, what is in the log is done and the next pass sees what is left. Throws what keeps it from
 * going on; a secret that cannot be opened is told and passed over.
 */
export async function rewrapForNewMachines(deps: RewrapDeps, signal: AbortSignal): Promise<void> {
  const waiting = servable(deps.link.log.state, deps.machine.machine, deps.broken).map(({ id }) => id);
  for (let at = 0; at < waiting.length && !signal.aborted; at += limits.rewrapItems) {
    const made: Made[] = [];
    for (const id of waiting.slice(at, at + limits.rewrapItems)) {
      const one = await wrapOne(deps, id).catch(deps.onProblem);
      if (one) made.push(one);
    }
    await give(deps, made);
  }
}

interface Made {
  readonly item: RewrapItem;
  readonly blobs: readonly Uint8Array[];
}

async function wrapOne({ machine, store, link, broken }: RewrapDeps, id: Secret['id']): Promise<Made | undefined> {
  const state = link.log.requireState();
  const [secret, policy] = [state.secrets.get(id), policyOf(state, id)];
  const own = secret && ownWrap(secret, machine.machine);
  const others = secret ? waitingMachines(state, secret) : [];
  if (!secret || !own || !policy || others.length === 0) return undefined;
  const [wrap = new Uint8Array(0)] = await fetchBlobs(link, store, [own]);
  const b = await openMachineHalf(state.org, secret, machine.machine, machine.kem, wrap).catch((error: unknown) => {
    broken.add(own);
    throw error;
  });
  const made = await Promise.all(others.map((other) => rewrapForMachine(state, secret, other, b))).finally(() => wipe(b));
  return {
    item: { secret: id, putEh: secret.putEh, policyEh: policy, shares: [], wraps: made.map(({ entry }) => entry) },
    blobs: made.map(({ blob }) => blob),
  };
}

/** First the bytes, then the entries that name them. Where somebody was faster, what is left of it goes onto the new head. */
async function give({ machine, link, now }: RewrapDeps, made: readonly Made[]): Promise<void> {
  const blobs = new Map<Hash, Uint8Array>(made.flatMap(({ blobs: some }) => some.map((blob) => [blobHash(blob), blob] as const)));
  for (let attempt = 1; ; attempt++) {
    let state = link.log.requireState();
    if (state.frozen || !activeMachine(state, machine.machine)) return;
    const left = made.map(({ item }) => stillWaiting(state, item)).filter((item) => item !== undefined);
    const sending = left.flatMap(({ wraps }) => wraps.map(({ wrap }) => blobs.get(wrap))).filter((blob) => blob !== undefined);
    if (sending.length > 0) await link.client.putBlobs(sending);
    for (const wraps of left.flatMap(({ wraps: some }) => some)) blobs.delete(wraps.wrap); // they are there
    try {
      for (const items of rewrapBatches(left)) {
        const entry: Entry = {
          type: 'secret.rewrap',
          org: state.org,
          seq: state.head.seq + 1,
          prev: state.head.eh,
          ts: Math.max(now(), state.ts),
          signers: [{ kind: 'machine', id: machine.machine }],
          body: { items },
        };
        state = await link.log.append(await signEnvelope('entry', encodeEntry(entry), [{ signer: machine.sig }]));
      }
      return;
    } catch (error) {
      const isFaster = link.log.requireState().head.eh !== state.head.eh || (error instanceof RelayClientError && error.code === 'E_RELAY_CONFLICT');
      if (!isFaster || attempt >= attempts) throw error;
      await link.sync();
    }
  }
}

function waitingMachines(state: OrgState, secret: Secret): readonly MachineId[] {
  return waitingFor(state, secret).flatMap(({ kind, recipient }) => (kind === 'machine' ? [recipient as MachineId] : [])); // kind decides the brand
}

function ownWrap({ wraps }: Secret, machine: MachineId): Hash | undefined {
  return wraps.find(({ recipient }) => recipient === machine)?.wrap;
}

function policyOf(state: OrgState, id: Secret['id']): Hash | undefined {
  const secret = state.secrets.get(id);
  return secret && policyFor(state, secret.path)?.eh;
}
