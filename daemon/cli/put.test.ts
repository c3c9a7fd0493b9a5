// `stillvault put`: from where a value may come, and that it is stored as it came.
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PutAsk } from '../../protocol/local-api.ts';
import { failure, readyStatus, startStubDaemon, type StubAnswers } from '../../testing/stub-daemon.ts';
import { lastJson, onTerminal, run, start } from './test-command-line.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-put-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = (name: string, data: string | Uint8Array): string => {
  writeFileSync(join(dir, name), data);
  return join(dir, name);
};

const waiting = (): object => ({
  event: 'waiting',
  request_id: '00',
  code: '12',
  paths: ['prod/db'],
  approvers: ['ben'],
  needed: 1,
  expires_at: new Date(Date.now() + 178_000).toISOString(),
});
const ready: StubAnswers = { 'GET /v1/status': (ask) => ask.json(readyStatus) };
const storing: StubAnswers = {
  ...ready,
  'POST /v1/put': (ask) => {
    ask.event(waiting());
    ask.event({ event: 'shown', member: 'ben', device: 'phone', at: '2026-11-23T12:03:00' });
    ask.event({ event: 'stored', path: 'prod/db', version: 2, by: 'ben' });
    ask.end();
  },
};
const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString('base64');
const puts = ({ asks }: { readonly asks: readonly { readonly call: string; readonly body: unknown }[] }): readonly unknown[] =>
  asks.flatMap(({ call, body }) => (call === 'POST /v1/put' ? (body as PutAsk).puts : [])); // what the command line sent

