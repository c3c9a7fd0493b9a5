// The local daemon as a programming interface (spec/10-local-api.md §calls). No dependencies; values are bytes, so that the caller can wipe them.
import type {
  AuditEvent,
  JoinAsk,
  JoinResult,
  LeaseEnd,
  LeaseSummary,
  LogLine,
  LogVerified,
  PutAsk,
  PutEvent,
  ReleaseAsk,
  ReleaseEvent,
  SecretInfo,
  SecretSummary,
  Status,
} from '../protocol/local-api.ts';
import { localPaths } from '../protocol/local-api.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { StillvaultError } from './errors.ts';
import { createTransport, type TransportOptions } from './transport.ts';

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
export type PutProgress = Exclude<PutEvent, { readonly event: 'stored' | 'error' }>;
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
export type GetOptions = Omit<ReleaseAsk, 'items'> & Waiting<ReleaseProgress>;
export interface PutContent {
  readonly value?: Uint8Array;
  readonly fields?: Readonly<Record<string, Uint8Array>>;
  readonly description?: string;
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
  /** Wipes the value when `use` is done. */
  withSecret<T>(reference: Reference, use: (value: Uint8Array) => T | Promise<T>, options?: GetOptions): Promise<T>;
  put(path: string, content: PutContent, waiting?: Waiting<PutProgress>): Promise<Stored>;
  leases(): Promise<readonly LeaseSummary[]>;
  /** The leases that were ended. */
  endLease(which: LeaseEnd): Promise<readonly LeaseSummary[]>;
  log(from?: number): Promise<readonly LogLine[]>;
  verifyLog(): Promise<LogVerified>;
  /** The audit trail, line by line (spec/15-audit.md §export): nothing in it is to be believed before it was verified. */
  audit(signal?: AbortSignal): AsyncGenerator<AuditEvent, void, undefined>;
  join(ask: JoinAsk): Promise<JoinResult>;
}

export function createClient(options: TransportOptions = {}): Client {
  const { requestJson, requestEvents } = createTransport(options);
  // The shapes of answers are the daemon's word: who answers is settled by the socket's owner, and the daemon is of the same version.
  const call = async <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> => (await requestJson(method, path, body)) as T; // cast: as said above

  const release: Client['release'] = async (ask, waiting = {}) => {
    let released: Released | undefined; // and not at once: the connection is kept when it is read to its end
    for await (const line of requestEvents('POST', localPaths.release, ask, waiting.signal)) {
      const event = line as ReleaseEvent; // cast: as said above
      if (event.event === 'released') released = releasedOf(event);
      else if (event.event !== 'error') waiting.onProgress?.(event);
    }
    if (released === undefined) throw noOutcome();
    return released;
  };
  const get: Client['get'] = async (reference, { signal, onProgress, ...ask } = {}) => {
    const released = await release({ ...ask, items: [parseReference(reference)] }, { ...(signal && { signal }), ...(onProgress && { onProgress }) });
    const value = released.values[0];
    if (value === undefined) throw noOutcome();
    return value.bytes;
  };

  return {
    status: () => call('GET', localPaths.status),
    list: () => call('GET', localPaths.secrets),
    info: (path) => call('GET', `${localPaths.secretInfo}?path=${encodeURIComponent(path)}`),
    release,
    get,
    async withSecret(reference, use, getOptions) {
      const value = await get(reference, getOptions);
      try {
        return await use(value);
      } finally {
        value.fill(0);
      }
    },
    async put(path, { value, fields, description, timeoutS }, waiting = {}) {
      const ask: PutAsk = {
        path,
        ...(value && { value: encodeBase64(value) }),
        ...(fields && { fields: Object.fromEntries(Object.entries(fields).map(([name, bytes]) => [name, encodeBase64(bytes)])) }),
        ...(description !== undefined && { description }),
        ...(timeoutS !== undefined && { timeoutS }),
      };
      let stored: Stored | undefined;
      for await (const line of requestEvents('POST', localPaths.put, ask, waiting.signal)) {
        const event = line as PutEvent; // cast: as said above
        if (event.event === 'stored') stored = { path: event.path, version: event.version, by: event.by };
        else if (event.event !== 'error') waiting.onProgress?.(event);
      }
      if (stored === undefined) throw noOutcome();
      return stored;
    },
    leases: () => call('GET', localPaths.leases),
    endLease: (which) => call('POST', localPaths.leasesEnd, which),
    log: (from = 0) => call('GET', `${localPaths.log}?from=${from}`),
    verifyLog: () => call('POST', localPaths.logVerify, {}),
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

function releasedOf(event: Extract<ReleaseEvent, { readonly event: 'released' }>): Released {
  const values = event.values.map(({ value, ...about }) => ({ ...about, bytes: decodeBase64(value) }));
  return { from: event.from, values, approvedBy: event.approved_by, ...(event.lease && { lease: event.lease }) };
}

function noOutcome(): StillvaultError {
  return new StillvaultError('error', 'the daemon ended without an outcome: nothing was released', { next: 'stillvault status' });
}
