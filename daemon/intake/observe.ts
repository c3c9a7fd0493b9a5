// Who asks, as the kernel tells it (spec/10-local-api.md §observed). What cannot be read is undefined, never guessed.
// Everything is read first; then the process must still be the one that connected, so that a reused pid cannot mix two processes.
import { resolve } from 'node:path';
import { encodeUtf8, equalBytes } from '../../protocol/bytes.ts';
import { limits } from '../../protocol/limits.ts';
import { readParents, type Parent } from './ancestry.ts';
import { bounds } from './bounds.ts';
import type { FileDigest, FileDigests } from './file-digest.ts';
import type { Peer } from './peer.ts';
import { identifyProcess, readNamespaces, verifyUnchanged, type NamespaceLinks, type ProcessIdentity } from './process-identity.ts';
import { namespaces, readStat, readUid, type Namespace, type Proc } from './proc.ts';
import { scriptOf } from './script.ts';
import { containerOf, terminalOf, userOf } from './surroundings.ts';
import { toVisible, type Alterations } from './visible.ts';

/** Plain and safe to show. Every text is one visible line of at most limits.observedBytes. */
export interface Observed {
  /** `pidfd`: the kernel named the process that connected. `unverified`: found by its pid or through a port. */
  readonly identity: 'pidfd' | 'unverified';
  readonly uid?: number;
  readonly user?: string;
  readonly pid?: number;
  /** The short name it gives itself. */
  readonly name?: string;
  readonly startedAtMs?: number;
  /** 1/100 s since boot: with the pid it names the process. */
  readonly startTicks?: number;
  readonly exe?: ObservedExe;
  /** Undefined where the program is no interpreter that we know. */
  readonly script?: ObservedScript;
  readonly argv?: readonly string[];
  readonly cwd?: string;
  /** Nearest first. */
  readonly ancestors: readonly ObservedAncestor[];
  /** Compared with the daemon's own. */
  readonly namespaces: Readonly<Partial<Record<Namespace, 'same' | 'other'>>>;
  /** `docker 3f2a9c01b2d3`, or `none`. A hint. */
  readonly container?: string;
  /** `pts/3`, or `none`. */
  readonly terminal?: string;
  /** An ancestor is root's sshd. */
  readonly ssh?: boolean;
  /** Texts in which characters were replaced by `\u{…}` or `\x{…}`: `exe`, `argv`, `cwd`, `script`, `ancestors`. */
  readonly escaped: readonly string[];
  /** Texts or lists that were shortened. */
  readonly cut: readonly string[];
}
export interface ObservedExe {
  readonly path: string;
  readonly sha256?: string;
  /** Deleted or replaced on disk while it runs. */
  readonly unlinked: boolean;
  readonly rootOwned: boolean;
}
export interface ObservedScript {
  readonly kind: 'file' | 'inline' | 'module' | 'stdin' | 'unknown';
  readonly path?: string;
  /** Of the file that stands at the path now; unknown for a process with another root. */
  readonly sha256?: string;
  readonly rootOwned?: boolean;
}
export interface ObservedAncestor {
  readonly pid: number;
  readonly name: string;
  readonly startTicks: number;
  readonly uid?: number;
  readonly exe?: string;
  readonly script?: string;
  readonly argv?: readonly string[];
}

export interface Observation {
  readonly observed: Observed;
  /** Undefined where the peer's process is unknown. */
  readonly identity: ProcessIdentity | undefined;
}

export interface ObserveDeps {
  readonly proc: Proc;
  readonly digests: FileDigests;
  readonly nowMs: () => number;
  /** Text of /etc/passwd. */
  readonly passwd: () => string;
  /** Seconds since boot, suspend included: /proc/uptime. */
  readonly uptimeS: () => number | undefined;
  readonly selfPid: number;
}

