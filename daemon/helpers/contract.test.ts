// Every helper's own words for mine, not mine, denied and no daemon: mistakes here let another credential in (spec/14-helpers.md §answers).
import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { releasing, someLease, startStubDaemon, type StubAnswers } from '../../testing/stub-daemon.ts';
import { onTerminal } from '../cli/test-command-line.ts';
import type { Entry, Kind } from './mapping.ts';
import { mappingPath } from './mapping.ts';
import { createHome, denying } from './test-home.ts';

const secret = 's3cret-value';
const secrets = { 'prod/x': secret, 'prod/x#token': secret };
const leaseEnd = Math.floor(Date.parse(someLease.until) / 1_000);
const once: StubAnswers = { 'POST /v1/release': releasing(secrets) };
const leased: StubAnswers = { 'POST /v1/release': releasing(secrets, 'lease', someLease) };
const aws = JSON.stringify({ AccessKeyId: 'AKIA1', SecretAccessKey: secret });

interface Case {
  readonly kind: Kind;
  readonly match: string;
  readonly username?: string;
  readonly words: (what: string) => readonly string[];
  readonly input?: (what: string) => string;
  readonly env?: (what: string) => Readonly<Record<string, string>>;
  readonly other: string;
  readonly value?: string;
  readonly good: (out: string) => void;
  readonly notMine: { readonly code: number; readonly out: string | RegExp };
  readonly no: { readonly code: number; readonly out: string | RegExp };
}
const gitInput = (url: string): string => `protocol=https\nhost=${new URL(url).host}\n\n`;
const cargoInput = (url: string): string =>
  `${JSON.stringify({ v: 1, registry: { 'index-url': url }, kind: 'get', operation: 'publish', name: 'left-pad', vers: '1.2.3', cksum: 'ab'.repeat(32), args: [] })}\n`;
const kubeInfo = (server: string): Readonly<Record<string, string>> => ({
  KUBERNETES_EXEC_INFO: JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: { cluster: { server }, interactive: false },
  }),
});

