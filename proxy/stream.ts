// One connection as reads and writes that wait for each other: what is not read is not taken in, what is not taken is not written further.
import type { Socket } from 'node:net';
import { bounds } from './bounds.ts';
import { ProxyError } from './proxy-error.ts';

export interface Stream {
  /** The next bytes; undefined at the end. Throws E_PROXY_UPSTREAM where the connection broke, E_PROXY_TIMEOUT where nothing came. */
  read(): Promise<Uint8Array | undefined>;
  /** Puts bytes back in front. */
  unread(bytes: Uint8Array): void;
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing more will be written. */
  end(): void;
  close(): void;
  /** Neither ended nor broken by the other side, as far as is known, and nothing unread. */
  readonly isIdle: boolean;
  /** Resolves when it is over. */
  readonly closed: Promise<void>;
  /** Gives the socket back, for TLS to take it over. Throws E_PROXY_MESSAGE where bytes came before their time. */
  release(): Socket;
}

export function createStream(socket: Socket, idleMs: number = bounds.idleMs): Stream {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let state: 'open' | 'ended' | ProxyError = 'open';
  let wake: (() => void) | undefined;
  let drained: (() => void) | undefined;
  const { promise: closed, resolve: setClosed } = Promise.withResolvers<void>();

  const changed = (): void => {
    wake?.();
    wake = undefined;
  };
  const end = (now: 'ended' | ProxyError): void => {
    if (state === 'open') state = now;
    changed();
    drained?.();
  };
  const onData = (chunk: Uint8Array): void => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > bounds.readAheadBytes) socket.pause();
    changed();
  };
  const onEnd = (): void => end('ended');
  const onClose = (): void => {
    end('ended');
    setClosed();
  };
  const onError = (cause: unknown): void => end(new ProxyError('E_PROXY_UPSTREAM', 'the connection broke', { cause }));
  const onDrain = (): void => drained?.();
  const onTimeout = (): void => {
    end(new ProxyError('E_PROXY_TIMEOUT', 'nothing came for too long'));
    socket.destroy();
  };
  const events = { data: onData, end: onEnd, close: onClose, error: onError, drain: onDrain, timeout: onTimeout };
  for (const [name, listener] of Object.entries(events)) socket.on(name, listener);
  socket.setTimeout(idleMs);
  socket.setNoDelay(true);

  const verifyOpen = (): void => {
    if (state !== 'open' && state !== 'ended') throw state;
    if (socket.destroyed) throw new ProxyError('E_PROXY_UPSTREAM', 'the connection is closed');
  };

  return {
    async read() {
      while (chunks.length === 0) {
        if (state === 'ended') return undefined;
        if (state !== 'open') throw state;
        await new Promise<void>((resolve) => (wake = resolve));
      }
      const first = chunks.shift();
      size -= first?.length ?? 0;
      if (size <= bounds.readAheadBytes) socket.resume();
      return first;
    },
    unread(bytes) {
      if (bytes.length === 0) return;
      chunks.unshift(bytes);
      size += bytes.length;
    },
    async write(bytes) {
      verifyOpen();
      if (bytes.length === 0 || socket.write(bytes)) return;
      await new Promise<void>((resolve) => (drained = resolve));
      drained = undefined;
      verifyOpen();
    },
    end: () => void socket.end(),
    close: () => void socket.destroy(),
    get isIdle() {
      return state === 'open' && size === 0 && !socket.destroyed;
    },
    closed,
    release() {
      if (size > 0) throw new ProxyError('E_PROXY_MESSAGE', 'bytes came before the tunnel was there');
      socket.pause();
      for (const [name, listener] of Object.entries(events)) socket.off(name, listener);
      socket.on('error', () => undefined); // an error with nobody to hear it would end the process
      return socket;
    },
  };
}
