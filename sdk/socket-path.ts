// Where the daemon's socket is, and whether it is really the daemon's (spec/10-local-api.md §socket, §fake-daemon).
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { StillvaultError } from './errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a daemon of this user listens; several, since a cron job lacks the variables of a login. */
export function socketPaths(env: Environment, uid: number | undefined): readonly string[] {
  if (env['STILLVAULT_SOCKET'] !== undefined && env['STILLVAULT_SOCKET'] !== '') return [env['STILLVAULT_SOCKET']];
  const runtime = env['XDG_RUNTIME_DIR'] ?? (uid === undefined ? undefined : `/run/user/${uid}`);
  return [...(runtime === undefined || runtime === '' ? [] : [`${runtime}/stillvault/daemon.sock`]), `${env['HOME'] ?? ''}/.stillvault/run/daemon.sock`];
}

/** The socket to connect to. Throws daemon_not_running where there is none, E_FAKE_DAEMON where someone else could have put it there. */
export function findDaemon(paths: readonly string[], env: Environment, uid: number | undefined): string {
  for (const path of paths) {
    const socket = look(path);
    if (socket === undefined) continue;
    const daemonUid = Number(env['STILLVAULT_DAEMON_UID'] ?? Number.NaN);
    verifyTrusted(path, socket, (owner) => owner === 0 || owner === uid || owner === daemonUid);
    return path;
  }
  throw notRunning();
}

export function notRunning(cause?: unknown): StillvaultError {
  return new StillvaultError('daemon_not_running', 'the Stillvault daemon is not running', { next: 'stillvault up', cause });
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOTDIR') return undefined;
    throw new StillvaultError('policy_forbids', `this user may not reach the daemon's socket ${path}`, {
      detail: 'E_PEER_UID',
      next: 'start a daemon of your own: stillvault up',
      cause,
    });
  }
}

/** Nobody but root, this user or the daemon's user can have put the socket there, nor any folder above it. */
function verifyTrusted(path: string, socket: Stats, isTrusted: (owner: number) => boolean): void {
  if (!socket.isSocket()) throw fake(path, 'is no socket');
  if (!isTrusted(socket.uid)) throw fake(path, `belongs to uid ${socket.uid}`);
  let at = path;
  for (let links = 0; at !== '/' && at !== '';) {
    at = at.slice(0, at.lastIndexOf('/'));
    const folder = at === '' ? '/' : at;
    const found = look(folder);
    if (found === undefined) throw fake(folder, 'vanished');
    if (!isTrusted(found.uid)) throw fake(folder, `belongs to uid ${found.uid}`);
    const immediate = path.lastIndexOf('/') === at.length;
    if (found.isSymbolicLink()) {
      if (immediate || ++links > 8) throw fake(folder, 'is a link');
      const target = readlinkSync(folder);
      at = `${target.startsWith('/') ? target : `${at.slice(0, at.lastIndexOf('/'))}/${target}`}/below`; // go on with all above where it leads
    } else if ((found.mode & 0o022) !== 0 && (immediate || (found.mode & 0o1000) === 0)) throw fake(folder, 'can be written by others');
  }
}

function fake(path: string, why: string): StillvaultError {
  return new StillvaultError('policy_forbids', `not asking a daemon that may be somebody else's: ${path} ${why}`, {
    detail: 'E_FAKE_DAEMON',
    next: 'stillvault up, or name the daemon’s user in STILLVAULT_DAEMON_UID',
  });
}
