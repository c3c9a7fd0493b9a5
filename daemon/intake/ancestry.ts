// Parents of a process, walked without being fooled by a reused pid (spec/10-local-api.md §leases-anchor): who a lease belongs to, and who may use it.
import { bounds } from './bounds.ts';
import { connectedProcess, identifyProcess, processGone, type IdentityDeps, type ProcessIdentity } from './process-identity.ts';
import { readStat, type Proc, type ProcStat } from './proc.ts';
import type { Libc } from './libc.ts';
import type { Observation, Observed, ObservedAncestor } from './observe.ts';
import { isShell, isShellCommand } from './script.ts';

export interface Parent extends ProcStat {
  readonly pid: number;
}

/** Nearest first, ending where a process ended during the walk. A parent counts only while its child still names it, so its pid was not reused. */
export function readParents(proc: Proc, pid: number): Parent[] {
  const parents: Parent[] = [];
  let child: (ProcStat & { readonly pid: number }) | undefined = withPid(pid, readStat(proc, pid));
  while (child !== undefined && child.ppid > 0 && parents.length < bounds.walkDepth) {
    const parent = withPid(child.ppid, readStat(proc, child.ppid));
    const again = readStat(proc, child.pid);
    if (parent === undefined || again?.ppid !== child.ppid || again.startTicks !== child.startTicks) break;
    parents.push(parent);
    child = parent;
  }
  return parents;
}

function withPid(pid: number, stat: ProcStat | undefined): Parent | undefined {
  return stat && { ...stat, pid };
}

/** Whether the process is the anchor or was started under it. A process that left the tree (its parent ended) is not. */
export function isDescendantOf(proc: Proc, pid: number, anchor: ProcessIdentity): boolean {
  if (anchor.startTicks === undefined) return false; // /proc hides processes here: nobody can be recognised
  const isAnchor = (found: { readonly pid: number; readonly startTicks: number }): boolean =>
    found.pid === anchor.pid && found.startTicks === anchor.startTicks;
  const self = withPid(pid, readStat(proc, pid));
  const found = self !== undefined && (isAnchor(self) || readParents(proc, pid).some(isAnchor));
  return found && anchor.pidfd.isAlive();
}

/** Our own command line: it asks for whoever started it. `script` where it runs in an interpreter (`bun daemon/main.ts`). */
export interface OwnProgram {
  /** Absolute path or SHA-256 in hex of the executable. */
  readonly exe: string;
  readonly script?: string;
}

/** The process a lease belongs to. It has its own descriptor: whoever holds the lease disposes of it. */
export interface Anchor extends Disposable {
  readonly identity: ProcessIdentity;
  /** 0 = the requester, n = its n-th ancestor. */
  readonly level: number;
  /** For people, e.g. `claude (pid 4121)`. */
  readonly label: string;
}

/**
 * The requester itself, or unless `self` for our own command line the nearest ancestor that is neither that nor a shell started for one command.
 * Never another user's process and never pid 1: a lease of theirs would be everybody's. Undefined where the requester is unknown.
 * Throws E_PEER_PIDFD, E_EXE_HASH where the process changes meanwhile.
 */
export async function anchorOf(
  deps: IdentityDeps & { readonly os: Libc },
  observation: Observation,
  own: readonly OwnProgram[],
  self = false,
): Promise<Anchor | undefined> {
  const { observed, identity } = observation;
  if (identity === undefined) return undefined;
  const asked = { pid: identity.pid, startTicks: identity.startTicks, name: observed.name ?? 'unknown' };
  const holder = !self && isOwn(own, observed.exe, observed.script?.path) ? (starterOf(deps.proc, observed, own) ?? asked) : asked;
  const pidfd = deps.os.openPidfd(holder.pid);
  if (pidfd === undefined) throw processGone();
  try {
    const found = connectedProcess(deps.proc, holder.pid, pidfd);
    if (found.startTicks !== holder.startTicks || !identity.pidfd.isAlive()) throw processGone();
    return {
      identity: await identifyProcess(deps, found),
      level: observed.ancestors.findIndex((ancestor) => ancestor === holder) + 1,
      label: `${holder.name} (pid ${holder.pid})`,
      [Symbol.dispose]: () => pidfd[Symbol.dispose](),
    };
  } catch (cause) {
    pidfd[Symbol.dispose]();
    throw cause;
  }
}

function starterOf(proc: Proc, observed: Observed, own: readonly OwnProgram[]): ObservedAncestor | undefined {
  const { ancestors } = observed;
  let at = ancestors.findIndex(
    ({ exe, argv, script }) => !isOwn(own, exe === undefined ? undefined : { path: exe }, script) && !isShellCommand(exe ?? '', argv ?? []),
  );
  while (isCopyOf(proc, ancestors[at], ancestors[at + 1])) at++;
  const starter = ancestors[at];
  return starter !== undefined && starter.pid !== 1 && starter.uid === observed.uid ? starter : undefined;
}

/** A shell's `$(… | …)` or `( … )`: a fork of itself without exec, the same program with the same image, that ends with its last command. */
function isCopyOf(proc: Proc, copy: ObservedAncestor | undefined, shell: ObservedAncestor | undefined): boolean {
  if (copy === undefined || shell === undefined || !isShell(copy.exe ?? '', copy.argv ?? [])) return false;
  if (copy.uid !== shell.uid || copy.exe !== shell.exe || copy.argv?.join('\0') !== shell.argv?.join('\0')) return false;
  const [mine, theirs] = [readStat(proc, copy.pid), readStat(proc, shell.pid)];
  const isSeen = mine?.startTicks === copy.startTicks && theirs?.startTicks === shell.startTicks && mine.ppid === shell.pid;
  return isSeen && mine.imageMark === theirs.imageMark && !mine.imageMark.endsWith(':0:0'); // hidden marks are all alike
}

function isOwn(own: readonly OwnProgram[], exe: { readonly path: string; readonly sha256?: string } | undefined, script: string | undefined): boolean {
  return exe !== undefined && own.some((program) => (program.exe === exe.path || program.exe === exe.sha256) && program.script === script);
}
