// A daemon that says what a test tells it to: the local API of protocol/local-api.ts over a real Unix socket, without anything behind it.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Failure, FailureCode, LeaseSummary, ReleaseAsk, ReleaseEvent, Status } from '../protocol/local-api.ts';

export interface StubAsk {
  readonly body: unknown;
  readonly query: URLSearchParams;
  json(value: object, status?: number): void;
  event(value: object): void;
  end(): void;
  /** Resolves when the client is gone before we ended: it withdrew. */
  readonly gone: Promise<void>;
}
/** By method and path, such as `POST /v1/release`. */
export type StubAnswers = Readonly<Record<string, (ask: StubAsk) => void | Promise<void>>>;

export interface StubDaemon extends AsyncDisposable {
  readonly socketPath: string;
  /** Private and empty, removed with the stub. */
  readonly folder: string;
  readonly asks: readonly { readonly call: string; readonly body: unknown }[];
}

export async function startStubDaemon(answers: StubAnswers): Promise<StubDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'sv-stub-'));
  chmodSync(folder, 0o700);
  const socketPath = join(folder, 'd.sock');
  const asks: { call: string; body: unknown }[] = [];
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const url = new URL(request.url ?? '/', 'http://stub');
    const call = `${request.method} ${url.pathname}`;
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    asks.push({ call, body });
    const gone = new Promise<void>((resolve) => response.on('close', () => (response.writableEnded ? undefined : resolve())));
    const json = (value: object, status = 200): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
    const handler = answers[call];
    if (handler === undefined) return json(failure('not_found', 'there is no such call'), 404);
    await handler({
      body,
      query: url.searchParams,
      json,
      event: (value) => {
        if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.write(`${JSON.stringify(value)}\n`);
      },
      end: () => void response.end(),
      gone,
    });
  }
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    folder,
    asks,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function failure(code: FailureCode, message: string, more: { readonly next?: string; readonly detail?: string } = {}): Failure {
  return { error: { code, message, ...more } };
}

/** `ben` and one other may approve; the request lives as long as `leftMs`. */
export function waitingEvent(paths: readonly string[], leftMs = 178_000): ReleaseEvent {
  const expires_at = new Date(Date.now() + leftMs).toISOString();
  return { event: 'waiting', request_id: '00'.repeat(16), code: '47', paths, approvers: ['ben', 'ada'], needed: 1, expires_at };
}

/** Releases what `values` holds, by path or path#field; from a lease at once, or after `ben` saw and approved it. */
export function releasing(
  values: Readonly<Record<string, Uint8Array | string>>,
  from: 'lease' | 'approval' = 'approval',
  lease?: LeaseSummary,
): (ask: StubAsk) => void {
  return (ask) => {
    const { items } = ask.body as ReleaseAsk; // what the command line sent
    if (from === 'approval') {
      ask.event(waitingEvent(items.map(({ path }) => path)));
      ask.event({ event: 'shown', member: 'ben', device: 'phone', at: '2026-11-23T12:03:00' });
      ask.event({ event: 'approved', member: 'ben', have: 1, needed: 1 });
    }
    const released = items.map(({ path, field }) => {
      const value = values[field === undefined ? path : `${path}#${field}`] ?? '';
      return { path, ...(field === undefined ? {} : { field }), version: 3, value: Buffer.from(value).toString('base64') };
    });
    ask.event({ event: 'released', from, values: released, approved_by: ['ben'], ...(lease && { lease }) });
    ask.end();
  };
}

/** What `--reveal` asks first: whether the policy lets a value be shown. */
export function showing(revealAllowed: boolean): StubAnswers {
  return { 'GET /v1/secrets/info': ({ json, query }) => json({ path: query.get('path'), policy: { pattern: 'prod/**', revealAllowed } }) };
}

export const readyStatus: Status = {
  version: '0.1.0',
  state: 'ready',
  pid: 4_121,
  memoryBytes: 67_108_864,
  startedAt: '2026-11-23T11:00:00.000Z',
  org: { id: 'ab'.repeat(32), name: 'Acme' },
  machine: { id: 'cd'.repeat(16), name: 'build-1', words: 'apple brick candle delta eagle' },
  relay: { url: 'http://127.0.0.1:7842', connected: true, since: '2026-11-23T11:00:00.000Z' },
  log: { seq: 12, head: 'ef'.repeat(32), syncedAt: '2026-11-23T12:00:00.000Z' },
  pending: 0,
  leases: 1,
  identity: 'pidfd',
};
export const someLease: LeaseSummary = {
  id: '3f9a01c2d4e5f60718293a4b5c6d7e8f',
  paths: ['prod/db-primary'],
  scope: 'process',
  holder: 'claude (pid 4121)',
  approved_by: ['ben'],
  until: '2036-11-23T12:18:00.000Z',
  uses_left: 20,
  used: 1,
};
