// Validations of spec/10-local-api.md §observed: container, terminal, user name, and /proc/<pid>/stat with a hostile name in it.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseStat } from './proc.ts';
import { containerOf, terminalOf, userOf } from './surroundings.ts';

const id = '3f2a9c01b2d34e5f60718293a4b5c6d7e8f90123456789abcdef0123456789ab';

describe('the container of a cgroup', () => {
  test.each([
    [`0::/system.slice/docker-${id}.scope`, 'docker 3f2a9c01b2d3'],
    [`12:pids:/docker/${id}\n0::/docker/${id}`, 'docker 3f2a9c01b2d3'],
    [`0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`, 'kubernetes 3f2a9c01b2d3'],
    ['0::/kubepods/besteffort/x', 'kubernetes'],
    [`0::/user.slice/libpod-${id}.scope`, 'podman 3f2a9c01b2d3'],
    ['0::/lxc.payload.build-1/init.scope', 'lxc build-1'],
    ['0::/machine.slice/systemd-nspawn@debian.service', 'nspawn debian'],
    ['0::/user.slice/user-1000.slice/session-2.scope', 'none'],
    ['', 'none'],
  ])('%s', (cgroup, expected) => {
    expect(containerOf(cgroup)).toBe(expected);
  });

  test('is unknown where it cannot be read', () => {
    expect(containerOf(undefined)).toBeUndefined();
  });
});

test('terminals by their device number', () => {
  expect([0, 0x8803, 0x8900, 0x401, 0x501].map(terminalOf)).toEqual(['none', 'pts/3', 'pts/256', 'tty1', 'tty 5:1']);
});

test('user names come from /etc/passwd, and only plain ones', () => {
  const passwd = 'root:x:0:0::/root:/bin/sh\nben:x:1000:1000::/home/ben:/bin/sh\n\u202eevil:x:1001:1::/:/bin/sh\nbroken\n';
  expect([0, 1000, 1001, 7].map((uid) => userOf(uid, passwd))).toEqual(['root', 'ben', undefined, undefined]);
});

describe('/proc/<pid>/stat', () => {
  const line = (comm: string, state = 'S'): string =>
    `42 (${comm}) ${state} 7 42 42 34819 42 ${Array.from({ length: 13 }, (_, at) => at).join(' ')} 9000 0 0 0 11 12 13 ${'0 '.repeat(18)}47 0`;

  test('a name that imitates the fields after it changes nothing', () => {
    const honest = parseStat(line('x'));
    expect(honest).toMatchObject({ ppid: 7, tty: 34819, startTicks: 9000 });
    expect(parseStat(line('x) S 1 1 1 (y'))).toMatchObject({ ppid: 7, tty: 34819, startTicks: 9000 });
  });

  test('a zombie is gone', () => {
    expect(parseStat(line('x', 'Z'))).toBeUndefined();
  });

  test('any text is refused or parsed', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseStat(text)));
  });
});
