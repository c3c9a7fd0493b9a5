// The local daemon as a programming interface (spec/10-local-api.md §calls). No dependencies; values are bytes, so that the caller can wipe them.
import type {
  AuditEvent,
  JoinAsk,
  JoinResult,
  LeaseEnd,
  LeaseSummary,
  LogLine,
  LogVerified,
  NeedAsk,
  NeedSummary,
  PutAsk,
  PutItem,
  PutEvent,
  ReleaseAsk,
  ReleaseEvent,
  SecretInfo,
  SecretSummary,
  Status,
} from '../protocol/local-api.ts';
import { localPaths } from '../protocol/local-api.ts';
import { type AwaitAsk, type AwaitEvent, type Requested, heldPaths } from '../protocol/local-api/held.ts';
import {
  type AccessSummary,
  type ChangeAsk,
  type ChangeEvent,
  type ChangePlan,
  type LogResume,
  type LogStop,
  type OrgSummary,
  adminPaths,
} from '../protocol/local-api/admin.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { StillvaultError } from './errors.ts';
import { type PendingRelease, requestRelease } from './request.ts';
import type { RunOptions, RunResult } from './run.ts';
import { createTransport, type TransportOptions } from './transport.ts';

export { StillvaultError } from './errors.ts';

/** A secret, or one field of it: `prod/db`, `prod/db#password`, `stillvault://prod/db#password`. */
export type Reference = string;

export interface Value {
  readonly path: string;
  readonly field?: string;
  readonly version: number;
  readonly bytes: Uint8Array;
}
export interface Released {
  readonly from: 'approval' | 'lease';
  readonly values: readonly Value[];
  readonly approvedBy: readonly string[];
  readonly lease?: LeaseSummary;
}
export type ReleaseProgress = Exclude<ReleaseEvent, { readonly event: 'released' | 'error' }>;
export type PutProgress = Exclude<PutEvent, { readonly event: 'error' }>;
export type ChangeProgress = Exclude<ChangeEvent, { readonly event: 'done' | 'proposed' | 'error' }>;
export type Changed = Extract<ChangeEvent, { readonly event: 'done' | 'proposed' }>;
export interface Stored {
  readonly path: string;
  readonly version: number;
  readonly by: string;
}

export interface Waiting<Progress> {
  /** Aborting withdraws the request everywhere. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: Progress) => void;
}
export type GetOptions = Omit<ReleaseAsk, 'items'> & Waiting<ReleaseProgress> & { /** Of the secret; or write `path#field`. */ readonly field?: string };
/** What a secret that does not exist yet is for, and where a person gets it. */
export interface NeedOptions {
  readonly for: string;
  readonly where?: string;
  readonly fields?: readonly string[];
  readonly agent?: string;
}
export interface PutContent {
  readonly value?: Uint8Array;
  readonly fields?: Readonly<Record<string, Uint8Array>>;
  readonly description?: string;
}
export interface PutTerms extends Waiting<PutProgress> {
  readonly timeoutS?: number;
}

