// The optional port on 127.0.0.1, for programs that cannot reach the socket (spec/10-local-api.md §loopback): a token, no browsers, a weaker identity.
import { timingSafeEqual } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { toBase64Url } from '../../protocol/bytes.ts';
import { DaemonError } from '../errors.ts';
import type { Libc } from './libc.ts';
import { verifyUid, type Peer, type PeerDeps } from './peer.ts';
import { connectedProcess } from './process-identity.ts';
import { readUid, type Proc } from './proc.ts';
import { statePathRefused } from './state-path.ts';

/** Text of the token file, made with 0600 where there is none. Throws E_STATE_PATH for a file that others may read, write or have put there. */
export function loadToken(path: string, selfUid: number, random: (length: number) => Uint8Array): string {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) writeFileSync(path, `${toBase64Url(random(32))}\n`, { flag: 'wx', mode: 0o600 });
  const found = lstatSync(path); // its folder is ours alone, so it is the same file that is read
  const token = found.isFile() && found.uid === selfUid && (found.mode & 0o077) === 0 && found.size <= 256 ? readFileSync(path, 'latin1').trim() : '';
  if (token.length < 32) throw statePathRefused(path, 'is no token file that only this user can read', `rm ${path}`);
  return token;
}

/** Throws E_HOST (a name that a web page could make point here) and E_LOOPBACK_TOKEN. */
export function verifyLoopbackHeaders(headers: IncomingHttpHeaders, token: string): void {
  if (!/^(?:127\.0\.0\.1|localhost)(?::\d{1,5})?$/.test(headers.host ?? ''))
    throw new DaemonError('usage', 'E_HOST', 'the host must be 127.0.0.1 or localhost');
  const given = Buffer.from(headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw new DaemonError('policy_forbids', 'E_LOOPBACK_TOKEN', 'the loopback port needs the token of its token file', {
      next: 'send authorization: Bearer <token>',
    });
}

/** Uid and, where exactly one process holds the connection, that process; always `unverified`. Throws E_PEER_UID. */
export function loopbackPeer({ os, proc, allowedUids }: PeerDeps, ports: { readonly ours: number; readonly theirs: number }, tcpTable: string): Peer {
  const unknown: Peer = { via: 'loopback', identity: 'unverified', uid: undefined, process: undefined };
  const socket = findSocket(tcpTable, ports);
  if (socket === undefined) return unknown;
  verifyUid(socket.uid, allowedUids);
  return { ...unknown, uid: socket.uid, process: os && holderOf(os, proc, socket) };
}

interface TcpSocket {
  readonly uid: number;
  readonly inode: string;
}

/** The client's side of the connection in /proc/net/tcp. */
function findSocket(table: string, { ours, theirs }: { readonly ours: number; readonly theirs: number }): TcpSocket | undefined {
  const port = (number: number): string => number.toString(16).toUpperCase().padStart(4, '0');
  for (const line of table.split('\n')) {
    const [, local, remote, , , , , uid, , inode] = line.trim().split(/\s+/);
    if (local === `0100007F:${port(theirs)}` && remote === `0100007F:${port(ours)}` && inode !== undefined && inode !== '0') return { uid: Number(uid), inode };
  }
  return undefined;
}

function holderOf(os: Libc, proc: Proc, { uid, inode }: TcpSocket): Peer['process'] {
  const holders = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && readUid(proc, Number(name)) === uid && holds(name, `socket:[${inode}]`));
  const pid = Number(holders[0]);
  const pidfd = holders.length === 1 ? os.openPidfd(pid) : undefined;
  if (pidfd === undefined) return undefined;
  if (holds(String(pid), `socket:[${inode}]`)) return connectedProcess(proc, pid, pidfd);
  pidfd[Symbol.dispose]();
  return undefined;
}

function holds(pid: string, socket: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkIs(`/proc/${pid}/fd/${fd}`, socket));
  } catch {
    return false; // gone, or not ours to read
  }
}

function linkIs(path: string, target: string): boolean {
  try {
    return readlinkSync(path) === target;
  } catch {
    return false; // closed meanwhile
  }
}
