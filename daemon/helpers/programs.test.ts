// The helpers against the real programs, set up by `stillvault helper install`: git, docker, kubectl, aws, terraform, cargo, pip, ssh, systemd's
// side of LoadCredential. What is not installed is skipped.
import { describe, expect, test } from 'bun:test';
import { dlopen, ptr } from 'bun:ffi';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { releasing, someLease, type StubAnswers } from '../../testing/stub-daemon.ts';
import { start } from '../cli/test-command-line.ts';
import type { Entry } from './mapping.ts';
import { createHome, denying, type Home } from './test-home.ts';

const token = 'tok-9f8e7d';
const giving = (value: string, from: 'lease' | 'approval' = 'approval'): StubAnswers => ({
  'POST /v1/release': releasing({ 'prod/x': value }, from, someLease),
  'GET /v1/leases': (ask) => ask.json([{ ...someLease, paths: ['prod/x'] }]),
  'POST /v1/leases/end': (ask) => ask.json([{ ...someLease, paths: ['prod/x'] }]),
});
const has = (...programs: readonly string[]): boolean => programs.every((name) => Bun.which(name) !== null);
const works = (...words: readonly string[]): boolean => has(words[0] ?? '') && Bun.spawnSync([...words], { stdout: 'ignore', stderr: 'ignore' }).exitCode === 0;
const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** A server on loopback that keeps what it was shown. */
function serve(
  answer: (request: Request, url: URL) => Response | Promise<Response>,
  tls?: { readonly key: string; readonly cert: string },
): { readonly port: number; readonly seen: (string | null)[] } & Disposable {
  const seen: (string | null)[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    ...(tls && { tls: { ...tls } }),
    fetch(request) {
      seen.push(request.headers.get('authorization'));
      return answer(request, new URL(request.url));
    },
  });
  return { port: server.port ?? 0, seen, [Symbol.dispose]: () => void server.stop(true) };
}
async function ready(answers: StubAnswers, entry: Entry): Promise<Home> {
  const home = await createHome(answers, [entry]);
  const installed = await home.helper(['install', entry.kind]);
  if (installed.code !== 0) throw new Error(installed.err);
  return home;
}

