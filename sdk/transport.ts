// HTTP to the local daemon over its Unix socket (spec/10-local-api.md §http), in Bun, Node ≥ 20 and Deno. Light: a leased `get` loads this and little else.
import type { Agent } from 'node:http';
import type { Failure } from '../protocol/local-api.ts';
import { StillvaultError, errorOf, parseFailure } from './errors.ts';
import { findDaemon, notRunning, socketPaths } from './socket-path.ts';

export interface Transport {
  /** Body of a 2xx answer. Throws StillvaultError, or the signal's reason. */
  requestJson(method: 'GET' | 'POST', path: string, body?: object, signal?: AbortSignal): Promise<unknown>;
  /**
   * Each line of the answer. Leaving the loop early ends the connection, which withdraws what was asked; after the last line the connection
   * stays open for the next call. Throws as above, also for an `error` event.
   */
  requestEvents(method: 'GET' | 'POST', path: string, body?: object, signal?: AbortSignal): AsyncGenerator<unknown, void, undefined>;
}

export interface TransportOptions {
  /** Instead of STILLVAULT_SOCKET and the usual places. */
  readonly socketPath?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Answers of the daemon are a few hundred bytes; a release of 16 values of 64 KiB in base64 is 1.4 MB. */
const maxAnswerBytes = 4_194_304;
/** For what needs no human. A release has its own deadline. */
const answerMs = 30_000;

interface Answer {
  readonly ok: boolean;
  readonly chunks: AsyncIterable<Uint8Array>;
}
type Send = (socketPath: string, method: string, path: string, body: string | undefined, signal: AbortSignal) => Promise<Answer>;

export function createTransport(options: TransportOptions = {}): Transport {
  const env = options.env ?? process.env;
  const uid = process.geteuid?.();
  const send = 'Bun' in globalThis ? sendWithFetch : createSendWithNode();

  const open = async (method: string, path: string, body: object | undefined, signal: AbortSignal): Promise<Answer> => {
    signal.throwIfAborted();
    const socketPath = findDaemon(options.socketPath === undefined ? socketPaths(env, uid) : [options.socketPath], env, uid);
    const answer = await told(signal, send(socketPath, method, path, body === undefined ? undefined : JSON.stringify(body), signal));
    if (answer.ok) return answer;
    const failure = parseFailure(parseJson(await told(signal, readText(answer.chunks))));
    throw failure === undefined ? notOurs() : errorOf(failure);
  };

  return {
    async requestJson(method, path, body, signal) {
      const deadline = AbortSignal.timeout(answerMs);
      const ends = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
      const answer = await open(method, path, body, ends);
      return parseJson(await told(ends, readText(answer.chunks)));
    },
    async *requestEvents(method, path, body, signal) {
      const left = new AbortController();
      const ends = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
      let complete = false;
      try {
        const answer = await open(method, path, body, ends);
        const lines = readLines(answer.chunks);
        for (;;) {
          const line = await told(ends, lines.next());
          if (line.done === true) {
            complete = true;
            return;
          }
          const event = parseJson(line.value);
          const failure: Failure | undefined = parseFailure(event);
          if (failure !== undefined) throw errorOf(failure);
          yield event;
        }
      } finally {
        if (!complete) left.abort();
      }
    },
  };
}

/** Failures of the connection in our words; an abort stays the caller's reason. */
async function told<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof StillvaultError) throw cause;
    if (signal.aborted) {
      const reason: unknown = signal.reason;
      if (!(reason instanceof DOMException && reason.name === 'TimeoutError')) throw reason;
      throw new StillvaultError('error', 'the daemon did not answer in time', { next: 'stillvault doctor', cause });
    }
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (/^(?:ENOENT|ECONNREFUSED|ConnectionRefused|FailedToOpenSocket)$/.test(code)) throw notRunning(cause);
    if (/^(?:EACCES|EPERM)$/.test(code))
      throw new StillvaultError('policy_forbids', "this user may not reach the daemon's socket", { detail: 'E_PEER_UID', cause });
    throw new StillvaultError('error', 'the daemon ended the connection', { next: 'stillvault status', cause });
  }
}

const headers = { 'content-type': 'application/json' };

/** Bun: 1 ms of CPU for the whole call, where node:http takes 20. */
const sendWithFetch: Send = async (socketPath, method, path, body, signal) => {
  const init: RequestInit & { readonly unix: string; readonly timeout: false } = {
    timeout: false, // of silence, which Bun has and a variable of the environment can shorten: people may take 15 minutes, an agent is silent for days
    method,
    headers,
    signal,
    unix: socketPath,
    redirect: 'error',
    ...(body === undefined ? {} : { body }),
  };
  const response = await fetch(`http://stillvault${path}`, init);
  return { ok: response.ok, chunks: response.body ?? emptyBody() };
};

function createSendWithNode(): Send {
  let agent: Agent | undefined; // keeps connections for the next call, and no process alive
  return async (socketPath, method, path, body, signal) => {
    const http = await import('node:http');
    agent ??= new http.Agent({ keepAlive: true });
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(new TextEncoder().encode(body).length) };
      const call = http.request({ socketPath, method, path, agent, headers: { host: 'stillvault', ...headers, ...length } }, (response) => {
        const status = response.statusCode ?? 0;
        response.on('end', () => signal.removeEventListener('abort', abort));
        resolve({ ok: status >= 200 && status < 300, chunks: response });
      });
      const abort = (): void => void call.destroy(); // not the option `signal`: that would stay on the kept connection
      signal.addEventListener('abort', abort, { once: true });
      call.on('close', () => signal.removeEventListener('abort', abort));
      call.on('error', reject);
      call.end(body);
    });
  };
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

async function readText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxAnswerBytes) throw notOurs();
  }
  return text + decoder.decode();
}

async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxAnswerBytes) throw notOurs();
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
  if (text !== '') throw notOurs(); // cut off in the middle
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notOurs(); // the parser's message would quote the text, which may hold a value
  }
}

function notOurs(): StillvaultError {
  return new StillvaultError('error', 'what answered on the socket does not speak the local API of Stillvault', {
    next: 'stillvault doctor',
    detail: 'E_LOCAL_API',
  });
}
