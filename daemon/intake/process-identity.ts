// One process, known well enough to be recognised again (spec/10-local-api.md §identity): checked at release and at each use of a lease.
import { DaemonError } from '../errors.ts';
import type { FileDigest, FileDigests } from './file-digest.ts';
import type { Pidfd } from './libc.ts';
import { namespaces, readStat, type Namespace, type Proc } from './proc.ts';

/** The process that connected. Whoever owns `pidfd` disposes of it. */
export interface ConnectedProcess {
  readonly pid: number;
  readonly pidfd: Pidfd;
  /** Undefined where /proc hides the process. */
  readonly startTicks: number | undefined;
  readonly imageMark: string | undefined;
}
export interface ProcessIdentity extends ConnectedProcess {
  /** Undefined where the kernel does not let us see it: it must then stay so. */
  readonly exe: FileDigest | undefined;
  readonly namespaces: NamespaceLinks;
}
export type NamespaceLinks = Readonly<Partial<Record<Namespace, string>>>;

export interface IdentityDeps {
  readonly proc: Proc;
  readonly digests: FileDigests;
}

/** Reads what names the process behind a descriptor. Throws E_PEER_PIDFD where it is gone: the descriptor is then closed. */
export function connectedProcess(proc: Proc, pid: number, pidfd: Pidfd): ConnectedProcess {
  const stat = readStat(proc, pid);
  if (!pidfd.isAlive()) {
    pidfd[Symbol.dispose]();
    throw processGone(); // and so what was read may be of another process with the same pid
  }
  return { pid, pidfd, startTicks: stat?.startTicks, imageMark: stat?.imageMark };
}

/** Everything by which `sameProcess` recognises it. */
export async function identifyProcess(deps: IdentityDeps, found: ConnectedProcess): Promise<ProcessIdentity> {
  const exe = await deps.digests.digest(deps.proc.exeFile(found.pid));
  const links = readNamespaces(deps.proc, found.pid);
  verifyUnchanged(deps.proc, found);
  return { ...found, exe, namespaces: links };
}

/** Throws E_PEER_PIDFD (gone, or another process), E_EXE_HASH (runs another program) or E_PEER_NS (moved to another namespace). */
export async function verifySameProcess(deps: IdentityDeps, known: ProcessIdentity): Promise<void> {
  if (!known.pidfd.isAlive()) throw processGone();
  const path = deps.proc.exeFile(known.pid);
  const exe = deps.digests.facts(path);
  if (exe?.inode !== known.exe?.inode) throw otherProgram();
  if (exe?.revision !== known.exe?.revision && (await deps.digests.digest(path))?.sha256 !== known.exe?.sha256) throw otherProgram(); // chmod or unlink alone changes no byte
  const links = readNamespaces(deps.proc, known.pid);
  if (namespaces.some((name) => links[name] !== known.namespaces[name]))
    throw new DaemonError('policy_forbids', 'E_PEER_NS', 'the program that asked moved to another namespace since it asked');
  verifyUnchanged(deps.proc, known); // last: so all of the above was about this process and this image of it
}

/** Two sights of one process, running one image in the same namespaces. */
export function isSameIdentity(a: ProcessIdentity, b: ProcessIdentity): boolean {
  if (a.startTicks === undefined || a.pid !== b.pid || a.startTicks !== b.startTicks) return false;
  return a.imageMark === b.imageMark && a.exe?.sha256 === b.exe?.sha256 && namespaces.every((name) => a.namespaces[name] === b.namespaces[name]);
}

/** Alive, started when it was started, and no exec() since. */
export function verifyUnchanged(proc: Proc, known: ConnectedProcess): void {
  const now = known.pidfd.isAlive() ? readStat(proc, known.pid) : undefined;
  if (now?.startTicks !== known.startTicks || !known.pidfd.isAlive()) throw processGone();
  if (now?.imageMark !== known.imageMark) throw otherProgram();
}

export function readNamespaces(proc: Proc, pid: number): NamespaceLinks {
  const links: Partial<Record<Namespace, string>> = {};
  for (const name of namespaces) {
    const link = proc.link(pid, `ns/${name}`);
    if (link !== undefined) links[name] = Buffer.from(link).toString('latin1');
  }
  return links;
}

export function processGone(): DaemonError {
  return new DaemonError('error', 'E_PEER_PIDFD', 'the program that asked has ended');
}

function otherProgram(): DaemonError {
  return new DaemonError('policy_forbids', 'E_EXE_HASH', 'the program that asked is not the one that was shown any more', {
    next: 'ask again from the new program',
  });
}
