// Network, clock and events of the browser behind Platform. Works in every runtime with fetch and WebSocket.
import type { SocketLike } from '../../relay-client/live.ts';
import type { ConsoleFetch } from './platform.ts';

export const consoleFetch: ConsoleFetch = (url, { method, headers, body, signal, mode }) =>
  fetch(url, {
    method,
    headers,
    signal,
    credentials: 'omit',
    cache: 'no-store',
    ...(mode ? { mode } : { redirect: 'error' as const }),
    ...(body ? { body: new Uint8Array(body) } : {}),
  });

export function openSocket(url: string): SocketLike {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const adapter: SocketLike = {
    binaryType: 'arraybuffer',
    onopen: null,
    onmessage: null,
    onclose: null,
    send: (data) => socket.send(new Uint8Array(data)),
    close: () => socket.close(),
  };
  socket.onopen = () => adapter.onopen?.();
  socket.onmessage = ({ data }: MessageEvent<unknown>) => adapter.onmessage?.({ data });
  // An error is always followed by a close.
  socket.onclose = () => adapter.onclose?.();
  return adapter;
}

export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(new DOMException('stopped', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
