// `stillvault run --proxy` and `stillvault proxy` with the programs people use, against hosts with TLS of their own (spec/16-proxy.md).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { infoAt } from '../../mcp/test-host.ts';
import { createAuthority } from '../../proxy/authority.ts';
import { type StubDaemon, releasing, startStubDaemon } from '../../testing/stub-daemon.ts';
import { asUid, createFolder, noSecondUid } from '../intake/test-world.ts';
import { type Ended, run, start } from './test-command-line.ts';

const value = 'real-value-0001/+=';
const folder = mkdtempSync(join(tmpdir(), 'sv-proxied-'));
const caFile = join(folder, 'ca.pem');
let host = '';
let got: { readonly url: string; readonly authorization: string | null; readonly body: string }[] = [];
let daemon: StubDaemon;
let server: Bun.Server<undefined>;

beforeAll(async () => {
  const authority = await createAuthority((length) => crypto.getRandomValues(new Uint8Array(length)), Date.now);
  writeFileSync(caFile, authority.cert);
  server = Bun.serve({ port: 0, hostname: '127.0.0.1', tls: await authority.leafFor('localhost'), fetch: answer });
  host = `localhost:${server.port}`;
  daemon = await startStubDaemon({
    'GET /v1/secrets/info': (ask) => ask.json(infoAt(ask.query.get('path') ?? '', { hosts: [host] })),
    'POST /v1/release': releasing({ 'prod/key': value }),
  });
});
afterAll(async () => {
  await server.stop(true);
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (url.pathname.startsWith('/repo.git')) return gitAnswer(request, url);
  const body = await request.text();
  got.push({ url: request.url, authorization: request.headers.get('authorization'), body });
  return new Response(`echo ${request.headers.get('authorization')} ${body}`);
}

/** git's own server, behind a password. */
async function gitAnswer(request: Request, url: URL): Promise<Response> {
  const authorization = request.headers.get('authorization');
  if (authorization === null) return new Response('', { status: 401, headers: { 'www-authenticate': 'Basic realm="git"' } });
  got.push({ url: request.url, authorization, body: '' });
  const child = Bun.spawn(['git', 'http-backend'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'ben',
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers.get('content-type') ?? '',
      HTTP_CONTENT_ENCODING: request.headers.get('content-encoding') ?? '',
      GIT_PROTOCOL: request.headers.get('git-protocol') ?? '',
    },
    stdin: new Uint8Array(await request.arrayBuffer()),
    stderr: 'ignore',
  });
  const bytes = Buffer.from(await new Response(child.stdout).arrayBuffer());
  const end = bytes.indexOf('\r\n\r\n');
  const headers = bytes
    .subarray(0, end)
    .toString()
    .split('\r\n')
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
  const status = Number(headers.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200);
  return new Response(bytes.subarray(end + 4), { status, headers: headers.filter(([name]) => name !== 'Status') });
}

async function proxied(program: readonly string[], options: readonly string[] = []): Promise<Ended> {
  got = [];
  const words = ['run', '--proxy', '--ca', caFile, '-e', 'KEY=prod/key', ...options, '--', ...program.map((word) => word.replaceAll('HOST', host))];
  return run(words, { socketPath: daemon.socketPath, env: { HOME: folder, GIT_CONFIG_NOSYSTEM: '1', XDG_RUNTIME_DIR: folder } });
}

const programs: readonly (readonly [name: string, needs: string, argv: readonly string[]])[] = [
  ['curl', 'curl', ['sh', '-c', 'curl -sS -H "Authorization: Bearer $KEY" -d "$KEY" https://HOST/a']],
  [
    'Python',
    'python3',
    [
      'python3',
      '-c',
      'import os,urllib.request as u; k=os.environ["KEY"]; print(u.urlopen(u.Request("https://HOST/a",data=k.encode(),headers={"Authorization":"Bearer "+k,"Content-Type":"text/plain"})).read().decode())',
    ],
  ],
  [
    'Node',
    'node',
    [
      'node',
      '-e',
      // Node 24 takes the variables by itself; before that a program names the proxy, as here.
      `const http=require('http'),https=require('https'),p=new URL(process.env.HTTPS_PROXY),k=process.env.KEY;
       http.request({host:p.hostname,port:p.port,method:'CONNECT',path:'HOST',headers:{host:'HOST','proxy-authorization':'Basic '+btoa(decodeURIComponent(p.username)+':'+p.password)}}).on('connect',(_,socket)=>{
         const r=https.request({socket,agent:false,host:'localhost',path:'/a',method:'POST',headers:{host:'HOST',authorization:'Bearer '+k,'content-type':'text/plain'}},a=>{a.pipe(process.stdout);a.on('end',()=>socket.destroy())});r.end(k)}).end()`,
    ],
  ],
  [
    'Bun',
    'true',
    [
      process.execPath,
      '-e',
      'const k=process.env.KEY; console.log(await (await fetch("https://HOST/a",{method:"POST",body:k,headers:{authorization:"Bearer "+k,"content-type":"text/plain"}})).text())',
    ],
  ],
];