/** Every call throws StillvaultError. */
export interface Client {
  status(): Promise<Status>;
  list(): Promise<readonly SecretSummary[]>;
  info(path: string): Promise<SecretInfo>;
  /** Asks a human, or answers from a lease. One request for all items. */
  release(ask: ReleaseAsk, waiting?: Waiting<ReleaseProgress>): Promise<Released>;
  get(reference: Reference, options?: GetOptions): Promise<Uint8Array>;
  /** The value as UTF-8 text, which cannot be wiped: prefer `get` or `withSecret`. */
  getText(reference: Reference, options?: GetOptions): Promise<string>;
  /** Asks, and resolves as soon as people were asked; the values come with `await()`. */
  request(references: readonly Reference[], options?: GetOptions): Promise<PendingRelease>;
  /** Asks, and lets the daemon wait: the release is taken by its handle, by this program again or another of its tree. */
  fileRequest(ask: ReleaseAsk): Promise<Requested>;
  /** Undefined where people have not decided within `timeoutS`. Aborting leaves the request as it is. */
  takeRequest(ask: AwaitAsk, waiting?: Waiting<ReleaseProgress>): Promise<Released | undefined>;
  withdrawRequest(handle: string): Promise<void>;
  /** Runs `[program, ...arguments]` with references in its environment; what it prints is masked. */
  run(command: readonly string[], options: RunOptions): Promise<RunResult>;
  /** Wipes the value when `use` is done. */
  withSecret<T>(reference: Reference, use: (value: Uint8Array) => T | Promise<T>, options?: GetOptions): Promise<T>;
  put(path: string, content: PutContent & Pick<PutTerms, 'timeoutS'>, waiting?: Waiting<PutProgress>): Promise<Stored>;
  /** Up to 64 secrets, each path once: one request, one gesture of a writer. `onProgress` is told of each that is stored; where the rest fails, it stays. */
  putAll(puts: readonly (PutContent & { readonly path: string })[], terms?: PutTerms): Promise<readonly Stored[]>;
  /** Asks a person for a secret that does not exist yet; answers at once. Asked again, it says how that stands. */
  need(path: string, options: NeedOptions): Promise<NeedSummary>;
  needs(): Promise<readonly NeedSummary[]>;
  /** Until it is filled or over. Aborting leaves it open. */
  awaitNeed(path: string, waiting?: Waiting<NeedSummary>): Promise<NeedSummary>;
  withdrawNeed(path: string): Promise<NeedSummary>;
  org(): Promise<OrgSummary>;
  /** Why somebody may have a path or not; `about` as the call has it. */
  checkPolicy(path: string, about?: Readonly<Record<string, string>>): Promise<AccessSummary>;
  /** What a change would do; asks nobody. */
  planChange(ask: ChangeAsk): Promise<ChangePlan>;
  /** Proposes a change to the people who can sign it. */
  change(ask: ChangeAsk, waiting?: Waiting<ChangeProgress>): Promise<Changed>;
  leases(): Promise<readonly LeaseSummary[]>;
  /** The leases that were ended. */
  endLease(which: LeaseEnd): Promise<readonly LeaseSummary[]>;
  log(from?: number): Promise<readonly LogLine[]>;
  verifyLog(): Promise<LogVerified>;
  /** What the log stopped at. Throws not_found where it did not. */
  logStop(): Promise<LogStop>;
  /** Passes over that record for this machine alone: a person's act, after they have looked. Answers the status then. */
  resumeLog(which: LogResume): Promise<Status>;
  /** The audit trail, line by line (spec/15-audit.md §export): nothing in it is to be believed before it was verified. */
  audit(signal?: AbortSignal): AsyncGenerator<AuditEvent, void, undefined>;
  join(ask: JoinAsk): Promise<JoinResult>;
}