const cases: readonly Case[] = [
  {
    kind: 'git',
    match: 'https://github.com',
    username: 'ben',
    other: 'https://gitlab.com',
    words: () => ['git', 'get'],
    input: gitInput,
    good: (out) => expect(out).toBe(`username=ben\npassword=${secret}\npassword_expiry_utc=${leaseEnd}\n`),
    notMine: { code: 0, out: '' },
    no: { code: 0, out: 'quit=1\n' },
  },
  {
    kind: 'docker',
    match: 'ghcr.io',
    username: 'ben',
    other: 'quay.io',
    words: () => ['docker', 'get'],
    input: (host) => `https://${host}/\n`,
    good: (out) => expect(JSON.parse(out)).toEqual({ ServerURL: 'https://ghcr.io/', Username: 'ben', Secret: secret }),
    notMine: { code: 1, out: 'credentials not found in native keychain\n' },
    no: { code: 1, out: /^stillvault: (?!.*not found in native)/ },
  },
  {
    kind: 'kubectl',
    match: 'https://k8s.acme.test',
    other: 'https://other.test',
    words: () => ['kubectl'],
    env: kubeInfo,
    good: (out) =>
      expect(JSON.parse(out)).toEqual({
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: secret, expirationTimestamp: '2036-11-23T12:18:00Z' },
      }),
    notMine: { code: 14, out: '' },
    no: { code: 10, out: '' },
  },
  {
    kind: 'aws',
    match: 'deploy',
    other: 'else',
    value: aws,
    words: (profile) => ['aws', '--profile', profile],
    good: (out) => expect(JSON.parse(out)).toEqual({ Version: 1, AccessKeyId: 'AKIA1', SecretAccessKey: secret, Expiration: '2036-11-23T12:18:00.000Z' }),
    notMine: { code: 14, out: '' },
    no: { code: 10, out: '' },
  },
  {
    kind: 'askpass',
    match: 'sudo:ben',
    other: 'sudo:eve',
    words: (who) => ['askpass', `[sudo] password for ${who.slice(5)}: `],
    good: (out) => expect(out).toBe(`${secret}\n`),
    notMine: { code: 14, out: '' },
    no: { code: 10, out: '' },
  },
  {
    kind: 'terraform',
    match: 'app.terraform.io',
    other: 'registry.acme.test',
    words: (host) => ['terraform', 'get', host],
    good: (out) => expect(JSON.parse(out)).toEqual({ token: secret }),
    notMine: { code: 0, out: '{}\n' },
    no: { code: 10, out: '' },
  },
  {
    kind: 'cargo',
    match: 'sparse+https://index.crates.io',
    other: 'sparse+https://crates.acme.test/index',
    words: () => ['cargo', '--cargo-plugin'],
    input: (url) => cargoInput(`${url}/`),
    good: (out) =>
      expect(
        out
          .trimEnd()
          .split('\n')
          .map((line): unknown => JSON.parse(line)),
      ).toEqual([{ v: [1] }, { Ok: { kind: 'get', token: secret, cache: 'expires', expiration: leaseEnd, operation_independent: false } }]),
    notMine: { code: 0, out: '{"v":[1]}\n{"Err":{"kind":"url-not-supported"}}\n' },
    no: { code: 0, out: /^\{"v":\[1\]\}\n\{"Err":\{"kind":"other",/ },
  },
  {
    kind: 'keyring',
    match: 'https://pypi.acme.test/simple',
    username: 'ben',
    other: 'https://pypi.org/simple',
    words: (url) => ['keyring', 'get', url, 'ben'],
    good: (out) => expect(out).toBe(`${secret}\n`),
    notMine: { code: 14, out: '' },
    no: { code: 10, out: '' },
  },
  {
    kind: 'openclaw',
    match: 'openai/key',
    other: 'a b',
    words: () => ['openclaw'],
    input: (id) => JSON.stringify({ protocolVersion: 1, provider: 'sv', ids: [id] }),
    good: (out) => expect(JSON.parse(out)).toEqual({ protocolVersion: 1, values: { 'openai/key': secret }, errors: {} }),
    notMine: { code: 2, out: '' },
    no: { code: 0, out: /^\{"protocolVersion":1,"values":\{\},"errors":\{"openai\/key":\{"message":"stillvault: / },
  },
];
const named = cases.map((one) => [one.kind, one] as const);

const entryOf = ({ kind, match, username }: Case): Entry => ({ kind, match, reference: 'prod/x', ...(username === undefined ? {} : { username }) });
const asked = (one: Case, what: string): Parameters<Awaited<ReturnType<typeof createHome>>['helper']> => [
  one.words(what),
  { ...(one.input ? { input: one.input(what) } : {}), ...(one.env ? { env: one.env(what) } : {}) },
];

describe.each(named)('%s', (_kind, one) => {
  test('mine: the value, until the lease ends', async () => {
    const answers = one.value === undefined ? leased : { 'POST /v1/release': releasing({ 'prod/x': one.value }, 'lease', someLease) };
    await using home = await createHome(answers, [entryOf(one)]);
    const { code, out } = await home.helper(...asked(one, one.match));
    expect(code).toBe(0);
    one.good(out);
    expect(home.asks()).toMatchObject([{ items: [{ path: 'prod/x' }], reason: expect.stringMatching(/^[\x20-\x7e]{3,120}$/) as string }]);
  });

  test('INV-HELP-NOT-MINE: what is not mapped is told as that, and nobody is asked', async () => {
    await using home = await createHome(once, [entryOf(one)]);
    const { code, out } = await home.helper(...asked(one, one.other));
    expect(code).toBe(one.notMine.code);
    expect(out).toMatch(exactly(one.notMine.out));
    expect(home.asks()).toEqual([]);
  });

  test('INV-HELP-DENIED: a no is never told as not mine', async () => {
    await using home = await createHome(denying, [entryOf(one)]);
    const { code, out, err } = await home.helper(...asked(one, one.match));
    expect(code).toBe(one.no.code);
    expect(out).toMatch(exactly(one.no.out));
    expect(err).toContain('ben said no');
  });

  test('INV-HELP-DENIED: neither is a daemon that does not run, nor a secret that is gone', async () => {
    await using home = await createHome({}, [entryOf(one)]);
    const gone = await home.helper(...asked(one, one.match));
    const [words, more = {}] = asked(one, one.match);
    const away = await home.helper(words, { ...more, env: { ...more.env, STILLVAULT_SOCKET: `${home.dir}/none.sock` } });
    for (const { code, out } of [gone, away]) {
      expect(out).toMatch(exactly(one.no.out));
      if (one.no.code === 10) expect(code).toBeGreaterThan(10);
      else expect(code).toBe(one.no.code);
    }
  });

  test('INV-HELP-DENIED: a mapping that cannot be read makes nothing somebody else’s', async () => {
    await using home = await createHome(once, []);
    writeFileSync(mappingPath({ HOME: home.dir }), '{"version":2,"entries":[]}');
    const { code, out, err } = await home.helper(...asked(one, one.match));
    expect(out).toMatch(exactly(one.no.out));
    expect(code).toBe(one.no.code === 10 ? 2 : one.no.code);
    expect(err).toContain('not of version 1');
    expect(home.asks()).toEqual([]);
  });

  test.skipIf(one.kind === 'cargo')('INV-HELP-TERMINAL: a terminal is no place for a value', async () => {
    await using daemon = await startStubDaemon(once);
    await using home = await createHome(once, [entryOf(one)]);
    const { screen } = await onTerminal(['helper', ...one.words(one.match)], {
      socketPath: daemon.socketPath,
      env: { HOME: home.dir, ...one.env?.(one.match) },
    });
    expect(screen).toContain('a helper answers to a program');
    expect(screen).not.toContain(secret);
    expect(daemon.asks).toEqual([]);
  });
});

function exactly(text: string | RegExp): RegExp {
  return typeof text === 'string' ? new RegExp(`^${RegExp.escape(text)}$`) : text;
}

describe('a secret with fields', () => {
  const fields = (values: Readonly<Record<string, string>>): StubAnswers => ({
    'POST /v1/release': (ask) => {
      const released = Object.entries(values).map(([field, value]) => ({ path: 'prod/x', field, version: 1, value: Buffer.from(value).toString('base64') }));
      ask.event({ event: 'released', from: 'approval', values: released, approved_by: ['ben'] });
      ask.end();
    },
  });
  const git: Entry = { kind: 'git', match: 'https://github.com', reference: 'prod/x' };

  test('gives user name and password', async () => {
    await using home = await createHome(fields({ note: 'n', password: `${secret}\n`, username: 'svc' }), [git]);
    expect((await home.helper(['git', 'get'], { input: gitInput('https://github.com') })).out).toBe(`username=svc\npassword=${secret}\n`);
  });
  test.each([
    [{ a: 'one', b: 'two' }, 'none is called password, token, secret'],
    [{ username: 'svc', password: 'one\ntwo' }, 'several lines'],
    [{ username: 'svc', password: '' }, 'empty'],
  ])('INV-HELP-DENIED: %j is nothing that a line can hold: git stops', async (values, message) => {
    await using home = await createHome(fields(values), [git]);
    const { out, err } = await home.helper(['git', 'get'], { input: gitInput('https://github.com') });
    expect(out).toBe('quit=1\n');
    expect(err).toContain(message);
    expect(err).not.toContain('two');
  });
  test('of AWS: from its fields', async () => {
    await using home = await createHome(fields({ access_key_id: 'AKIA1', secret_access_key: secret }));
    expect(JSON.parse((await home.helper(['aws', '--secret', 'prod/x'])).out)).toEqual({ Version: 1, AccessKeyId: 'AKIA1', SecretAccessKey: secret });
  });
  test('of AWS: what holds no keys is told without quoting it', async () => {
    await using home = await createHome(fields({ password: secret }));
    const { code, out, err } = await home.helper(['aws', '--secret', 'prod/x']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).not.toContain(secret);
  });
  test('git: with authtype where git can, and not to be kept', async () => {
    await using home = await createHome(once, [{ ...git, authtype: 'Bearer' }]);
    const able = await home.helper(['git', 'get'], { input: `capability[]=authtype\n${gitInput('https://github.com')}` });
    expect(able.out).toBe(`capability[]=authtype\nauthtype=Bearer\ncredential=${secret}\nephemeral=1\n`);
    const unable = await home.helper(['git', 'get'], { input: gitInput('https://github.com') });
    expect(unable.out).toBe(`password=${secret}\n`);
  });
  test('INV-HELP-DENIED: git: a strange path of a mapped host is still that host', async () => {
    await using home = await createHome(denying, [git]);
    for (const path of ['a/../b', 'a?b#c', 'a b', ''])
      expect((await home.helper(['git', 'get'], { input: `protocol=https\nhost=github.com\npath=${path}\n\n` })).out).toBe('quit=1\n');
  });
  test('git: what it may learn later is ignored', async () => {
    await using home = await createHome(once, [git]);
    for (const words of [['git', 'store'], ['git', 'rotate'], ['git']])
      expect(await home.helper(words, { input: gitInput('https://github.com') })).toMatchObject({ code: 0, out: '' });
    expect((await home.helper(['git', 'capability'])).out).toBe('version 0\ncapability authtype\n');
    expect(home.asks()).toEqual([]);
  });
});
