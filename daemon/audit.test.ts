// The audit from the command line: two real machines, a relay that hides and exchanges, an export on a machine that never saw the org (spec/15-audit.md).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { receiptStream } from '../protocol/org-log/record.ts';
import { type Live, type LiveDaemon, startLive, textOf } from '../testing/live-daemon.ts';
import { startStubDaemon } from '../testing/stub-daemon.ts';
import { type Ended, run } from './cli/test-command-line.ts';

const secret = 'S3CRET-VALUE';
let live: Live;
let other: LiveDaemon;
const audit = (words: readonly string[], daemon: LiveDaemon = live.daemon): Promise<Ended> => run(['audit', ...words], { socketPath: daemon.socketPath });
const jsonLines = ({ out }: Ended): readonly Record<string, unknown>[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>); // as it says

beforeAll(async () => {
  live = await startLive({ hostile: true, members: ['ben'], secrets: { 'prod/db': secret, 'prod/api': secret } });
  other = await live.addDaemon('build-2');
  expect(await live.get({ items: [{ path: 'prod/db' }], reason: 'a | b = c' })).toBe(secret);
  await live.lease('prod/api');
  expect(textOf(await live.daemon.release({ items: [{ path: 'prod/api' }], leaseOnly: true }).end)).toBe(secret);
  const refused = live.daemon.release('prod/db');
  await live.deny(refused);
  await refused.end;
  const elsewhere = other.release('prod/api');
  await live.approve(elsewhere);
  expect(textOf(await elsewhere.end)).toBe(secret);
  await live.daemon.call('/v1/leases/end', { all: true });
});
afterAll(() => live[Symbol.asyncDispose]());

/** Everything that was written is at the relay. */
async function allSent(): Promise<void> {
  const own = (): Promise<Ended> => audit(['show', '--json', '--kind', 'ended']);
  for (let ended = await own(); ended.out === ''; ended = await own());
}

describe('an organisation with two machines', () => {
  test('show tells of both, filters, and says proven', async () => {
    await allSent();
    const all = await audit(['show']);
    expect(all).toMatchObject({ code: 0 });
    expect(all.out).toContain('released');
    const rows = jsonLines(await audit(['show', '--json', '--kind', 'released,denied,used']));
    const told = rows.map(({ kind, what, who, machine, proof }) => [kind, what, who, (machine as { name: string }).name, proof]); // as it says
    expect(told).toContainEqual(['released', ['prod/api'], ['ada'], 'build-2', 'proven']);
    expect(told).toContainEqual(['denied', ['prod/db'], ['ada'], 'build-1', 'proven']);
    const one = jsonLines(
      await audit(['show', '--json', '--path', 'prod/api', '--machine', 'build-2', '--member', 'ada', '--since', '1h', '--program', 'bun']),
    );
    expect(one.length).toBe(1);
    expect((await audit(['show', '--until', '2020-01-01'])).out).toBe('');
    expect((await audit(['show', '--limit', '1'])).out.trimEnd().split('\n').length).toBe(1);
    for (const words of [
      ['show', '--kind', 'x'],
      ['show', '--since', 'x'],
      ['what'],
      ['verify', '--org', 'ab'],
      ['export', '--path', 'prod/db'],
      ['export', '--format', 'x'],
    ])
      expect((await audit(words)).code).toBe(2);
  });
  test('verify proves all of it, from either machine', async () => {
    for (const daemon of [live.daemon, other]) expect(await audit(['verify'], daemon)).toMatchObject({ code: 0 });
  });
  test('INV-AUDIT-ALONE an export is verified by a machine without daemon or org; a doctored one and another org are not', async () => {
    const file = join(live.dir, 'audit.jsonl');
    expect((await audit(['export', '-o', file])).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await audit(['export', '-o', file])).code).toBe(1);
    const { org } = live.world.state;
    const alone = (path: string, id: string, more: readonly string[] = []): Promise<Ended> =>
      run(['audit', 'verify', '--export', path, '--org', id, ...more], { socketPath: join(live.dir, 'nobody.sock') });
    const good = await alone(file, org, ['--json']);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.out)).toMatchObject({ org, findings: [], heads: { log: live.world.state.head } });
    expect((await alone(file, 'ab'.repeat(32))).err).toContain('E_ORG');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const doctored = join(live.dir, 'doctored.jsonl');
    writeFileSync(doctored, `${lines.filter((_, at) => at !== lines.length - 3).join('\n')}\n`);
    const bad = await alone(doctored, org);
    expect(bad).toMatchObject({ code: 1 });
    expect(bad.out).toContain('E_AUDIT_GAP');
    // An anchor shows what was cut off since, also where the end was made anew.
    const anchor = join(live.dir, 'anchor.json');
    writeFileSync(anchor, good.out);
    expect((await alone(file, org, ['--anchor', anchor])).code).toBe(0);
    const { heads } = JSON.parse(good.out) as { readonly heads: { readonly log: object; readonly machines: object } }; // as it says
    writeFileSync(anchor, JSON.stringify({ heads: { ...heads, log: { ...live.world.state.head, seq: live.world.state.head.seq + 1 } } }));
    const cut = await alone(file, org, ['--anchor', anchor]);
    expect(cut.code).toBe(1);
    expect(cut.out).toContain('the log ends before what was seen earlier');
    writeFileSync(anchor, '{"heads":{"log":{"seq":"x"}}}');
    expect((await alone(file, org, ['--anchor', anchor])).code).toBe(2);
    expect((await alone(join(live.dir, 'gone'), org)).code).toBe(14);
    expect((await run(['audit', 'verify', '--export', '-', '--org', org], { input: lines.join('\n') })).code).toBe(0);
  });
  test('no value and no key is in any export', async () => {
    for (const format of ['ocsf', 'cef']) expect((await audit(['export', '--format', format])).out).not.toContain(secret);
    for (const { bytes } of jsonLines(await audit(['export'])))
      if (typeof bytes === 'string') expect(Buffer.from(bytes, 'base64url').includes(secret)).toBe(false);
  });
  test('ocsf is one JSON object a line, cef one escaped line', async () => {
    const ocsf = jsonLines(await audit(['export', '--format', 'ocsf', '--kind', 'released']));
    for (const event of ocsf)
      expect(event).toMatchObject({ class_uid: 6003, category_uid: 6, activity_id: 2, type_uid: 600302, unmapped: { proof: 'proven' } });
    const cef = await audit(['export', '--format', 'cef', '--kind', 'released', '--path', 'prod/db']);
    expect(cef.out).toMatch(/^CEF:0\|Stillvault\|Stillvault\|[^|]+\|released\|released prod\/db\|2\|rt=\d+ [^\n]*msg=a \| b \\= c [^\n]*\n$/);
  });
});