describe.skipIf(!has('git'))('git', () => {
  /** The dumb protocol: files of a bare repository behind a password. */
  async function repository(home: Home, accepted: string): Promise<ReturnType<typeof serve>> {
    const git = (...words: readonly string[]) => home.sh(['git', '-c', 'user.name=b', '-c', 'user.email=b@c', ...words]);
    await git('init', '-q', 'work');
    await git('-C', 'work', 'commit', '-q', '--allow-empty', '-m', 'one');
    await git('clone', '-q', '--bare', 'work', 'served');
    await git('-C', 'served', 'update-server-info');
    return serve(async (request, { pathname }) => {
      if (request.headers.get('authorization') !== accepted) return new Response('no', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } });
      const file = Bun.file(join(home.dir, 'served', pathname.replace(/^\/repo\.git\//, '')));
      return (await file.exists()) ? new Response(file) : new Response('none', { status: 404 });
    });
  }
  const mapped = (port: number): Entry => ({ kind: 'git', match: `http://127.0.0.1:${port}`, reference: 'prod/x', username: 'ben' });
  /** A second helper that would give something else, were it ever asked. */
  const inherited = '[credential]\n\thelper = "!f() { touch asked-another; echo username=evil; echo password=evil; }; f"\n';

  test('clones with the released value, and tells the approver from where', async () => {
    await using home = await createHome(giving(token));
    using server = await repository(home, basic('ben', token));
    home.map([mapped(server.port)]);
    expect((await home.helper(['install', 'git'])).err).toContain(`+ [credential "http://127.0.0.1:${server.port}"]`);
    const cloned = await home.sh(['git', 'clone', '-q', `http://127.0.0.1:${server.port}/repo.git`, 'cloned'], { env: { GIT_TERMINAL_PROMPT: '0' } });
    expect(cloned).toMatchObject({ code: 0 });
    expect(home.asks()).toEqual([{ items: [{ path: 'prod/x' }], reason: `git: http://127.0.0.1:${server.port}` }]);
    expect(cloned.err).toContain('waiting for ben');
  });

  test('INV-HELP-GIT-QUIT: a no stops git before another helper or a prompt', async () => {
    await using home = await createHome(denying);
    using server = await repository(home, basic('ben', token));
    home.map([mapped(server.port)]);
    await home.helper(['install', 'git']);
    // Even where an inherited helper comes after ours.
    await home.sh(['git', 'config', '--file', '.gitconfig', '--add', `credential.http://127.0.0.1:${server.port}.helper`, '!f() { touch asked-another; }; f']);
    const cloned = await home.sh(['git', 'clone', '-q', `http://127.0.0.1:${server.port}/repo.git`, 'cloned'], { env: { GIT_ASKPASS: '/bin/echo' } });
    expect(cloned.code).not.toBe(0);
    expect(cloned.err).toContain('told us to quit');
    expect(cloned.err).toContain('ben said no');
    expect((await home.sh(['ls'])).out).not.toContain('asked-another');
    expect(server.seen.filter((header) => header !== null)).toEqual([]);
  });

  test('inherited helpers are not asked where ours is, and are where it is not', async () => {
    await using home = await createHome(giving(token));
    writeFileSync(join(home.dir, '.gitconfig'), inherited);
    home.map([mapped(1)]);
    await home.helper(['install', 'git']);
    const ours = await home.sh(['git', 'credential', 'fill'], { input: 'protocol=http\nhost=127.0.0.1:1\n\n' });
    expect(ours.out).toContain(`password=${token}`);
    expect((await home.sh(['ls'])).out).not.toContain('asked-another');
    const theirs = await home.sh(['git', 'credential', 'fill'], { input: 'protocol=http\nhost=127.0.0.1:2\n\n' });
    expect(theirs.out).toContain('password=evil');
    await home.sh(['git', 'credential', 'approve'], { input: `${ours.out}\n` }); // store: nothing to do
  });

  test('INV-HELP-ERASE: what git reports as wrong ends the leases, and a person is told', async () => {
    await using home = await createHome(giving(token));
    using server = await repository(home, basic('ben', 'newer'));
    home.map([mapped(server.port)]);
    await home.helper(['install', 'git']);
    const cloned = await home.sh(['git', 'clone', '-q', `http://127.0.0.1:${server.port}/repo.git`, 'cloned'], { env: { GIT_TERMINAL_PROMPT: '0' } });
    expect(cloned.code).not.toBe(0);
    expect(cloned.err).toContain('refused prod/x; ended 1 lease. Is it old? stillvault put prod/x');
    expect(home.daemon.asks.map(({ call }) => call)).toContain('POST /v1/leases/end');
  });
});

describe.skipIf(!works('docker', '--version'))('docker', () => {
  const registry = (accepted: string) =>
    serve((request) =>
      request.headers.get('authorization') === accepted
        ? Response.json({ name: 'acme/app', tags: ['v1'] })
        : new Response('{}', { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } }),
    );

  test('its client gets the value through credHelpers', async () => {
    using server = registry(basic('ben', token));
    // It asks its helper several times for one command: hence a lease in the mapping.
    await using home = await ready(giving(token), { kind: 'docker', match: `127.0.0.1:${server.port}`, reference: 'prod/x', username: 'ben', ttlS: 60 });
    await home.sh(['docker', 'manifest', 'inspect', '--insecure', `127.0.0.1:${server.port}/acme/app:v1`], { env: { DOCKER_HOST: 'tcp://127.0.0.1:1' } });
    expect(home.asks()[0]).toEqual({ items: [{ path: 'prod/x' }], reason: `docker: 127.0.0.1:${server.port}`, lease: { ttlS: 60 } });
    expect(server.seen).toContain(basic('ben', token));
  });
  test('INV-HELP-DENIED: after a no it sends nothing, and says why', async () => {
    using server = registry(basic('ben', token));
    await using home = await ready(denying, { kind: 'docker', match: `127.0.0.1:${server.port}`, reference: 'prod/x', username: 'ben' });
    const { code, err } = await home.sh(['docker', 'manifest', 'inspect', '--insecure', `127.0.0.1:${server.port}/acme/app:v1`]);
    expect(code).not.toBe(0);
    expect(err).toContain('ben said no');
    expect(server.seen.filter((header) => header?.startsWith('Basic'))).toEqual([]);
  });
  test('list asks nobody; store says that nothing was stored; logout ends the lease', async () => {
    await using home = await ready(giving(token), { kind: 'docker', match: 'ghcr.io', reference: 'prod/x', username: 'ben' });
    const program = join(home.bin, 'docker-credential-stillvault');
    expect(JSON.parse((await home.sh([program, 'list'])).out)).toEqual({ 'ghcr.io': 'ben' });
    const stored = await home.sh([program, 'store'], { input: '{"ServerURL":"ghcr.io","Username":"u","Secret":"never-kept"}' });
    expect(stored).toMatchObject({ code: 1 });
    expect(stored.out).toContain('nothing was stored');
    expect(stored.out + stored.err).not.toContain('never-kept');
    expect((await home.sh(['docker', 'logout', 'ghcr.io'])).code).toBe(0);
    expect(home.asks()).toEqual([]);
    expect(home.daemon.asks.map(({ call }) => call)).toContain('POST /v1/leases/end');
  });
});