describe('from standard input', () => {
  test('byte for byte', async () => {
    await using daemon = await startStubDaemon(storing);
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const { code, out, err } = await run(['put', 'prod/db', '--description', 'orders', '--wait', '5m'], { ...daemon, input: bytes });
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(puts(daemon)).toEqual([{ path: 'prod/db', value: base64(bytes), description: 'orders' }]);
    expect(daemon.asks.at(-1)?.body).toMatchObject({ timeoutS: 300 });
    expect(err).toMatch(
      /^waiting for ben · prod\/db · code 12 · 2:5\d left · Ctrl-C withdraws\nshown on ben's phone 12:03\nstored prod\/db version 2, countersigned by ben\n$/,
    );
  });
  test('a newline is kept, and mentioned where one line ends with it', async () => {
    await using daemon = await startStubDaemon(storing);
    const one = await run(['put', 'prod/db'], { ...daemon, input: 'hunter2\n' });
    const many = await run(['put', 'prod/db'], { ...daemon, input: '-----BEGIN\nkey\n' });
    expect(puts(daemon)).toMatchObject([{ value: base64('hunter2\n') }, { value: base64('-----BEGIN\nkey\n') }]);
    expect(one.err).toContain('--strip-newline');
    expect(many.err).not.toContain('--strip-newline');
  });
  test('--strip-newline takes exactly one', async () => {
    await using daemon = await startStubDaemon(storing);
    for (const input of ['a\n', 'a\r\n', 'a\n\n', 'a']) await run(['put', 'prod/db', '--strip-newline'], { ...daemon, input });
    expect(puts(daemon)).toMatchObject([{ value: base64('a') }, { value: base64('a') }, { value: base64('a\n') }, { value: base64('a') }]);
  });
  test('JSON', async () => {
    await using daemon = await startStubDaemon(storing);
    const ended = await run(['put', 'prod/db', '--json'], { ...daemon, input: 'a' });
    expect(
      ended.out
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toMatchObject([{ event: 'waiting', code: '12' }, { event: 'shown' }, { event: 'stored', version: 2, by: 'ben' }]);
  });
});

describe('from fields', () => {
  test('files, standard input, and several at once', async () => {
    await using daemon = await startStubDaemon(storing);
    const user = file('user', 'ben\n');
    await run(['put', 'prod/db', '--field', `user=@${user}`, '--field', 'password=-'], { ...daemon, input: 'pw' });
    expect(puts(daemon)).toEqual([{ path: 'prod/db', fields: { user: base64('ben\n'), password: base64('pw') } }]);
  });
  test('a value on the command line is refused and not repeated', async () => {
    await using daemon = await startStubDaemon(storing);
    const ended = await run(['put', 'prod/db', '--field', 'password=hunter2'], daemon);
    expect(ended.code).toBe(2);
    expect(ended.err).not.toContain('hunter2');
    const second = await run(['put', 'prod/db', 'hunter2'], { ...daemon, input: 'x' });
    expect(second.code).toBe(2);
    expect(second.err).not.toContain('hunter2');
    expect(puts(daemon)).toEqual([]);
  });
});

describe('from a person', () => {
  test('asked twice, never echoed', async () => {
    await using daemon = await startStubDaemon(storing);
    const { code, screen } = await onTerminal(['put', 'prod/db'], daemon, [
      ['value of prod/db: ', 'wrong\x15hunterx\x7f2\r'],
      ['once more: ', 'hunter2\r'],
    ]);
    expect(code).toBe(0);
    expect(puts(daemon)).toMatchObject([{ value: base64('hunter2') }]);
    expect(screen).not.toContain('hunter');
    expect(screen).toContain('stored prod/db version 2');
  });
  test('answers that differ store nothing', async () => {
    await using daemon = await startStubDaemon(storing);
    const { code, screen } = await onTerminal(['put', 'prod/db'], daemon, [
      ['value of prod/db: ', 'a\r'],
      ['once more: ', 'b\r'],
    ]);
    expect(code).toBe(2);
    expect(screen).toContain('differ');
    expect(puts(daemon)).toEqual([]);
  });
  test('an empty answer stores nothing', async () => {
    await using daemon = await startStubDaemon(storing);
    expect((await onTerminal(['put', 'prod/db'], daemon, [['value of prod/db: ', '\r']])).code).toBe(2);
    expect(puts(daemon)).toEqual([]);
  });
  test('Ctrl-C at the prompt: 130', async () => {
    await using daemon = await startStubDaemon(storing);
    expect((await onTerminal(['put', 'prod/db'], daemon, [['value of prod/db: ', 'ab\x03']])).code).toBe(130);
    expect(puts(daemon)).toEqual([]);
  });
  test('a field by its bare name', async () => {
    await using daemon = await startStubDaemon(storing);
    const typed = [
      ['field password: ', 'pw\r'],
      ['once more: ', 'pw\r'],
    ] as const;
    expect((await onTerminal(['put', 'prod/db', '--field', 'password'], daemon, typed)).code).toBe(0);
    expect(puts(daemon)).toEqual([{ path: 'prod/db', fields: { password: base64('pw') } }]);
  });
  test('--no-input never asks', async () => {
    await using daemon = await startStubDaemon(storing);
    expect((await onTerminal(['put', 'prod/db', '--no-input'], daemon)).code).toBe(2);
  });
});

describe('refused before anything is stored', () => {
  test.each([
    [['put'], 'x'],
    [['put', 'a', 'b'], 'x'],
    [['put', 'a#b'], 'x'],
    [['put', 'a'], ''],
    [['put', 'a', '--strip-newline'], '\n'],
    [['put', 'a'], 'x'.repeat(65_537)],
    [['put', 'a', '--field', 'x', '--field', 'x'], 'x'],
    [['put', 'a', '--field', 'x=-', '--field', 'y=-'], 'x'],
    [['put', 'a', '--field', '=-'], 'x'],
    [['put', 'a', '--field', 'x=@/nonexistent'], 'x'],
    [['put', 'a', '--field', 'x=@'], 'x'],
    [['put', 'a', '--wait', '0s'], 'x'],
  ])('usage: %p', async (words, input) => {
    await using daemon = await startStubDaemon(storing);
    const { code, out, err } = await run(words, { ...daemon, input });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toStartWith('stillvault: ');
    expect(puts(daemon)).toEqual([]);
  });
  test('a machine without an organisation is told before the value is typed', async () => {
    await using daemon = await startStubDaemon({ 'GET /v1/status': (ask) => ask.json({ ...readyStatus, state: 'not_enrolled' }) });
    const { code, screen } = await onTerminal(['put', 'prod/db'], daemon);
    expect(code).toBe(16);
    expect(screen).toContain('stillvault org create');
  });
  test('a denial: 10', async () => {
    await using daemon = await startStubDaemon({
      ...ready,
      'POST /v1/put': (ask) => {
        ask.event({ event: 'error', ...failure('denied', 'ben denied') });
        ask.end();
      },
    });
    const ended = await run(['put', 'prod/db', '--json'], { ...daemon, input: 'x' });
    expect(ended.code).toBe(10);
    expect(lastJson(ended)).toEqual({ error: { code: 'denied', message: 'ben denied' } });
  });
  test('Ctrl-C while waiting withdraws the proposal', async () => {
    const withdrawn = Promise.withResolvers<void>();
    await using daemon = await startStubDaemon({
      ...ready,
      'POST /v1/put': async (ask) => {
        ask.event(waiting());
        await ask.gone;
        withdrawn.resolve();
      },
    });
    const child = start(['put', 'prod/db'], { ...daemon, input: 'x' });
    await child.seen('Ctrl-C withdraws');
    child.kill('SIGINT');
    await withdrawn.promise;
    expect((await child.ended).code).toBe(130);
  });
});
