// Everything the intake knows about processes, wired once (spec/10-local-api.md §identity).
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { anchorOf, isDescendantOf, type Anchor, type OwnProgram } from './ancestry.ts';
import { createFileDigests } from './file-digest.ts';
import { libc, type Libc } from './libc.ts';
import { loopbackPeer } from './loopback.ts';
import { observe, type Observation, type ObserveDeps } from './observe.ts';
import { socketPeer, type Peer } from './peer.ts';
import { createProc } from './proc.ts';
import { verifySameProcess, type ProcessIdentity } from './process-identity.ts';

export interface Observer {
  readonly os: Libc | undefined;
  readonly selfUid: number;
  /** What GET /v1/status says of this machine. */
  readonly identity: 'pidfd' | 'unverified';
  socketPeer(fd: number, allowedUids: readonly number[]): Peer;
  loopbackPeer(socket: Socket, allowedUids: readonly number[]): Peer;
  observe(peer: Peer): Promise<Observation>;
  /** At release, and at each use of a lease. Throws E_PEER_PIDFD, E_EXE_HASH, E_PEER_NS. */
  verifySame(identity: ProcessIdentity): Promise<void>;
  isDescendantOf(pid: number, anchor: ProcessIdentity): boolean;
  /** Undefined where the requester's process is unknown. */
  anchorOf(observation: Observation, self?: boolean): Promise<Anchor | undefined>;
}

export interface ObserverDeps extends ObserveDeps {
  readonly os: Libc | undefined;
  readonly selfUid: number;
  readonly own: readonly OwnProgram[];
  /** Text of /proc/net/tcp. */
  readonly tcpTable: () => string;
}

export function createObserver(deps: ObserverDeps): Observer {
  const { os, proc, selfUid } = deps;
  return {
    os,
    selfUid,
    identity: os?.hasPeerPidfd === true ? 'pidfd' : 'unverified',
    socketPeer: (fd, allowedUids) => socketPeer({ os, proc, selfUid, allowedUids }, fd),
    loopbackPeer: ({ localPort, remotePort }, allowedUids) =>
      loopbackPeer({ os, proc, selfUid, allowedUids }, { ours: localPort ?? 0, theirs: remotePort ?? 0 }, deps.tcpTable()),
    observe: (peer) => observe(deps, peer),
    verifySame: (identity) => verifySameProcess(deps, identity),
    isDescendantOf: (pid, anchor) => isDescendantOf(proc, pid, anchor),
    anchorOf: async (observation, self) => os && anchorOf({ ...deps, os }, observation, deps.own, self),
  };
}

/** The real world, for main.ts. */
export function systemObserverDeps(own: readonly OwnProgram[]): ObserverDeps {
  return {
    os: libc(),
    proc: createProc(),
    digests: createFileDigests(),
    nowMs: Date.now,
    passwd: () => readText('/etc/passwd') ?? '',
    uptimeS: () => {
      const text = readText('/proc/uptime');
      return text === undefined ? undefined : Number.parseFloat(text);
    },
    tcpTable: () => readText('/proc/net/tcp') ?? '',
    selfPid: process.pid,
    selfUid: process.geteuid?.() ?? -1,
    own,
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
