// The org's log opened by the recovery kit alone: sheets of paper, the org id, the relay (spec/18-recovery.md §use).
import { ProtocolError } from '../protocol/errors.ts';
import type { Hash } from '../protocol/hash.ts';
import { openRecord, orgStream, parseRecord } from '../protocol/org-log/record.ts';
import { type KitKeys, openKitMetaKey, verifyKit } from '../protocol/recovery.ts';
import type { StreamRecord } from '../protocol/wire.ts';
import { RelayClientError } from './client.ts';
import { firstsOfEpochs } from './judge.ts';
import { type OrgLog, type OrgLogDeps, openOrgLog } from './org-log.ts';

export interface KitLogDeps extends Omit<OrgLogDeps, 'openMkWrap' | 'isHolder' | 'store'> {
  /** An empty one. */
  readonly newStore: () => OrgLogDeps['store'];
}
interface Candidate {
  readonly epoch: number;
  readonly mk: Uint8Array;
  readonly eh: Hash;
}

/**
 * Reads and verifies the log from genesis to its newest entry, and checks that the kit is the one that it names.
 * Throws E_MK_EPOCH where nothing at the relay is sealed to this kit, E_KIT_MIX where the org has another one by now.
 */
export async function openLogWithKit(deps: KitLogDeps, kit: KitKeys): Promise<OrgLog> {
  const { newStore, ...rest } = deps;
  // Oldest first: later keys are learned from the kit's own wraps, and each is kept only once its entry proves it.
  for (const record of await firstsOfEpochs(deps)) {
    const candidate = await candidateIn(deps, kit, record);
    if (!candidate) continue;
    const log = await openOrgLog({ ...rest, store: newStore(), openMkWrap: (epoch, wraps) => openKitMetaKey(deps.org, epoch, kit, wraps) });
    log.addKey(candidate.epoch, candidate.mk);
    const state = await log.sync().catch(nothingSealed);
    if (!state || !holds(log, state.head.seq, candidate.eh)) continue; // somebody's garbage, sealed to the kit
    verifyKit(state, kit);
    return log;
  }
  throw new ProtocolError('E_MK_EPOCH', 'nothing at the relay is sealed to this kit: was the metadata key renewed after the kit was set?');
}

async function candidateIn({ client, org }: KitLogDeps, kit: KitKeys, { blob, eh }: StreamRecord): Promise<Candidate | undefined> {
  try {
    const { epoch, wraps } = parseRecord(blob);
    const [sealed] = wraps === undefined ? [] : await client.getBlobs([wraps]);
    if (!sealed) return undefined;
    const mk = await openKitMetaKey(org, epoch, kit, sealed);
    await openRecord({ org, stream: orgStream(org) }, new Map([[epoch, mk]]), blob);
    return { epoch, mk, eh };
  } catch (error) {
    return nothingSealed(error);
  }
}

// What is not for this kit, or not authentic, is passed by; a relay that is away is not.
function nothingSealed(error: unknown): undefined {
  if (error instanceof ProtocolError || (error instanceof RelayClientError && error.code === 'E_BLOB_MISSING')) return undefined;
  throw error;
}

// An entry of its own stands behind the key: the newest place is the likeliest.
function holds(log: OrgLog, newest: number, eh: Hash): boolean {
  for (let seq = newest; seq >= 0; seq--) if (log.history(seq) === eh) return true;
  return false;
}
