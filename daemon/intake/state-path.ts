// Folders that only we can change, one daemon in each (spec/10-local-api.md §socket). Also used for the daemon's state at rest.
import { closeSync, lstatSync, mkdirSync, openSync, chmodSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DaemonError } from '../errors.ts';
import type { Libc } from './libc.ts';

/** Makes `path` and what is missing above it, 0700. Throws E_STATE_PATH where someone else could put another folder or file in its place. */
export function ensurePrivateFolder(path: string, selfUid: number, mode: 0o700 | 0o750 = 0o700): void {
  const folder = resolve(path);
  verifyAbove(folder, selfUid);
  mkdirSync(folder, { recursive: true, mode });
  verifyAbove(folder, selfUid); // again: what was missing could have been put there meanwhile
  const found = lstatSync(folder);
  if (!found.isDirectory()) throw statePathRefused(folder, 'is not a folder');
  if (found.uid !== selfUid) throw statePathRefused(folder, `belongs to uid ${found.uid}`);
  if ((found.mode & 0o022) !== 0) throw statePathRefused(folder, 'can be written by others', `chmod go-w ${folder}`);
  if ((found.mode & 0o077) !== (mode & 0o077)) chmodSync(folder, mode);
}

/** Every folder on the way: ours or root's, and writable by nobody else unless sticky. Links on the way count with the path they lead to. */
function verifyAbove(path: string, selfUid: number, linksLeft = 8): void {
  for (let at = path; at !== dirname(at);) {
    at = dirname(at);
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found === undefined) continue; // will be made by us
    verifyOwner(at, found, selfUid);
    if (found.isSymbolicLink()) {
      if (linksLeft === 0) throw statePathRefused(at, 'leads through too many links');
      const target = resolve(dirname(at), readlinkSync(at));
      verifyAbove(`${target}/below`, selfUid, linksLeft - 1); // the target itself and all above it
    } else if (!found.isDirectory()) throw statePathRefused(at, 'is not a folder');
    else if ((found.mode & 0o022) !== 0 && (found.mode & 0o1000) === 0) throw statePathRefused(at, 'can be written by others', `chmod go-w ${at}`);
  }
}

function verifyOwner(path: string, found: Stats, selfUid: number): void {
  if (found.uid !== selfUid && found.uid !== 0) throw statePathRefused(path, `belongs to uid ${found.uid}`);
}

export function statePathRefused(path: string, why: string, next = 'choose another folder with --data or STILLVAULT_SOCKET'): DaemonError {
  return new DaemonError('error', 'E_STATE_PATH', `refusing to keep state here: ${path} ${why}`, { next });
}

/** One daemon per folder. Held until disposed or until this process ends, however it ends. Throws E_DAEMON_RUNNING. */
export function lockFolder(folder: string, os: Libc | undefined): Disposable {
  const fd = openSync(`${folder}/lock`, 'a', 0o600);
  if (os !== undefined && !os.tryLock(fd)) {
    closeSync(fd);
    throw daemonRunning(folder);
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}

export function daemonRunning(where: string): DaemonError {
  return new DaemonError('error', 'E_DAEMON_RUNNING', `another daemon already serves ${where}`, { next: 'stillvault status' });
}
