// Who connected to a Unix socket, and under which name it did: systemd names its units there (spec/14-helpers.md §systemd). Linux only.
import { dlopen, type Library } from 'bun:ffi';
import type { Socket } from 'node:net';

const solSocket = 1;
const soPeercred = 17;

export interface UnixPeer {
  readonly pid: number;
  readonly uid: number;
  /** Of an abstract address, without its leading zero; '' where the peer has no name. */
  readonly name: string;
}

const symbols = {
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  getpeername: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
} as const;
let loaded: Library<typeof symbols> | undefined;

/** Undefined where the socket is gone already. */
export function unixPeer(socket: Socket): UnixPeer | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return undefined;
  const { symbols: c } = (loaded ??= open());
  const credentials = new Uint32Array(3);
  const length = new Int32Array([12]);
  if (c.getsockopt(fd, solSocket, soPeercred, credentials, length) !== 0) return undefined;
  const address = new Uint8Array(110); // struct sockaddr_un: family, then at most 108 bytes
  length[0] = address.length;
  if (c.getpeername(fd, address, length) !== 0) return undefined;
  const size = Math.min(length[0] ?? 0, address.length);
  const [pid = 0, uid = 0] = credentials;
  return { pid, uid, name: size > 3 && address[2] === 0 ? Buffer.from(address.subarray(3, size)).toString('utf8') : '' };
}

/** The runtime has no public name for it. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

function open(): Library<typeof symbols> {
  try {
    return dlopen('libc.so.6', symbols);
  } catch {
    return dlopen(`libc.musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`, symbols);
  }
}