describe.skipIf(!has('kubectl', 'openssl'))('kubectl', () => {
  test('sends the token of its exec plugin', async () => {
    const made = Bun.spawnSync(
      ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=k', '-keyout', '-', '-out', '-'],
      { stderr: 'ignore' },
    );
    const pem = made.stdout.toString(); // kubectl sends nothing over plain HTTP
    using server = serve(() => Response.json({ major: '1', minor: '32' }), {
      key: pem.slice(0, pem.indexOf('-----BEGIN CERT')),
      cert: pem.slice(pem.indexOf('-----BEGIN CERT')),
    });
    await using home = await ready(giving(token), { kind: 'kubectl', match: 'dev', reference: 'prod/x' });
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${server.port}`, 'insecure-skip-tls-verify': true } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      users: [
        {
          name: 'u',
          user: {
            exec: {
              apiVersion: 'client.authentication.k8s.io/v1',
              command: join(home.bin, 'stillvault-kubectl'),
              args: ['dev'],
              interactiveMode: 'Never',
              provideClusterInfo: true,
            },
          },
        },
      ],
    };
    writeFileSync(join(home.dir, 'kubeconfig'), JSON.stringify(config));
    const { code, out } = await home.sh(['kubectl', '--kubeconfig', 'kubeconfig', 'get', '--raw', '/version']);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('"minor":"32"') as string });
    expect(server.seen).toContain(`Bearer ${token}`);
    expect(home.asks()).toMatchObject([{ reason: `kubectl: https://127.0.0.1:${server.port}` }]);
  });
});