describe('attack 35: a relay that edits the trail', () => {
  const isChainOf = (daemon: LiveDaemon, stream: string): boolean => stream === receiptStream(live.world.state.org, daemon.machine);
  test('it hides the receipts of another machine in the middle: E_AUDIT_GAP with its name', async () => {
    const asked = other.release('prod/api');
    await live.approve(asked);
    await asked.end;
    await audit(['verify'], other); // by then they are there
    live.liar.bend = { read: (page, { stream }) => (isChainOf(other, stream) ? { ...page, records: page.records.slice(1) } : page) };
    const { code, out } = await audit(['verify']);
    live.liar.bend = {};
    expect(code).toBe(1);
    expect(out).toContain('E_AUDIT_GAP');
    expect(out).toContain('build-2');
  });
  test('it names records and does not give them, or fails: that machine’s chain is said to be missing', async () => {
    live.liar.bend = { read: (page, { stream }) => (isChainOf(other, stream) ? { ...page, records: [] } : page) };
    const { code, out } = await audit(['verify']);
    live.liar.bend = {};
    expect(code).toBe(1);
    expect(out).toContain('could not be read (E_RELAY_ANSWER) · build-2');
  });
  test('it hides this machine’s own, which the machine has: nobody else can read them, and that is told', async () => {
    live.liar.bend = { read: (page, { stream }) => (isChainOf(live.daemon, stream) ? { head: { ...page.head, seq: -1 }, records: [] } : page) };
    const { code, out } = await audit(['verify']);
    const rows = jsonLines(await audit(['show', '--json', '--kind', 'released', '--machine', 'build-1']));
    live.liar.bend = {};
    expect(code).toBe(1);
    expect(out).toContain('E_AUDIT_GAP');
    expect(rows.length).toBeGreaterThan(1);
  });
  test('a machine that has stopped for a fork says so in its audit, since the fork is in no log', async () => {
    const lines = jsonLines(await audit(['export']));
    const stub = await startStubDaemon({
      'GET /v1/status': (ask) => ask.json({ org: { id: live.world.state.org, name: '' }, halted: 'E_FORK' }),
      'GET /v1/audit': (ask) => {
        for (const line of lines) ask.event(line);
        ask.end();
      },
    });
    const { code, out } = await run(['audit', 'verify'], { socketPath: stub.socketPath });
    await stub[Symbol.asyncDispose]();
    expect(code).toBe(1);
    expect(out).toStartWith('E_FORK  this machine has stopped');
    expect(out).toContain('\n1 alert in ');
  });
  test('an export that fails in the middle leaves no file', async () => {
    const file = join(live.dir, 'broken.jsonl');
    const stub = await startStubDaemon({
      'GET /v1/status': (ask) => ask.json({ org: { id: live.world.state.org, name: '' } }),
      'GET /v1/audit': (ask) => {
        ask.event({ kind: 'stillvault-audit', v: 1, org: live.world.state.org, at: 0 });
        ask.event({ event: 'error', error: { code: 'error', message: 'broken' } });
        ask.end();
      },
    });
    const { code } = await run(['audit', 'export', '-o', file], { socketPath: stub.socketPath });
    await stub[Symbol.asyncDispose]();
    expect([code, existsSync(file)]).toEqual([1, false]);
  });
  test('a client that leaves in the middle costs the daemon nothing', async () => {
    expect(existsSync(live.daemon.socketPath)).toBe(true);
    const leaving = new AbortController();
    const answer = await fetch('http://local/v1/audit', { unix: live.daemon.socketPath, signal: leaving.signal });
    await answer.body?.getReader().read();
    leaving.abort();
    expect((await audit(['verify'])).code).toBe(0);
  });
});
