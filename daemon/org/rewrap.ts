// Gives machines that policy entitles, and that joined later, their half of each secret (spec/07-custody.md §rewrap).
import { wipe } from '../../protocol/bytes.ts';
import { openMachineHalf, rewrapForMachine } from '../../protocol/custody.ts';
import type { WrapEntry } from '../../protocol/org-log/bodies.ts';
import { type Entry, encodeEntry } from '../../protocol/org-log/entry.ts';
import { type OrgState, type Secret, activeMachine } from '../../protocol/org-log/state.ts';
import { entitledMachines, policyFor } from '../../protocol/policy.ts';
import { signEnvelope } from '../../protocol/sign.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { MachineIdentity } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';
import { type OrgLink, fetchBlobs } from './link.ts';

export interface RewrapDeps { readonly machine: MachineIdentity; readonly store: DaemonStore; readonly link: OrgLink; readonly now: () => number }

/** One pass over all secrets that this machine holds and others wait for; several machines may try, the relay lets one win. */
export async function rewrapForNewMachines(deps: RewrapDeps): Promise<void> {
  const { machine, link } = deps;
  for (const id of waitingSecrets(link.log.state, machine)) {
    const state = link.log.requireState();
    const secret = state.secrets.get(id);
    if (!secret || !activeMachine(state, machine.machine)) return;
    const entry = await rewrapOne(deps, state, secret).catch(() => undefined);
    if (!entry) continue;
    await link.log.append(entry).catch(async (error: unknown) => {
      if (!(error instanceof RelayClientError)) throw error;
      if (error.code === 'E_RELAY_CONFLICT') await link.log.sync(); // somebody was faster: the next pass sees what is left
    });
  }
}

function waitingSecrets(state: OrgState | undefined, machine: MachineIdentity): readonly Secret['id'][] {
  if (!state || state.frozen || !activeMachine(state, machine.machine)) return [];
  return [...state.secrets.values()].filter((secret) => !secret.retired && secret.wraps.some(({ recipient }) => recipient === machine.machine) && missing(state, secret).length > 0).map(({ id }) => id);
}

function missing(state: OrgState, secret: Secret): readonly Parameters<typeof rewrapForMachine>[2][] {
  const policy = policyFor(state, secret.path);
  return policy ? entitledMachines(state, policy).filter((other) => !secret.wraps.some(({ recipient }) => recipient === other)) : [];
}

async function rewrapOne({ machine, store, link, now }: RewrapDeps, state: OrgState, secret: Secret): Promise<Uint8Array | undefined> {
  const own = secret.wraps.find(({ recipient }) => recipient === machine.machine);
  const policy = policyFor(state, secret.path);
  if (!own || !policy) return undefined;
  const [wrap = new Uint8Array(0)] = await fetchBlobs(link, store, [own.wrap]);
  const b = await openMachineHalf(state.org, secret, machine.machine, machine.kem, wrap);
  const wraps: WrapEntry[] = [];
  const blobs: Uint8Array[] = [];
  for (const other of missing(state, secret)) {
    const { entry, blob } = await rewrapForMachine(state, secret, other, b);
    wraps.push(entry);
    blobs.push(blob);
  }
  wipe(b);
  if (wraps.length === 0) return undefined;
  await link.client.putBlobs(blobs);
  const entry: Entry = {
    type: 'secret.rewrap', org: state.org, seq: state.head.seq + 1, prev: state.head.eh, ts: Math.max(now(), state.ts), signers: [{ kind: 'machine', id: machine.machine }],
    body: { secret: secret.id, putEh: secret.putEh, policyEh: policy.eh, shares: [], wraps },
  };
  return signEnvelope('entry', encodeEntry(entry), [{ signer: machine.sig }]);
}
