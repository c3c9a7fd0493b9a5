// The kernel's word about who is at the other end of the socket (spec/10-local-api.md §identity). Looked up once per connection.
import { DaemonError } from '../errors.ts';
import type { Libc } from './libc.ts';
import { connectedProcess, processGone, type ConnectedProcess } from './process-identity.ts';
import type { Proc } from './proc.ts';

/** Who connected. The connection owns `process.pidfd` and disposes of it when it closes. */
export interface Peer {
  readonly via: 'socket' | 'loopback';
  /** `pidfd`: the kernel named the process together with the socket. `unverified`: found by pid or port, or not at all. */
  readonly identity: 'pidfd' | 'unverified';
  /** Undefined only through the loopback port. */
  readonly uid: number | undefined;
  readonly process: ConnectedProcess | undefined;
}

export interface PeerDeps {
  /** Undefined where the system is not Linux: the socket's mode alone keeps others out. */
  readonly os: Libc | undefined;
  readonly proc: Proc;
  readonly allowedUids: readonly number[];
  readonly selfUid: number;
}

const uidNobody = 65_534; // what the kernel shows for a uid that our user namespace does not know
const uidNone = 0xffff_ffff;

/** Of a connected Unix socket. Throws E_PEER_NS, E_PEER_UID, E_PEER_PIDFD. */
export function socketPeer({ os, proc, allowedUids, selfUid }: PeerDeps, fd: number): Peer {
  if (os === undefined) return { via: 'socket', identity: 'unverified', uid: selfUid, process: undefined };
  const credentials = os.peerCredentials(fd);
  if (credentials === undefined) throw processGone();
  const { pid, uid } = credentials;
  if (pid === 0 || uid === uidNobody || uid === uidNone)
    throw new DaemonError('policy_forbids', 'E_PEER_NS', 'the program that asks lives in a namespace this daemon cannot see into', {
      next: 'run a daemon inside the container, or mount this socket into a container that shares its users and processes',
    });
  verifyUid(uid, allowedUids);
  const pidfd = os.hasPeerPidfd ? os.peerPidfd(fd) : os.openPidfd(pid);
  if (pidfd === undefined) throw processGone();
  return { via: 'socket', identity: os.hasPeerPidfd ? 'pidfd' : 'unverified', uid, process: connectedProcess(proc, pid, pidfd) };
}

export function verifyUid(uid: number, allowedUids: readonly number[]): void {
  if (!allowedUids.includes(uid))
    throw new DaemonError('policy_forbids', 'E_PEER_UID', `this daemon does not serve uid ${uid}`, { next: 'stillvault up, as the user who asks' });
}
