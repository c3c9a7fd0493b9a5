// Is it really the daemon? (spec/10-local-api.md §fake-daemon, attack 53): sockets and folders that somebody else could have put there.
import { describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDaemon, socketPaths } from './socket-path.ts';

const uid = process.geteuid?.();
const notRoot = uid === 0 ? '' : 'needs root to make files of another uid';

/** A folder with a socket in it, as a daemon makes it. */
function createPlace(): Disposable & { readonly folder: string; readonly run: string; readonly socket: string } {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'sv-'));
  const run = join(folder, 'run');
  mkdirSync(run, { mode: 0o700 });
  const socket = join(run, 'daemon.sock');
  const server = Bun.listen({ unix: socket, socket: { data() {} } });
  chmodSync(socket, 0o600);
  return {
    folder,
    run,
    socket,
    [Symbol.dispose]() {
      server.stop(true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
const find = (path: string, env: Record<string, string> = {}, self = uid): string => findDaemon([path], env, self);
const fake = expect.objectContaining({ code: 'policy_forbids', detail: 'E_FAKE_DAEMON' }) as Error; // cast: a matcher

describe('INV-LOCAL-FAKE a daemon’s socket', () => {
  test('in a folder of our own is taken', () => {
    using place = createPlace();
    expect(find(place.socket)).toBe(place.socket);
  });

  test('in a folder that others may write is not', () => {
    using place = createPlace();
    for (const mode of [0o722, 0o770, 0o1777]) {
      chmodSync(place.run, mode);
      expect(() => find(place.socket)).toThrow(fake);
    }
  });

  test('below a folder that others may write is not, unless that is sticky as /tmp', () => {
    using place = createPlace();
    chmodSync(place.folder, 0o777);
    expect(() => find(place.socket)).toThrow(fake);
    chmodSync(place.folder, 0o1777);
    expect(find(place.socket)).toBe(place.socket);
  });

  test('that is a link, a file, or lies in a folder that is a link, is not', () => {
    using place = createPlace();
    symlinkSync(place.socket, join(place.run, 'link'));
    expect(() => find(join(place.run, 'link'))).toThrow(fake);
    writeFileSync(join(place.run, 'file'), '');
    expect(() => find(join(place.run, 'file'))).toThrow(fake);
    symlinkSync(place.run, join(place.folder, 'elsewhere'));
    expect(() => find(join(place.folder, 'elsewhere', 'daemon.sock'))).toThrow(fake);
  });

  test('reached through our own link further up is taken, when all above where it leads is safe', () => {
    using place = createPlace();
    using other = createPlace();
    symlinkSync(place.folder, join(other.run, 'up'));
    expect(find(join(other.run, 'up', 'run', 'daemon.sock'))).toBe(join(other.run, 'up', 'run', 'daemon.sock'));
    chmodSync(place.folder, 0o777);
    expect(() => find(join(other.run, 'up', 'run', 'daemon.sock'))).toThrow(fake);
  });

  test.skipIf(notRoot !== '')(`of a stranger, or in a stranger’s folder, is not, unless it is the daemon’s user ${notRoot}`, () => {
    using place = createPlace();
    chownSync(place.socket, 65_533, 65_533);
    expect(() => find(place.socket)).toThrow(fake);
    chownSync(place.run, 65_533, 65_533);
    expect(() => find(place.socket)).toThrow(fake);
    expect(find(place.socket, { STILLVAULT_DAEMON_UID: '65533' })).toBe(place.socket);
    expect(() => find(place.socket, { STILLVAULT_DAEMON_UID: '' })).toThrow(fake);
    chownSync(place.socket, 0, 0);
    expect(() => find(place.socket)).toThrow(fake); // the folder’s owner can exchange root’s socket
  });

  test('that is not there: daemon_not_running', () => {
    expect(() => find('/proc/no-daemon/daemon.sock')).toThrow(expect.objectContaining({ code: 'daemon_not_running', next: 'stillvault up' }) as Error); // cast: a matcher
  });
});

test('the places of a socket: told, else of the login, else of the home', () => {
  expect(socketPaths({ STILLVAULT_SOCKET: '/s', XDG_RUNTIME_DIR: '/r', HOME: '/h' }, 7)).toEqual(['/s']);
  expect(socketPaths({ XDG_RUNTIME_DIR: '/r', HOME: '/h' }, 7)).toEqual(['/r/stillvault/daemon.sock', '/h/.stillvault/run/daemon.sock']);
  expect(socketPaths({ HOME: '/h' }, 7)).toEqual(['/run/user/7/stillvault/daemon.sock', '/h/.stillvault/run/daemon.sock']);
});

test('the first place with a socket is taken: a daemon started without the login’s variables is found', () => {
  using place = createPlace();
  expect(findDaemon(['/proc/no-daemon/daemon.sock', place.socket], {}, uid)).toBe(place.socket);
});