export function createClient(options: TransportOptions = {}): Client {
  const { requestJson, requestEvents } = createTransport(options);
  // The shapes of answers are the daemon's word: who answers is settled by the socket's owner, and the daemon is of the same version.
  const call = async <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> => (await requestJson(method, path, body)) as T; // cast: as said above

  const decided = async (path: string, ask: object, waiting: Waiting<ReleaseProgress>): Promise<Released | 'pending'> => {
    let decision: Released | 'pending' | undefined; // and not at once: the connection is kept when it is read to its end
    for await (const line of requestEvents('POST', path, ask, waiting.signal)) {
      const event = line as AwaitEvent; // cast: as said above
      if (event.event === 'released') decision = releasedOf(event);
      else if (event.event === 'pending') decision = event.event;
      else if (event.event !== 'error') waiting.onProgress?.(event);
    }
    if (decision === undefined) throw noOutcome();
    return decision;
  };
  const release: Client['release'] = async (ask, waiting = {}) => {
    const released = await decided(localPaths.release, ask, waiting);
    if (released === 'pending') throw noOutcome();
    return released;
  };
  const releaseAll = (references: readonly Reference[], { signal, onProgress, field, ...ask }: GetOptions = {}): Promise<Released> =>
    release({ ...ask, items: references.map((reference) => itemOf(reference, field)) }, { ...(signal && { signal }), ...(onProgress && { onProgress }) });
  const get: Client['get'] = async (reference, options) => {
    const released = await releaseAll([reference], options);
    const value = released.values[0];
    if (value === undefined) throw noOutcome();
    return value.bytes;
  };

  const putAll: Client['putAll'] = async (puts, { signal, onProgress, timeoutS } = {}) => {
    const ask: PutAsk = { puts: puts.map(putItemOf), ...(timeoutS !== undefined && { timeoutS }) };
    const stored: Stored[] = [];
    for await (const line of requestEvents('POST', localPaths.put, ask, signal)) {
      const event = line as PutEvent; // cast: as said above
      if (event.event === 'error') continue;
      if (event.event === 'stored') stored.push({ path: event.path, version: event.version, by: event.by });
      onProgress?.(event);
    }
    if (stored.length < puts.length) throw noOutcome();
    return stored;
  };

  return {
    status: () => call('GET', localPaths.status),
    list: () => call('GET', localPaths.secrets),
    info: (path) => call('GET', `${localPaths.secretInfo}?path=${encodeURIComponent(path)}`),
    release,
    get,
    async getText(reference, options) {
      const value = await get(reference, options);
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
      } catch (cause) {
        throw new StillvaultError('usage', 'the value is no text: use get', { cause });
      } finally {
        value.fill(0);
      }
    },
    request: (references, options = {}) => requestRelease(releaseAll, references, options),
    run: async (command, options) => (await import('./run.ts')).runProgram(releaseAll, command, options),
    fileRequest: (ask) => call('POST', heldPaths.file, ask),
    async takeRequest(ask, waiting = {}) {
      const decision = await decided(heldPaths.await, ask, waiting);
      return decision === 'pending' ? undefined : decision;
    },
    withdrawRequest: async (handle) => void (await call('POST', heldPaths.withdraw, { handle })),
    async withSecret(reference, use, getOptions) {
      const value = await get(reference, getOptions);
      try {
        return await use(value);
      } finally {
        value.fill(0);
      }
    },
    async put(path, { timeoutS, ...content }, waiting = {}) {
      const [stored] = await putAll([{ path, ...content }], { ...waiting, ...(timeoutS !== undefined && { timeoutS }) });
      if (stored === undefined) throw noOutcome();
      return stored;
    },
    putAll,
    need: (path, { for: reason, ...about }) => call('POST', localPaths.needs, { path, reason, ...about } satisfies NeedAsk),
    needs: () => call('GET', localPaths.needs),
    async awaitNeed(path, { signal, onProgress } = {}) {
      let last: NeedSummary | undefined;
      for await (const line of requestEvents('GET', `${localPaths.needsAwait}?path=${encodeURIComponent(path)}`, undefined, signal)) {
        last = line as NeedSummary; // cast: as said above
        if (last.state === 'open') onProgress?.(last);
      }
      if (last === undefined || last.state === 'open')
        throw new StillvaultError('error', 'the daemon ended; the need is still open', { next: 'stillvault need ls' });
      return last;
    },
    withdrawNeed: (path) => call('POST', localPaths.needsWithdraw, { path }),
    org: () => call('GET', adminPaths.org),
    checkPolicy: (path, about = {}) => call('GET', `${adminPaths.policyCheck}?${new URLSearchParams({ path, ...about }).toString()}`),
    planChange: (ask) => call('POST', adminPaths.plan, ask),
    async change(ask, waiting = {}) {
      let changed: Changed | undefined;
      for await (const line of requestEvents('POST', adminPaths.changes, ask, waiting.signal)) {
        const event = line as ChangeEvent; // cast: as said above
        if (event.event === 'done' || event.event === 'proposed') changed = event;
        else if (event.event !== 'error') waiting.onProgress?.(event);
      }
      if (changed === undefined) throw new StillvaultError('error', 'the daemon ended without an outcome', { next: 'stillvault log show' });
      return changed;
    },
    leases: () => call('GET', localPaths.leases),
    endLease: (which) => call('POST', localPaths.leasesEnd, which),
    log: (from = 0) => call('GET', `${localPaths.log}?from=${from}`),
    verifyLog: () => call('POST', localPaths.logVerify, {}),
    logStop: () => call('GET', adminPaths.logStop),
    resumeLog: (which) => call('POST', adminPaths.logResume, which),
    async *audit(signal) {
      for await (const line of requestEvents('GET', localPaths.audit, undefined, signal)) yield line as AuditEvent; // cast: as said above
    },
    join: (ask) => call('POST', localPaths.join, ask),
  };
}

/** Throws usage. */
export function parseReference(reference: Reference): { readonly path: string; readonly field?: string } {
  const found = /^(?:stillvault:\/\/)?([^#\s]+)(?:#([^#\s]+))?$/.exec(reference);
  const [, path, field] = found ?? [];
  if (path === undefined) throw new StillvaultError('usage', 'not a reference: write prod/db, prod/db#field or stillvault://prod/db#field');
  return field === undefined ? { path } : { path, field };
}

function itemOf(reference: Reference, field: string | undefined): ReturnType<typeof parseReference> {
  const item = parseReference(reference);
  if (field === undefined || item.field === field) return item;
  if (item.field !== undefined) throw new StillvaultError('usage', 'a field in the reference, and another as an option');
  return { path: item.path, field };
}

function putItemOf({ path, value, fields, description }: Parameters<Client['putAll']>[0][number]): PutItem {
  return {
    path,
    ...(value && { value: encodeBase64(value) }),
    ...(fields && { fields: Object.fromEntries(Object.entries(fields).map(([name, bytes]) => [name, encodeBase64(bytes)])) }),
    ...(description !== undefined && { description }),
  };
}

function releasedOf(event: Extract<ReleaseEvent, { readonly event: 'released' }>): Released {
  const values = event.values.map(({ value, ...about }) => ({ ...about, bytes: decodeBase64(value) }));
  return { from: event.from, values, approvedBy: event.approved_by, ...(event.lease && { lease: event.lease }) };
}

function noOutcome(): StillvaultError {
  return new StillvaultError('error', 'the daemon ended without an outcome: nothing was released', { next: 'stillvault status' });
}
