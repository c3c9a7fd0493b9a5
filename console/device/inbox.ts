// Requests that wait for this device: verified, remembered, shown as cards; what fails a check is a warning (spec/09-release.md §device).
import { equalBytes } from '../../protocol/bytes.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { MachineId, RequestId } from '../../protocol/hash.ts';
import type { SecretPut } from '../../protocol/org-log/bodies.ts';
import { type OrgState, secretAt } from '../../protocol/org-log/state.ts';
import { type RequestMemory, type VerifiedRequest, verifyRequest } from '../../protocol/request.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { RefusedRequest, ReviewCard } from '../app.ts';
import { cardOf } from './card.ts';
import { type LoadedChanges, isInForce, loadChanges } from './changes.ts';
import { codeOf } from './failure.ts';
import type { History } from './history.ts';
import { isOldNeed, unusualNeed } from './needs.ts';
import { isStored, loadProposal } from './proposals.ts';
import type { DeviceMemory } from './request-memory.ts';
import { type Session, historyOf } from './session.ts';
import { unusualOf } from './unusual.ts';

export interface Pending {
  readonly card: ReviewCard;
  readonly bytes: Uint8Array;
  readonly verified: VerifiedRequest;
  /** Where the request proposes versions. */
  readonly puts?: readonly SecretPut[];
  readonly changes?: LoadedChanges;
}
type Outcome = NonNullable<ReviewCard['outcome']>;

export interface Inbox {
  /** Undecided first, oldest first. */
  cards(): readonly ReviewCard[];
  refused(): readonly RefusedRequest[];
  /** A letter's request. Rejects only where the relay is away: then it must come again. */
  receive(bytes: Uint8Array, mail: number): Promise<void>;
  /** The waiting request of a card, verified again on the newest state. */
  recheck(request: RequestId): Promise<Pending>;
  find(request: RequestId): Pending | undefined;
  settle(request: RequestId, outcome: Outcome): void;
  /** Ignores a machine for an hour. */
  mute(machine: MachineId): Promise<void>;
  /** After each change of the log. */
  review(state: OrgState): Promise<void>;
  /** Expires and forgets. */
  tick(): void;
  /** Requests from before a reload. */
  restore(): Promise<void>;
}

const muteMs = 60 * 60_000;
const decidedShownMs = 10 * 60_000;
const refusedMax = 50;
/** Requests of one machine: a burst, then one per interval; more are dropped with one warning. */
const bucket = { burst: 10, intervalMs: 6_000 } as const;

