// Mapping, installing and taking back: what is written, where, and that what others wrote stays (spec/14-helpers.md §mapping, §install).
import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kinds, loadMapping, mappingPath, type Entry } from './mapping.ts';
import { findUrl, normalise } from './match.ts';
import { createHome } from './test-home.ts';

const git: Entry = { kind: 'git', match: 'https://github.com', reference: 'prod/github#token', username: 'ben' };
const examples: readonly Entry[] = [git, { kind: 'docker', match: 'ghcr.io', reference: 'prod/x' }, { kind: 'aws', match: 'deploy', reference: 'prod/x' }];

describe('mapping', () => {
  test('map, ls, unmap; the file is this user’s only', async () => {
    await using home = await createHome({});
    const mapped = await home.helper([
      'map',
      'git',
      'https://Ben@GitHub.com:443/',
      'stillvault://prod/github#token',
      '--username',
      'ben',
      '--ttl',
      '15m',
      '--uses',
      '9',
    ]);
    expect(mapped).toMatchObject({ code: 0, out: '' });
    expect(loadMapping({ HOME: home.dir })).toEqual([{ ...git, ttlS: 900, uses: 9 }]);
    expect(statSync(mappingPath({ HOME: home.dir })).mode & 0o777).toBe(0o600);
    expect((await home.helper(['ls'])).out).toBe('git  https://github.com  prod/github#token  ben  lease 15m, 9 uses\n');
    await home.helper(['map', 'git', 'https://github.com', 'prod/other', '--username', 'ben']);
    expect(loadMapping({ HOME: home.dir })).toMatchObject([{ reference: 'prod/other' }]);
    expect((await home.helper(['unmap', 'git', 'https://github.com'])).code).toBe(0);
    expect(loadMapping({ HOME: home.dir })).toEqual([]);
    expect((await home.helper(['unmap', 'git', 'https://github.com'])).code).toBe(2);
  });

  test.each([
    [['map', 'git', 'github.com', 'prod/x'], 'not a URL'],
    [['map', 'git', 'https://github.com/../x', 'prod/x'], 'not a URL'],
    [['map', 'gti', 'https://github.com', 'prod/x'], 'did you mean git'],
    [['map', 'git', 'https://github.com', 'not a reference'], 'not a reference'],
    [['map', 'git', 'https://github.com', 'prod/x', '--uses', '3'], 'belong to a lease'],
    [['map', 'docker', 'gh\ncr.io', 'prod/x'], 'cannot be mapped'],
    [['map', 'ssh-agent', '/none.pub', 'prod/x'], 'no such file'],
    [['map', 'ssh-agent', 'ssh-dss AAAA me', 'prod/x'], 'signs with'],
    [['map', 'ssh-agent', 'ssh-ed25519 AAAA me', 'prod/x'], 'no public key'],
  ])('%j is refused: %s', async (words, message) => {
    await using home = await createHome({});
    const { code, err } = await home.helper(words);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(loadMapping({ HOME: home.dir })).toEqual([]);
  });

  test('a private key given in place of its public half is refused, and not shown', async () => {
    await using home = await createHome({});
    writeFileSync(join(home.dir, 'id'), '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n');
    const { code, err } = await home.helper(['map', 'ssh-agent', join(home.dir, 'id'), 'prod/x']);
    expect(code).toBe(2);
    expect(err).not.toContain('c2VjcmV0');
  });

  test.each([
    ['https://github.com', undefined, 'a'],
    ['https://github.com/acme/api.git', undefined, 'b'],
    ['https://github.com/acme', 'eve', 'c'],
    ['https://github.com/acmes', undefined, 'a'],
    ['https://github.com.evil.test', undefined, undefined],
    ['https://evil.test/https://github.com', undefined, undefined],
    ['http://github.com', undefined, undefined],
    ['https://github.com:8443', undefined, undefined],
  ])('INV-HELP-EXACT: %s as %s', (url, username, wanted) => {
    const of = (reference: string, path: string, user?: string): Entry => ({
      kind: 'git',
      match: normalise('git', `https://github.com${path}`),
      reference,
      ...(user && { username: user }),
    });
    const mapping = [of('a', ''), of('b', '/acme', 'ben'), of('c', '/acme', 'eve'), { ...of('d', ''), kind: 'docker' as const }];
    expect(findUrl(mapping, 'git', normalise('git', url), username)?.reference).toBe(wanted);
  });
});

