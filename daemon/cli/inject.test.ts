// `stillvault inject` (spec/17-run.md §templates): the real executable, a stub daemon.
import { describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { releasing, showing, startStubDaemon, type StubAnswers } from '../../testing/stub-daemon.ts';
import { onTerminal, run } from './test-command-line.ts';

const odd = `a"b'c\n$d: é\u2028`;
const listed = (path: string, ...fields: string[]) => ({ path, version: 1, fields, description: '', updatedAt: '2026-11-23T12:00:00.000Z', entitled: true });
const known: StubAnswers = {
  ...showing(true),
  'GET /v1/secrets': (ask) => ask.json([listed('prod/db', 'user'), listed('prod/raw')]),
  'POST /v1/release': releasing({ 'prod/db': odd, 'prod/db#user': 'ben', 'prod/raw': Uint8Array.of(0, 255) }),
};
const folder = (): Disposable & { readonly path: (name: string) => string } => {
  const path = mkdtempSync(join(tmpdir(), 'sv-inject-'));
  return { path: (name) => join(path, name), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};

describe('a template', () => {
  test('becomes the same text with values, byte for byte; one request, each secret once', async () => {
    await using daemon = await startStubDaemon(known);
    const input = 'user: {{ stillvault://prod/db#user }}\nraw:{{stillvault://prod/raw}}{{ stillvault://prod/raw }} {{ other }}\n';
    const { code, bytes } = await run(['inject', '--reason', 'set up'], { ...daemon, input });
    expect({ code, text: Buffer.from(bytes).toString('latin1') }).toEqual({ code: 0, text: 'user: ben\nraw:\0\xff\0\xff {{ other }}\n' });
    expect(daemon.asks.at(-1)?.body).toEqual({ items: [{ path: 'prod/db', field: 'user' }, { path: 'prod/raw' }], reason: 'set up' });
  });
  test('that is one reference alone', async () => {
    await using daemon = await startStubDaemon(known);
    expect((await run(['inject'], { ...daemon, input: 'stillvault://prod/db#user\n' })).out).toBe('ben\n');
  });
  test('with forms that other programs read back', async () => {
    await using daemon = await startStubDaemon(known);
    const form = async (name: string): Promise<string> => (await run(['inject'], { ...daemon, input: `{{ stillvault://prod/db | ${name} }}` })).out;
    expect(JSON.parse(await form('json'))).toBe(odd);
    expect(Bun.YAML.parse(`a: ${await form('yaml')}\n`)).toEqual({ a: odd });
    expect(Bun.spawnSync(['bash', '-c', `printf %s ${await form('shell')}`]).stdout.toString()).toBe(odd);
    expect(decodeURIComponent(await form('url'))).toBe(odd);
    expect(Buffer.from(await form('base64'), 'base64').toString()).toBe(odd);
  });
});

describe('INV-INJECT-LINE is refused with its line, and nobody is asked', () => {
  test.each([
    ['a reference without braces', 'x\nurl=stillvault://prod/db\n', 'line 2: '],
    ['a malformed one', 'x\n\n{{ stillvault://prod db }}', 'line 3: '],
    ['one that is not closed', '{{ stillvault://prod/db\n}', 'line 1: '],
    ['an unknown form', 'a\n{{ stillvault://prod/db | html }}', 'line 2: '],
    ['a secret that is not there', 'a\nb {{ stillvault://prod/db }} {{ stillvault://prod/gone }}', 'line 2: prod/gone'],
    ['a field that is not there', '{{ stillvault://prod/db#pin }}', 'line 1: prod/db#pin'],
  ])('%s', async (_name, input, expected) => {
    await using daemon = await startStubDaemon(known);
    const { code, out, err } = await run(['inject'], { ...daemon, input });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(expected);
    expect(daemon.asks.map(({ call }) => call)).not.toContain('POST /v1/release');
  });
});

describe('INV-INJECT-OUT a file', () => {
  const input = '{{ stillvault://prod/db#user }}';
  test('has mode 0600 and nothing beside it', async () => {
    using dir = folder();
    await using daemon = await startStubDaemon(known);
    const { code, out } = await run(['inject', '-o', dir.path('out')], { ...daemon, input });
    expect({ code, out, mode: statSync(dir.path('out')).mode & 0o777, text: readFileSync(dir.path('out'), 'utf8') }).toEqual({
      code: 0,
      out: '',
      mode: 0o600,
      text: 'ben',
    });
    expect(readdirSync(dir.path('.'))).toEqual(['out']);
  });
  test('that exists is replaced only with --force, a link or device never, nor the template', async () => {
    using dir = folder();
    await using daemon = await startStubDaemon(known);
    writeFileSync(dir.path('old'), 'old', { mode: 0o644 });
    writeFileSync(dir.path('template'), input);
    symlinkSync(dir.path('old'), dir.path('link'));
    const into = async (...words: string[]): Promise<number> => (await run(['inject', ...words], { ...daemon, input })).code;
    expect(await into('-o', dir.path('old'))).toBe(2);
    expect(await into('-o', dir.path('link'), '--force')).toBe(2);
    expect(await into('-o', '/dev/null', '--force')).toBe(2);
    expect(await into('-i', dir.path('template'), '-o', dir.path('template'), '--force')).toBe(2);
    expect(await into('-o', dir.path('no/where'))).toBe(2);
    expect(daemon.asks).toEqual([]);
    expect(readFileSync(dir.path('old'), 'utf8')).toBe('old');
    expect(await into('-o', dir.path('old'), '--force')).toBe(0);
    expect({ text: readFileSync(dir.path('old'), 'utf8'), mode: statSync(dir.path('old')).mode & 0o777 }).toEqual({ text: 'ben', mode: 0o600 });
  });
  test('that came while people were asked stays, unless --force', async () => {
    using dir = folder();
    await using daemon = await startStubDaemon({
      ...known,
      'POST /v1/release': (ask) => {
        writeFileSync(dir.path('out'), 'theirs');
        return known['POST /v1/release']?.(ask);
      },
    });
    expect((await run(['inject', '-o', dir.path('out')], { ...daemon, input })).code).not.toBe(0);
    expect(readFileSync(dir.path('out'), 'utf8')).toBe('theirs');
    expect(readdirSync(dir.path('.'))).toEqual(['out']);
  });
  test('is not there where people said no', async () => {
    using dir = folder();
    await using daemon = await startStubDaemon({ ...known, 'POST /v1/release': (ask) => ask.json({ error: { code: 'denied', message: 'no' } }, 403) });
    expect((await run(['inject', '-o', dir.path('out')], { ...daemon, input })).code).toBe(10);
    expect(existsSync(dir.path('out'))).toBe(false);
  });
  test('a terminal is none, without --reveal', async () => {
    using dir = folder();
    writeFileSync(dir.path('template'), input);
    await using daemon = await startStubDaemon(known);
    expect((await onTerminal(['inject', '-i', dir.path('template')], daemon)).code).toBe(2);
    expect(daemon.asks).toEqual([]);
    expect((await onTerminal(['inject', '-q', '-i', dir.path('template'), '--reveal'], daemon)).screen).toContain('ben');
    await using silent = await startStubDaemon({ ...known, ...showing(false) });
    const refused = await onTerminal(['inject', '-i', dir.path('template'), '--reveal'], silent);
    expect([refused.code, refused.screen.includes('shown on no screen')]).toEqual([15, true]);
    expect(silent.asks.some(({ call }) => call === 'POST /v1/release')).toBe(false);
  });
});