describe('INV-PROXY-PROGRAMS with the environment alone, a host gets the value, the program never has it:', () => {
  test.each(programs.map(([name, needs, argv]) => [name, Bun.which(needs) === null ? ` (no ${needs} here)` : '', argv] as const))(
    '%s%s',
    async (name, missing, argv) => {
      if (missing !== '') return expect(missing).toContain('no ');
      const { code, out, err } = await proxied(argv);
      expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
      expect(got).toHaveLength(1);
      if (name === 'curl') expect(new URLSearchParams(`k=${got[0]?.body}`).get('k')).toBe(value);
      else expect(got[0]?.body).toBe(value);
      expect(out).toContain('[masked]');
      expect(out).not.toContain('real-value');
    },
  );

  test('git: clone and push over https, the value as its password', async () => {
    const git = (...words: readonly string[]): number =>
      Bun.spawnSync(['git', ...words], { cwd: folder, env: { PATH: process.env['PATH'] ?? '', HOME: folder } }).exitCode;
    git('init', '-q', '--bare', 'repo.git');
    git('-C', 'repo.git', 'config', 'http.receivepack', 'true');
    mkdirSync(join(folder, 'work'), { recursive: true });
    const script = `set -e; cd "$HOME/work"; export GIT_TERMINAL_PROMPT=0 GIT_AUTHOR_NAME=b GIT_AUTHOR_EMAIL=b@x GIT_COMMITTER_NAME=b GIT_COMMITTER_EMAIL=b@x
      git clone -q "https://ben:$KEY@HOST/repo.git" here; cd here; head -c 2000000 /dev/urandom > big; git add big; git commit -q -m one; git push -q origin HEAD:main
      cd ..; git clone -q -b main "https://ben:$KEY@HOST/repo.git" again; cmp here/big again/big; git -C again config remote.origin.url`;
    const { code, out, err } = await proxied(['sh', '-c', script]);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^https:\/\/ben:stillvault-[0-9a-f]{32}@/);
    const expected = `Basic ${Buffer.from(`ben:${value}`).toString('base64')}`;
    expect(got.length).toBeGreaterThan(3);
    expect(got.every(({ authorization }) => authorization === expected)).toBe(true);
  }, 30_000);
});