describe('install', () => {
  test.each(kinds.filter((kind) => !['ssh-agent', 'systemd'].includes(kind)))(
    'INV-HELP-UNDO: %s: installed twice is the same as once, and uninstall leaves what was there',
    async (kind) => {
      await using home = await createHome({}, examples);
      const before: Readonly<Record<string, string>> = {
        '.gitconfig': '[user]\n\tname = ben',
        '.docker/config.json': '{"auths":{"x":{"auth":"c2VjcmV0"}}}\n',
        '.aws/config': '[default]\nregion = eu-west-1\n',
        '.terraformrc': 'plugin_cache_dir = "/x"\n',
        '.cargo/config.toml': '[net]\noffline = true\n',
      };
      for (const [path, text] of Object.entries(before)) {
        mkdirSync(join(home.dir, path, '..'), { recursive: true });
        writeFileSync(join(home.dir, path), text);
      }
      const text = (): string =>
        Object.keys(before)
          .map((path) => readFileSync(join(home.dir, path), 'utf8'))
          .join('\0');
      const dry = await home.helper(['install', kind, '--dry-run']);
      expect(dry.err).toContain('  + exec ');
      expect(text()).toBe(Object.values(before).join('\0'));
      const first = await home.helper(['install', kind]);
      expect(first).toMatchObject({ code: 0, out: '' });
      expect(first.err).not.toContain('c2VjcmV0');
      const once = text();
      expect((await home.helper(['install', kind])).err).toContain('as it should be');
      expect(text()).toBe(once);
      home.map([]); // uninstalling does not depend on it
      expect((await home.helper(['uninstall', kind])).code).toBe(0);
      const normal = (all: string): unknown => all.split('\0').map((one) => (one.startsWith('{') ? (JSON.parse(one) as object) : `${one.trimEnd()}\n`));
      expect(normal(text())).toEqual(normal(Object.values(before).join('\0')));
      expect((await home.sh(['find', home.dir, '-name', '*stillvault*', '-not', '-path', '*/.config/*', '-type', 'f'])).out).toBe('');
    },
  );

  test('INV-HELP-UNDO: what others wrote is not replaced', async () => {
    await using home = await createHome({}, examples);
    writeFileSync(join(home.bin, 'keyring'), '#!/bin/sh\necho theirs\n');
    expect((await home.helper(['install', 'keyring'])).err).toContain('not ours');
    expect((await home.helper(['uninstall', 'keyring'])).code).toBe(0);
    expect(readFileSync(join(home.bin, 'keyring'), 'utf8')).toContain('theirs');
    mkdirSync(join(home.dir, '.docker'));
    writeFileSync(join(home.dir, '.docker/config.json'), '{"credHelpers":{"ghcr.io":"ecr-login"}}');
    expect((await home.helper(['install', 'docker'])).err).toContain('already');
    mkdirSync(join(home.dir, '.aws'));
    writeFileSync(join(home.dir, '.aws/config'), '[profile deploy]\nregion = x\n');
    const clash = await home.helper(['install', 'aws']);
    expect(clash).toMatchObject({ code: 2, err: expect.stringContaining('[profile deploy] already') as string });
    expect(existsSync(join(home.bin, 'stillvault-aws'))).toBe(false); // all of it is looked at before any of it is written
  });

  test('a dotfile that is a link stays one', async () => {
    await using home = await createHome({}, examples);
    writeFileSync(join(home.dir, 'dotfiles-gitconfig'), '[user]\n\tname = ben\n');
    symlinkSync(join(home.dir, 'dotfiles-gitconfig'), join(home.dir, '.gitconfig'));
    await home.helper(['install', 'git']);
    expect(readFileSync(join(home.dir, 'dotfiles-gitconfig'), 'utf8')).toContain('credential');
  });

  test('nothing mapped: says how', async () => {
    await using home = await createHome({});
    expect((await home.helper(['install', 'git'])).err).toContain('next: stillvault helper map git https://github.com');
  });

  test('ssh-agent: a unit of the user’s systemd', async () => {
    await using home = await createHome({});
    await home.helper(['install', 'ssh-agent']);
    const unit = join(home.dir, '.config/systemd/user/stillvault-ssh-agent.service');
    expect(readFileSync(unit, 'utf8')).toContain(`ExecStart=${home.bin}/stillvault-ssh-agent --socket %t/stillvault-ssh/agent.sock`);
    await home.helper(['uninstall', 'ssh-agent']);
    expect(existsSync(unit)).toBe(false);
  });
});