export function createInbox(deps: {
  readonly session: Session;
  readonly memory: DeviceMemory;
  readonly history: History;
  readonly onChange: () => void;
}): Inbox {
  const { session, memory, history, onChange } = deps;
  const { now } = session.platform;
  const pending = new Map<RequestId, Pending>();
  const refusals: RefusedRequest[] = [];
  const tokens = new Map<MachineId, { left: number; at: number }>();

  async function verify(bytes: Uint8Array, seen: RequestMemory['seen'] = memory.seen): Promise<VerifiedRequest> {
    const once = (state: OrgState): Promise<VerifiedRequest> =>
      verifyRequest(state, historyOf(session), { highWater: memory.highWater, seen }, session.me.member, bytes, now());
    try {
      return await once(session.log.requireState());
    } catch (error) {
      // A machine that this log does not know yet looks like a stranger: the log is read before it is judged.
      if (
        !(error instanceof ProtocolError) ||
        !['E_HEAD_AHEAD', 'E_SIG_REQUEST', 'E_VERSION', 'E_UNKNOWN_ID', 'E_POLICY_CHANGED', 'E_MACHINE_REVOKED', 'E_FROZEN'].includes(error.code)
      )
        throw error;
      return once(await session.log.sync());
    }
  }

  function refuse(code: string, machine?: string): void {
    refusals.push({ code, at: now(), ...(machine === undefined ? {} : { machine }) });
    if (refusals.length > refusedMax) refusals.shift();
    onChange();
  }

  function hasRoom(machine: MachineId): boolean {
    const { left, at } = tokens.get(machine) ?? { left: bucket.burst, at: now() };
    const full = Math.min(bucket.burst, left + (now() - at) / bucket.intervalMs);
    tokens.set(machine, { left: Math.max(0, full - 1), at: now() });
    return full >= 1;
  }

  async function prepare(verified: VerifiedRequest, bytes: Uint8Array): Promise<Pending> {
    const state = session.log.requireState();
    const puts = await loadProposal(session, state, verified);
    const changes = await loadChanges(session, state, verified);
    const unusual = unusualOf(verified, history.rows(), memory.deniedAt(verified.machine.machine), now());
    const card = cardOf(state, verified, { puts, changes }, [...unusualNeed(state, verified), ...unusual]);
    return { card, bytes, verified, ...(puts ? { puts } : {}), ...(changes ? { changes } : {}) };
  }

  async function receive(bytes: Uint8Array, mail: number): Promise<void> {
    let machine: string | undefined;
    try {
      const verified = await verify(bytes);
      const { requestId } = verified.request;
      machine = verified.machine.name;
      if (pending.has(requestId)) return;
      if (verified.request.need && history.rows().some((row) => row.requestId === requestId)) return; // over, as a receipt has told
      const id = verified.machine.machine;
      // A need comes again tomorrow: what is not shown now is not forgotten.
      const drop = async (): Promise<void> => (verified.request.need ? undefined : memory.accept(verified, bytes, 'dropped', now(), mail));
      if (memory.mutedUntil(id) > now()) return await drop();
      if (!hasRoom(id)) {
        await drop();
        if (refusals.at(-1)?.code !== 'E_RATE') refuse('E_RATE', machine);
        return;
      }
      const prepared = await prepare(verified, bytes);
      // Remembered before it is shown: what was shown once cannot come again as new.
      await memory.accept(verified, bytes, 'none', now(), mail);
      pending.set(requestId, prepared);
      onChange();
    } catch (error) {
      if (error instanceof RelayClientError && error.code === 'E_RELAY_AWAY') throw error;
      if (isOldLetter(error, bytes, mail) || (await isOldNeed(session.log.requireState(), bytes, codeOf(error)))) return;
      refuse(codeOf(error), machine);
    }
  }

  // The very mail that was handled before, read once more after a reload: no replay by anybody.
  function isOldLetter(error: unknown, bytes: Uint8Array, mail: number): boolean {
    return (
      error instanceof ProtocolError &&
      error.code === 'E_REQ_SEEN' &&
      [...memory.known()].some((known) => known.mail === mail && equalBytes(known.bytes, bytes))
    );
  }

  function settle(request: RequestId, outcome: Outcome): void {
    const found = pending.get(request);
    if (!found) return;
    pending.set(request, { ...found, card: { ...found.card, outcome } });
    onChange();
  }

  const waiting = (): readonly Pending[] => [...pending.values()].filter(({ card }) => card.outcome === undefined);

  async function recheckOne(found: Pending): Promise<Pending> {
    const seen: RequestMemory['seen'] = (id) => (id === found.card.requestId ? { rh: found.card.rh, decided: false } : memory.seen(id));
    return { ...found, verified: await verify(found.bytes, seen) };
  }

  return {
    cards: () => {
      const all = [...pending.values()].map(({ card }) => card);
      return [...all.filter(({ outcome }) => !outcome), ...all.filter(({ outcome }) => outcome).reverse()];
    },
    refused: () => refusals,
    receive,
    find: (request) => pending.get(request),
    recheck: async (request) => {
      const found = pending.get(request);
      if (!found) throw new ProtocolError('E_REQ_STALE', 'no such request waits here');
      if (found.card.outcome) throw new ProtocolError(found.card.outcome.kind === 'expired' ? 'E_REQ_STALE' : 'E_DONE', 'already decided');
      return recheckOne(found);
    },
    settle,
    mute: (machine) => memory.mute(machine, now() + muteMs),
    review: async (state) => {
      for (const found of waiting()) {
        const { requestId } = found.card;
        const { need } = found.verified.request;
        const isDone =
          found.changes?.items.every((item) => isInForce(state, item)) ??
          found.puts?.every((put) => isStored(state, put)) ??
          (need !== undefined && secretAt(state, need.path) !== undefined);
        if (isDone) settle(requestId, { kind: 'stored', by: [], at: now() });
        else
          await recheckOne(found).catch((error: unknown) => {
            if (error instanceof ProtocolError && error.code !== 'E_HEAD_AHEAD')
              settle(requestId, { kind: error.code === 'E_REQ_STALE' ? 'expired' : 'failed', by: [], at: now(), note: error.code });
          });
      }
    },
    tick: () => {
      for (const { card } of waiting()) if (now() >= card.expiresAt) settle(card.requestId, { kind: 'expired', by: [], at: now() });
      for (const [id, { card }] of pending) {
        if (card.outcome && now() > Math.max(card.outcome.at, card.outcome.until ?? 0) + decidedShownMs) pending.delete(id);
      }
    },
    restore: async () => {
      for (const { bytes, decision, settled, expiresAt } of memory.known()) {
        if (decision !== 'none' || settled || expiresAt <= now()) continue;
        try {
          const found = await prepare(await verify(bytes), bytes);
          pending.set(found.card.requestId, found);
        } catch (error) {
          refuse(codeOf(error));
        }
      }
      onChange();
    },
  };
}