describe('stillvault run --proxy', () => {
  test('one question before the program, whose environment holds no value', async () => {
    const { out, err } = await proxied(['env']);
    expect(out).toMatch(/^KEY=stillvault-[0-9a-f]{32}$/m);
    expect(out).toMatch(/^HTTPS_PROXY=http:\/\/stillvault:[\w-]+@127\.0\.0\.1:\d+$/m);
    expect(out + err).not.toContain('real-value');
    expect(err).toContain('approved by ben');
  });

  test('exit codes and signals are the program’s', async () => {
    expect((await proxied(['sh', '-c', 'exit 42'])).code).toBe(42);
    expect((await proxied(['sh', '-c', 'kill -TERM $$'])).code).toBe(143);
  });

  test('what is refused is told to the program and to the person', async () => {
    const { out, err } = await proxied(['sh', '-c', 'curl -s -H "X: $KEY" https://elsewhere.example/']);
    expect(out).toContain('prod/key may not be sent to elsewhere.example');
    expect(err).toContain('proxy: refused: prod/key may not be sent to elsewhere.example');
  });

  test('INV-PROXY-LEASE a lease is asked for the proxy alone', async () => {
    const from = daemon.asks.length;
    await proxied(['true'], ['--ttl', '5m']);
    const leases = daemon.asks.slice(from).flatMap(({ body }) => (body instanceof Object && 'lease' in body ? [body.lease] : []));
    expect(leases.length).toBeGreaterThan(0);
    for (const lease of leases) expect(lease).toMatchObject({ ttlS: 300, self: true });
  });

  test.each([
    ['its options need it', ['run', '--lazy', '-e', 'A=prod/key', 'true'], 'add --proxy'],
    ['an odd host', ['run', '--proxy', '--allow-host', 'https://x/', '-e', 'A=prod/key', 'true'], 'is no host'],
    ['certificates that are none', ['run', '--proxy', '--ca', '/dev/null', '-e', 'A=prod/key', 'true'], 'holds no certificate'],
    ['nothing to put in', ['run', '--proxy', 'true'], 'which secrets'],
    ['a port that is taken', ['proxy', '-e', 'A=prod/key', '--listen', 'TAKEN'], 'cannot listen'],
    ['another address', ['proxy', '--listen', '0.0.0.0:1', '-e', 'A=prod/key'], '127.0.0.1'],
    ['a lease for others', ['run', '--proxy', '--ttl', '5m', '--scope', 'machine', '-e', 'A=prod/key', 'true'], 'for the proxy alone'],
    ['operands', ['proxy', '-e', 'A=prod/key', 'true'], 'run --proxy'],
    ['nothing to put in, standing', ['proxy'], 'which secrets'],
  ])('%s', async (_, words, says) => {
    const asked = daemon.asks.length;
    const given = words.map((word) => word.replace('TAKEN', `127.0.0.1:${server.port}`));
    const { code, err } = await run(given, { socketPath: daemon.socketPath, env: { XDG_RUNTIME_DIR: '/nonexistent' } });
    expect(code).toBe(words[0] === 'run' ? 125 : says === 'cannot listen' ? 1 : 2);
    expect(err).toContain(says);
    expect(daemon.asks.slice(asked).filter(({ call }) => call === 'POST /v1/release')).toEqual([]);
  });
});

test.skipIf(noSecondUid !== '')(
  `INV-PROXY-MEMORY the program cannot read the memory of the proxy that started it ${noSecondUid}`,
  async () => {
    using place = createFolder();
    for (const open of [place.path, daemon.folder]) chmodSync(open, 0o755);
    chmodSync(daemon.socketPath, 0o777);
    const bun = join(place.path, 'bun');
    copyFileSync(process.execPath, bun);
    const bundle = await Bun.build({ entrypoints: [join(import.meta.dir, '../main.ts')], target: 'bun', splitting: true, outdir: place.path });
    expect(bundle.success).toBe(true);
    const words = [
      ...asUid(65_533),
      bun,
      join(place.path, 'main.js'),
      'run',
      '--proxy',
      '-e',
      'KEY=prod/key',
      '--',
      'sh',
      '-c',
      'stat -c %u /proc/$PPID/mem /proc/$$/mem',
    ];
    const child = Bun.spawn(words, { env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', STILLVAULT_SOCKET: daemon.socketPath }, cwd: '/' });
    expect(await new Response(child.stdout).text()).toBe('0\n65533\n');
  },
  20_000,
);

describe('stillvault proxy', () => {
  test.skipIf(Bun.which('curl') === null)('prints what a program needs, serves it, and ends with Ctrl-C', async () => {
    const standing = start(['proxy', '--ca', caFile, '-e', 'KEY=prod/key'], { socketPath: daemon.socketPath }, 'out');
    await standing.seen('export KEY=');
    got = [];
    const script = `${standing.text()}\ncurl -sS -H "Authorization: Bearer $KEY" https://${host}/a`;
    const client = Bun.spawn(['sh', '-c', script], { env: { PATH: process.env['PATH'] ?? '' } });
    expect(await new Response(client.stdout).text()).toContain('[masked]');
    expect(got).toHaveLength(1);
    standing.kill('SIGINT');
    const { code, out, err } = await standing.ended;
    expect({ code, leaks: (out + err).includes('real-value') }).toEqual({ code: 0, leaks: false });
  });
});
