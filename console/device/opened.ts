// Everything of one opened device together, kept up to date until it is closed or its log stops for good.
import { limits } from '../../protocol/limits.ts';
import { type Entry, parseEntry } from '../../protocol/org-log/entry.ts';
import { parseEnvelope } from '../../protocol/sign.ts';
import type { LeaseId, RequestId } from '../../protocol/hash.ts';
import type { AppFailure, ApproveStep, OrgView } from '../app.ts';
import { type Decisions, createDecisions } from './approve.ts';
import { type Drafts, openDrafts } from './drafts.ts';
import { codeOf, explain } from './failure.ts';
import { follow } from './follow.ts';
import { openHeads } from './heads.ts';
import { type History, openHistory } from './history.ts';
import { type Inbox, createInbox } from './inbox.ts';
import { historyMax, orgView } from './org-view.ts';
import { type Receipts, openReceipts } from './receipts.ts';
import { type AuthenticatorModel, keepModels, readModels } from './models.ts';
import { openNews } from './news.ts';
import { openMemory } from './request-memory.ts';
import { type Session, myDevice } from './session.ts';

export interface OpenedDevice {
  readonly session: Session;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly drafts: Drafts;
  readonly decisions: Decisions;
  readonly history: History;
  view(): OrgView;
  poll(): Promise<void>;
  /** Calls `progress` when the machine tells that it released. */
  watchRelease(request: RequestId, progress: (step: ApproveStep) => void): void;
  markEnding(lease: LeaseId): void;
  loadModels(text: string): Promise<readonly AuthenticatorModel[]>;
  models(): readonly AuthenticatorModel[];
  seenNews(seq: number): Promise<void>;
  /** After an act that failed: stops everything where the log has stopped. */
  lookAtLog(): void;
  stop(): void;
}

/** What no polling repairs, beside a log that has stopped: only the log itself says that it is forked, never somebody's word. */
const haltingCodes: ReadonlySet<string> = new Set(['E_REVOKED', 'E_STORAGE']);

export async function openDevice(
  session: Session,
  events: { readonly onChange: () => void; readonly onHalt: (failure: AppFailure) => void },
): Promise<OpenedDevice> {
  const { platform, log } = session;
  myDevice(session);
  const history = await openHistory(platform.storage);
  const memory = await openMemory(platform.storage);
  const watched = new Map<RequestId, (step: ApproveStep) => void>();
  const ending = new Set<LeaseId>();
  // As many as history shows: a long log is not held twice.
  const { seq } = log.requireState().head;
  const stored = await log.read(Math.max(0, seq + 1 - historyMax), seq + 1);
  const entries: Entry[] = stored.map(({ bytes }) => parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload));
  const running: (() => void)[] = [];
  let notice: AppFailure | undefined;

  function changed(): void {
    for (const [request, progress] of watched) {
      const outcome = inbox.find(request)?.card.outcome?.kind;
      if (outcome === undefined || outcome === 'approved') continue;
      watched.delete(request);
      if (outcome === 'released' || outcome === 'stored') progress('released');
    }
    events.onChange();
  }

  function problem(error: unknown): void {
    const before = notice?.code;
    notice = error === undefined ? undefined : explain(error);
    if (error !== undefined && (haltingCodes.has(codeOf(error)) || log.halted)) {
      for (const stop of running) stop();
      events.onHalt(explain(log.halted ?? error));
    } else if (notice?.code !== before) events.onChange();
  }

  const inbox = createInbox({ session, memory, history, onChange: changed });
  const receipts = await openReceipts({ session, memory, history, inbox, onChange: changed });
  const drafts = await openDrafts(session, changed);
  const heads = await openHeads(session);
  const news = await openNews(session);
  let models = await readModels(platform.storage);
  let before = log.requireState();
  const decisions = createDecisions({ session, inbox, memory, heads, drafts });
  let told: string | undefined;
  log.onChange((state, added) => {
    entries.push(...added.slice(-historyMax));
    entries.splice(0, entries.length - historyMax);
    news.heard(before, state, added).catch(problem);
    before = state;
    try {
      myDevice(session, state);
    } catch (error) {
      return problem(error); // revoked: there is nothing to show any more
    }
    inbox.review(state).catch(problem);
    drafts.review(added).catch(problem);
    changed();
  });
  await inbox.restore();
  // What an interruption of this admin's device may have left undone.
  drafts.review(entries.filter(({ ts }) => ts > platform.now() - limits.draftLifeMs)).catch(problem);
  const follower = await follow({
    session,
    inbox,
    receipts,
    drafts,
    heads,
    onChange: changed,
    onProblem: problem,
    onTick: async () => {
      inbox.tick();
      await receipts.tick();
      // A claim ends by its age alone, too.
      const claimed = heads.problem()?.what;
      if (claimed !== told) {
        told = claimed;
        changed();
      }
    },
  });
  running.push(follower.stop);

  return {
    session,
    inbox,
    receipts,
    drafts,
    decisions,
    history,
    view: () =>
      orgView({ session, inbox, history, receipts, drafts, heads, news, models, entries, online: follower.online, ending, notice: heads.problem() ?? notice }),
    poll: () => follower.poll(),
    watchRelease: (request, progress) => void watched.set(request, progress),
    markEnding: (lease) => {
      ending.add(lease);
      changed();
    },
    models: () => models,
    loadModels: async (text) => (models = await keepModels(platform.storage, text)),
    seenNews: async (seq) => {
      await news.seen(seq);
      changed();
    },
    lookAtLog: () => {
      if (log.halted) problem(log.halted);
    },
    stop: () => follower.stop(),
  };
}
