// Checkpoints for those who come later, made beside what this person signs anyway (spec/05-org-log.md §checkpoint). Never worth an error, nor a wait.
import { limits } from '../../protocol/limits.ts';
import { type OrgState, activeDevice } from '../../protocol/org-log/state.ts';
import { stateHash } from '../../protocol/org-log/state-hash.ts';
import { stateLeaves } from '../../protocol/org-log/state-items.ts';
import { type LeaveDeps, type Prepared, leaveIndex, preparePieces } from '../../relay-client/checkpoint.ts';
import type { OrgLog } from '../../relay-client/org-log.ts';
import type { Plan } from './entries.ts';
import type { Session } from './session.ts';

/** Pieces that lie at the relay already, or are on their way. */
const prepared = new WeakMap<OrgLog, Prepared | Promise<void>>();
/** Before a gesture: what has changed since the pieces were made must be little, and left quickly. */
const inTime = { items: 1_000, ms: 2_000 } as const;

/** The checkpoint for the end of a gesture, where one is due and its pieces are ready. */
export async function checkpointAfter(session: Session, after: OrgState): Promise<Plan | undefined> {
  const ready = prepared.get(session.log);
  if (!ready || ready instanceof Promise || !isDue(after) || after.drafted || !activeDevice(after, session.me.device)) return undefined;
  prepared.delete(session.log); // used, or too old: the next gesture finds others
  if (ready.state.mkEpoch !== after.mkEpoch || isMany(stateLeaves(after, ready.state))) return undefined;
  const ending = new AbortController();
  const late = session.platform.sleep(inTime.ms, ending.signal).catch(() => undefined);
  try {
    return await Promise.race([late.then(() => undefined), makePlan(session, after, ready).catch(() => undefined)]);
  } finally {
    ending.abort();
  }
}

async function makePlan(session: Session, after: OrgState, ready: Prepared): Promise<Plan> {
  const deps = depsOf(session);
  const snapshot = await leaveIndex(deps, await preparePieces(deps, after, ready));
  return { draft: { type: 'checkpoint', body: { stateHash: stateHash(after), snapshot } } };
}

/** In the background, once what was signed is in: for the next gesture. */
export function prepareCheckpoint(session: Session, state: OrgState): void {
  if (!isDue(state) || prepared.has(session.log)) return;
  const making = preparePieces(depsOf(session), state).then(
    (pieces) => void prepared.set(session.log, pieces),
    () => void prepared.delete(session.log), // the relay is away, or has no room: the gesture after the next may have more luck
  );
  prepared.set(session.log, making);
}

function depsOf({ client, log, platform }: Session): LeaveDeps {
  return { client, keys: log.keys, random: platform.random, pause: () => platform.sleep(0, new AbortController().signal) };
}

/** A large organisation leaves megabytes: less often than a small one. */
function isDue(state: OrgState): boolean {
  const { members, devices, machines, tokens, groups, policies, secrets, keys } = state;
  const items = [members, devices, machines, tokens, groups, policies, secrets, keys].reduce((sum, { size }) => sum + size, 0);
  return state.head.seq - state.checkpoint >= Math.max(limits.checkpointEvery, items / 5);
}

function isMany(leaves: Iterable<unknown>): boolean {
  let count = 0;
  for (const _ of leaves) if (++count > inTime.items) return true;
  return false;
}