/** Throws E_PEER_PIDFD where the process is gone or another one, E_EXE_HASH where it became another program meanwhile. */
export async function observe(deps: ObserveDeps, peer: Peer): Promise<Observation> {
  const altered: Alterations = { escaped: new Set(), cut: new Set() };
  const user = peer.uid === undefined ? undefined : userOf(peer.uid, deps.passwd());
  const about = { identity: peer.identity, ...known({ uid: peer.uid, user }) };
  if (peer.process === undefined) return { observed: { ...about, ancestors: [], namespaces: {}, escaped: [], cut: [] }, identity: undefined };

  const { proc } = deps;
  const { pid, startTicks } = peer.process;
  const stat = readStat(proc, pid);
  const parents = readParents(proc, pid);
  const [identity, argv] = await Promise.all([identifyProcess(deps, peer.process), readArgv(proc, pid)]);
  const exe = observeExe(proc.link(pid, 'exe'), identity.exe, altered);
  const cwd = proc.link(pid, 'cwd');
  const uptimeS = deps.uptimeS();
  const details = {
    pid,
    name: stat && toVisible(stat.comm, 'name', altered),
    startTicks,
    startedAtMs: startTicks === undefined || uptimeS === undefined ? undefined : Math.round(deps.nowMs() - uptimeS * 1000 + startTicks * 10),
    exe,
    script: await observeScript(deps, pid, exe?.path, argv, altered),
    argv: argv && showArgv(argv, 'argv', bounds.argvBytes, altered),
    cwd: cwd && toVisible(cwd, 'cwd', altered),
    container: containerOf(proc.read(pid, 'cgroup')),
    terminal: stat && terminalOf(stat.tty),
    ssh: cameBySsh(proc, parents),
  };
  const ancestors = await observeAncestors(proc, parents, altered);
  const compared = compareNamespaces(identity.namespaces, readNamespaces(proc, deps.selfPid));
  verifyUnchanged(proc, peer.process); // last: all of the above was about the process that connected
  return { observed: { ...about, ...known(details), ancestors, namespaces: compared, escaped: [...altered.escaped], cut: [...altered.cut] }, identity };
}

/** Without what is unknown. */
function known<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]?: Exclude<T[Key], undefined> }; // cast: entries lose the types of the keys
}

function observeExe(link: Uint8Array | undefined, digest: FileDigest | undefined, altered: Alterations): ObservedExe | undefined {
  if (link === undefined) return undefined;
  const path = toVisible(link, 'exe', altered);
  return {
    path: digest?.unlinked === true ? path.replace(/ \(deleted\)$/, '') : path,
    ...known({ sha256: digest?.sha256 }),
    unlinked: digest?.unlinked === true || path.endsWith(' (deleted)'),
    rootOwned: digest?.rootOwned === true,
  };
}

async function observeScript(
  deps: ObserveDeps,
  pid: number,
  exe: string | undefined,
  argv: readonly Uint8Array[] | undefined,
  altered: Alterations,
): Promise<ObservedScript | undefined> {
  const source = exe === undefined || argv === undefined ? undefined : scriptOf(exe, argv.map(textOf));
  if (source?.kind !== 'file') return source;
  const path = resolveIn(deps.proc, pid, source.path);
  const own = /^\/(?:dev|proc)\//.test(path ?? ''); // e.g. /dev/fd/3: another file for each process
  const digest = path !== undefined && !own && hasOurFiles(deps, pid) ? await deps.digests.digest(path) : undefined;
  return {
    kind: 'file',
    path: toVisible(encodeUtf8(path ?? source.path), 'script', altered),
    ...known({ sha256: digest?.sha256, rootOwned: digest?.rootOwned }),
  };
}

/** A relative path counts from the working directory as it is now. */
function resolveIn(proc: Proc, pid: number, path: string): string | undefined {
  const cwd = proc.link(pid, 'cwd');
  if (path.startsWith('/')) return resolve(path);
  return cwd === undefined ? undefined : resolve(textOf(cwd), path);
}