describe.skipIf(!works('aws', '--version'))('aws', () => {
  const identity = () =>
    serve(
      () =>
        new Response('<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:me</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>', {
          headers: { 'content-type': 'text/xml' },
        }),
    );
  const whoami = (home: Home, port: number) =>
    home.sh(['aws', 'sts', 'get-caller-identity', '--profile', 'deploy', '--region', 'eu-west-1', '--endpoint-url', `http://127.0.0.1:${port}`], {
      env: { AWS_MAX_ATTEMPTS: '1' },
    });

  test('signs with the keys of credential_process', async () => {
    using server = identity();
    const keys = JSON.stringify({ AccessKeyId: 'AKIAEXAMPLE', SecretAccessKey: token, SessionToken: 'st' });
    await using home = await ready(giving(keys, 'lease'), { kind: 'aws', match: 'deploy', reference: 'prod/x' });
    expect((await whoami(home, server.port)).out).toContain('arn:me');
    expect(server.seen[0]).toContain('AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/');
    expect(home.asks()).toMatchObject([{ reason: 'aws profile deploy: prod/x' }]);
  }, 20_000);
  test('shows why where a person said no, and sends nothing', async () => {
    using server = identity();
    await using home = await ready(denying, { kind: 'aws', match: 'deploy', reference: 'prod/x' });
    const { code, err } = await whoami(home, server.port);
    expect(code).not.toBe(0);
    expect(err).toContain('ben said no');
    expect(server.seen).toEqual([]);
  }, 20_000);
});

describe.skipIf(!works('terraform', 'version'))('terraform', () => {
  test('sends the token to the host’s registry, and none to others', async () => {
    using server = serve(() => new Response('{}', { status: 404 }));
    await using home = await ready(giving(token), { kind: 'terraform', match: 'tf.acme.test', reference: 'prod/x' });
    const services = `{ services = { "modules.v1" = "http://127.0.0.1:${server.port}/m/" } }`;
    const rc = await Bun.file(join(home.dir, '.terraformrc')).text();
    writeFileSync(join(home.dir, '.terraformrc'), `${rc}host "tf.acme.test" ${services.replace('{ ', '{\n').replace(/ }$/, '\n}')}\n`);
    mkdirSync(join(home.dir, 'module'));
    writeFileSync(join(home.dir, 'module', 'main.tf'), 'module "x" {\n  source  = "tf.acme.test/a/b/c"\n  version = "1.0.0"\n}\n');
    await home.sh(['terraform', 'init', '-input=false', '-no-color'], { cwd: join(home.dir, 'module') });
    expect(server.seen).toContain(`Bearer ${token}`);
    expect(home.asks()[0]).toMatchObject({ reason: 'terraform: tf.acme.test' });
  }, 20_000);
});

describe.skipIf(!works('cargo', '--version'))('cargo', () => {
  test('yank and publish: the approver reads operation, crate, version and checksum', async () => {
    let published = '';
    using server = serve((request, { pathname }) => {
      if (pathname === '/api/v1/crates/new')
        published = JSON.stringify({ name: 'left-pad', vers: '1.2.3', deps: [], cksum: 'ab'.repeat(32), features: {}, yanked: false });
      if (pathname === '/index/le/ft/left-pad' && published !== '' && request.method === 'GET') return new Response(published); // cargo waits to see it
      return pathname === '/index/config.json'
        ? Response.json({ dl: `http://127.0.0.1:${server.port}/dl`, api: `http://127.0.0.1:${server.port}`, 'auth-required': false })
        : pathname.startsWith('/api/')
          ? Response.json({ ok: true, warnings: { invalid_categories: [], invalid_badges: [], other: [] } })
          : new Response('', { status: 404 });
    });
    const index = `sparse+http://127.0.0.1:${server.port}/index`;
    await using home = await ready(giving(token), { kind: 'cargo', match: index, reference: 'prod/x' });
    const crate = join(home.dir, 'left-pad');
    mkdirSync(join(crate, 'src'), { recursive: true });
    writeFileSync(join(crate, 'src/lib.rs'), '');
    writeFileSync(join(crate, 'Cargo.toml'), '[package]\nname = "left-pad"\nversion = "1.2.3"\nedition = "2021"\ndescription = "x"\nlicense = "MIT"\n');
    const config = join(home.dir, '.cargo/config.toml');
    writeFileSync(config, `${await Bun.file(config).text()}[registries.local]\nindex = "${index}/"\n`);
    const cargo = (...words: readonly string[]) =>
      home.sh(['cargo', ...words], {
        cwd: crate,
        env: { CARGO_HOME: join(home.dir, '.cargo'), RUSTUP_HOME: process.env['RUSTUP_HOME'] ?? join(process.env['HOME'] ?? '', '.rustup') },
      });
    const yanked = await cargo('yank', '--registry', 'local', '--version', '1.2.3', 'left-pad');
    expect(yanked).toMatchObject({ code: 0 });
    await cargo('publish', '--registry', 'local', '--no-verify', '--allow-dirty');
    expect(server.seen).toContain(token);
    expect(home.asks().map((body) => (body as { reason: string }).reason)).toEqual([
      'cargo yank left-pad 1.2.3 at local',
      'cargo read at local',
      expect.stringMatching(/^cargo publish left-pad 1\.2\.3 at local, sha256 [0-9a-f]{16}$/) as string,
    ]);
  }, 30_000);
});

describe.skipIf(!works('python3', '-m', 'pip', '--version'))('pip', () => {
  test('asks the keyring on the PATH', async () => {
    using server = serve((request) =>
      request.headers.get('authorization') === basic('ben', token)
        ? new Response('<html></html>', { headers: { 'content-type': 'text/html' } })
        : new Response('', { status: 401, headers: { 'www-authenticate': 'Basic realm="p"' } }),
    );
    await using home = await ready(giving(token), { kind: 'keyring', match: `http://127.0.0.1:${server.port}/simple`, reference: 'prod/x', username: 'ben' });
    const index = `http://ben@127.0.0.1:${server.port}/simple`;
    await home.sh([
      'python3',
      '-m',
      'pip',
      'download',
      '--no-input',
      '--disable-pip-version-check',
      '--retries',
      '0',
      '--keyring-provider',
      'subprocess',
      '--index-url',
      index,
      'nothing',
    ]);
    expect(server.seen).toContain(basic('ben', token));
    expect(home.asks()).toHaveLength(1);
  }, 20_000);
});

describe('askpass', () => {
  test.skipIf(!has('ssh-keygen', 'ssh-agent', 'ssh-add'))('ssh-add gets the passphrase of the key that it names', async () => {
    await using home = await createHome(giving('correct horse'));
    const key = join(home.dir, 'id');
    await home.sh(['ssh-keygen', '-q', '-t', 'ed25519', '-N', 'correct horse', '-f', key]);
    home.map([{ kind: 'askpass', match: `ssh-key:${key}`, reference: 'prod/x' }]);
    await home.helper(['install', 'askpass']);
    const env = { SSH_ASKPASS: join(home.bin, 'stillvault-askpass'), SSH_ASKPASS_REQUIRE: 'force' };
    const added = await home.sh(['ssh-agent', 'sh', '-c', `ssh-add ${key} && ssh-add -L`], { env });
    expect(added).toMatchObject({ code: 0, out: expect.stringContaining('ssh-ed25519') as string });
    expect(home.asks()).toMatchObject([{ reason: expect.stringContaining('prompt: Enter passphrase for') as string }]);
  });

  test.skipIf(!has('git'))('git asks for user name and password; the user name asks nobody', async () => {
    await using home = await createHome(giving(token), [{ kind: 'askpass', match: 'https://git.acme.test', reference: 'prod/x', username: 'ben' }]);
    await home.helper(['install', 'askpass']);
    const filled = await home.sh(['git', 'credential', 'fill'], {
      input: 'protocol=https\nhost=git.acme.test\n\n',
      env: { GIT_ASKPASS: join(home.bin, 'stillvault-askpass') },
    });
    expect(filled.out).toContain(`username=ben\npassword=${token}\n`);
    expect(home.asks()).toHaveLength(1);
  });

  test.each([
    ['Are you sure you want to continue connecting (yes/no/[fingerprint])? ', {}],
    ["Enter passphrase for key '/home/ben/.ssh/id': \n[sudo] password for ben: ", {}],
    ["(eve@evil.test) Enter passphrase for key '/home/ben/.ssh/id': ", {}],
    ['(eve@evil.test) [sudo] password for ben: ', {}],
    ['[sudo] password for ben: ', { SSH_ASKPASS_PROMPT: 'confirm' }],
  ])('INV-HELP-PROMPT: %j gets nothing', async (prompt, env) => {
    await using home = await createHome(giving(token), [
      { kind: 'askpass', match: 'sudo:ben', reference: 'prod/x' },
      { kind: 'askpass', match: 'ssh-key:/home/ben/.ssh/id', reference: 'prod/x' },
    ]);
    const { code, out } = await home.helper(['askpass', prompt], { env });
    expect(code).not.toBe(0);
    expect(out).toBe('');
    expect(home.asks()).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('systemd', () => {
  /** As systemd does: binds an abstract name that tells unit and credential, connects, reads to the end. */
  async function load(socket: string, name: string): Promise<string> {
    const { symbols: c } = dlopen('libc.so.6', {
      socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
      bind: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
      connect: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
      recv: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
      close: { args: ['i32'], returns: 'i32' },
    });
    const address = (path: string): Uint8Array => Buffer.concat([Buffer.from([1, 0]), Buffer.from(path)]);
    const fd = c.socket(1, 1 | 0o4000, 0); // non-blocking: the server may be this process's child, but the loop is ours
    const own = address(`\0${name}`);
    const theirs = address(`${socket}\0`);
    if (c.bind(fd, ptr(own), own.length) !== 0 || c.connect(fd, ptr(theirs), theirs.length) !== 0) throw new Error('no connection');
    const buffer = new Uint8Array(4_096);
    const chunks: Uint8Array[] = [];
    for (;;) {
      const read = Number(c.recv(fd, ptr(buffer), buffer.length, 0));
      if (read === 0) break;
      if (read > 0) chunks.push(buffer.slice(0, read));
      else await Bun.sleep(5);
    }
    c.close(fd);
    return Buffer.concat(chunks).toString();
  }

  async function serving(answers: StubAnswers): Promise<{ readonly home: Home; readonly socket: string; stop(): Promise<void>; text(): string }> {
    const home = await createHome(answers, [{ kind: 'systemd', match: 'postgres.service/db', reference: 'prod/x' }]);
    const socket = join(home.dir, 'run', 'c.sock');
    const server = start(['helper', 'systemd', '--socket', socket], { socketPath: home.daemon.socketPath, env: { HOME: home.dir } });
    await server.seen('serving credentials');
    return {
      home,
      socket,
      text: server.text,
      async stop() {
        server.kill('SIGTERM');
        expect((await server.ended).code).toBe(0);
        await home[Symbol.asyncDispose]();
      },
    };
  }

  test('a unit gets its credential, byte for byte', async () => {
    const { home, socket, stop } = await serving(giving('line one\nline two\n'));
    expect(await load(socket, 'a1b2c3/unit/postgres.service/db')).toBe('line one\nline two\n');
    expect(home.asks()).toEqual([{ items: [{ path: 'prod/x' }], reason: 'systemd postgres.service/db' }]);
    await stop();
  });
  test('INV-HELP-NOT-MINE: other units, other credentials and other programs get nothing, and nobody is asked', async () => {
    const { home, socket, stop } = await serving(giving(token));
    for (const name of [
      'a1/unit/other.service/db',
      'a1/unit/postgres.service/other',
      'a1/postgres.service/db',
      '/unit/postgres.service/db',
      'a1/unit/postgres.service/db/x',
    ])
      expect(await load(socket, name)).toBe('');
    expect(home.asks()).toEqual([]);
    await stop();
  });
  test('INV-HELP-SYSTEMD-QUIET: after a no, a unit that restarts asks nobody', async () => {
    const { home, socket, stop } = await serving(denying);
    expect(await load(socket, 'a1/unit/postgres.service/db')).toBe('');
    expect(await load(socket, 'a2/unit/postgres.service/db')).toBe('');
    expect(home.asks()).toHaveLength(1);
    await stop();
  });
});