/** Whether a path means the same file to that process as to us: it lives in our mount namespace and under our root. */
function hasOurFiles({ proc, selfPid }: ObserveDeps, pid: number): boolean {
  const same = (name: 'root' | 'ns/mnt'): boolean => {
    const [theirs, ours] = [proc.link(pid, name), proc.link(selfPid, name)];
    return theirs !== undefined && ours !== undefined && equalBytes(theirs, ours);
  };
  return same('ns/mnt') && same('root');
}

/** Nearest first, ending at the first that ended or became another program while it was read. */
async function observeAncestors(proc: Proc, parents: readonly Parent[], altered: Alterations): Promise<ObservedAncestor[]> {
  const found = await Promise.all(parents.slice(0, limits.ancestors).map((parent) => observeAncestor(proc, parent, altered)));
  const changed = found.indexOf(undefined);
  return found.slice(0, changed < 0 ? found.length : changed).filter((ancestor) => ancestor !== undefined);
}

async function observeAncestor(proc: Proc, parent: Parent, altered: Alterations): Promise<ObservedAncestor | undefined> {
  const { pid, startTicks } = parent;
  const argv = await readArgv(proc, pid);
  const link = proc.link(pid, 'exe');
  const exe = link && toVisible(link, 'ancestors', altered, bounds.ancestorPathBytes);
  const source = exe === undefined || argv === undefined ? undefined : scriptOf(exe, argv.map(textOf));
  const script = source?.kind === 'file' ? resolveIn(proc, pid, source.path) : undefined;
  const details = {
    uid: readUid(proc, pid),
    exe,
    script: script === undefined ? undefined : toVisible(encodeUtf8(script), 'ancestors', altered, bounds.ancestorPathBytes),
    argv: argv && showArgv(argv, 'ancestors', bounds.ancestorArgvBytes, altered),
  };
  const again = readStat(proc, pid);
  if (again?.startTicks !== startTicks || again.imageMark !== parent.imageMark) return undefined;
  return { pid, startTicks, name: toVisible(parent.comm, 'ancestors', altered), ...known(details) };
}

async function readArgv(proc: Proc, pid: number): Promise<Uint8Array[] | undefined> {
  const bytes = await proc.readArgv(pid);
  if (bytes === undefined) return undefined;
  const items: Uint8Array[] = [];
  for (let from = 0; from < bytes.length && items.length <= limits.argv;) {
    const end = bytes.indexOf(0, from);
    items.push(bytes.subarray(from, end < 0 ? bytes.length : end));
    from = end < 0 ? bytes.length : end + 1;
  }
  return items;
}

function showArgv(items: readonly Uint8Array[], name: string, maxBytes: number, altered: Alterations): string[] {
  const shown: string[] = [];
  let left = maxBytes;
  for (const item of items.slice(0, limits.argv)) {
    if (left < 16) break;
    const text = toVisible(item, name, altered, Math.min(left, limits.observedBytes));
    left -= encodeUtf8(text).length;
    shown.push(text);
  }
  if (shown.length < items.length) altered.cut.add(name);
  return shown;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function compareNamespaces(theirs: NamespaceLinks, ours: NamespaceLinks): Observed['namespaces'] {
  const compared: Partial<Record<Namespace, 'same' | 'other'>> = {};
  for (const name of namespaces) if (theirs[name] !== undefined && ours[name] !== undefined) compared[name] = theirs[name] === ours[name] ? 'same' : 'other';
  return compared;
}

/** Only root can be an sshd that others log in through; its executable is not ours to read. */
function cameBySsh(proc: Proc, parents: readonly Parent[]): boolean | undefined {
  if (parents.some(({ pid, comm }) => /^(?:sshd|dropbear)/.test(Buffer.from(comm).toString('latin1')) && readUid(proc, pid) === 0)) return true;
  return parents.at(-1)?.ppid === 0 ? false : undefined;
}
