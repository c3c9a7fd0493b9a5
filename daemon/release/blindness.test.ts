// The relay is blind to everything that daemons and people say (spec/08-relay.md, spec/attacks.md 27, 28): after leases, denials, proposals,
// a new metadata key and a freeze nothing that it stores, logs or carries gives anything away. e2e/blindness.test.ts does it with a browser.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decode, mailPostCodec, paths } from '../../protocol/wire.ts';
import { type Asker, startAsker } from '../../testing/asker.ts';
import { type Live, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';
import { tracesIn } from '../../testing/traces.ts';

/** Everything that must not be found. */
const secrets = {
  value: 'correct-horse-battery-staple-4711',
  field: 'hunter2-hunter2-hunter2',
  proposal: 'proposed-value-by-a-machine',
  path: 'prod/db-primary-of-payroll',
  fieldName: 'payroll_password',
  description: 'the database that holds the salaries',
  founder: 'adaline-lovelace',
  approver: 'benedict-babbage',
  machine: 'build-server-zurich',
  reason: 'migrate the salaries table to november',
  agent: 'claude-code-of-adaline',
  org: 'Analytical Engines',
  policy: 'prod/**',
  denied: 'E_DENIED',
  entryType: 'secret.put',
};
const logLines: string[] = [];
const sizes = { approve: new Set<number>(), deny: new Set<number>(), shown: new Set<number>() };
let live: Live;
let asker: Asker;

beforeAll(async () => {
  const relayLog = (line: string): void => void logLines.push(line);
  // Honest here: it only records, people included.
  live = await startLive({
    hostile: true,
    peopleToo: true,
    genesis: { founder: secrets.founder },
    members: [secrets.approver],
    machine: secrets.machine,
    relayLog,
  });
  const clauses = [{ k: 1, members: [...live.world.members.values()].map(({ id }) => id), groups: [] }];
  await live.change((world) => world.append('policy.set', world.policy({ pattern: 'any/**', clauses })));
  await live.change((world) => world.put(secrets.path, secrets.value, world.device(secrets.founder), secrets.description));
  const value = new TextEncoder().encode(secrets.field);
  await live.change((world) => world.put('any/fields', { kind: 'fields', fields: [{ name: secrets.fieldName, value }] }));
  asker = await startAsker(live.daemon.socketPath);
  await story();
});
afterAll(async () => {
  await asker[Symbol.asyncDispose]();
  await live[Symbol.asyncDispose]();
});

async function story(): Promise<void> {
  const { founder, approver, reason, agent, path } = secrets;
  // released with a lease, and read from it
  const first = asker.ask({ items: [{ path }], reason, agent, lease: { ttlS: 600, uses: 10 } });
  const seen = await live.org.nextRequest(live.world.device(founder));
  await answered('shown', () => live.org.decide(seen, 'shown'));
  await answered('approve', () => live.org.decide(seen, 'approve'));
  expect(textOf(await first)).toBe(secrets.value);
  expect(textOf(await asker.ask({ items: [{ path }], leaseOnly: true }))).toBe(secrets.value);
  // one denies, the other approves
  const second = live.daemon.release({ items: [{ path: 'any/fields' }], reason, agent });
  const [adas, bens] = [await live.seen(second, founder), await live.seen(second, approver)];
  await answered('deny', () => live.org.decide(adas, 'deny'));
  await answered('shown', () => live.org.decide(bens, 'shown'));
  await answered('approve', () => live.org.decide(bens, 'approve'));
  expect(textOf(await second.end)).toBe(secrets.field);
  // denied by the only one
  const third = live.daemon.release({ items: [{ path }], reason, agent });
  const last = await live.seen(third, founder);
  await answered('deny', () => live.org.decide(last, 'deny'));
  expect(detailOf(await third.end)).toBe('E_DENIED');
  // proposed and countersigned, a new metadata key, frozen and thawed, an open console
  const put = live.daemon.put({ path: 'prod/new', value: Buffer.from(secrets.proposal).toString('base64'), description: secrets.description });
  await live.org.countersign(await live.seen(put, founder));
  expect((await put.end)?.event).toBe('stored');
  await live.change((world) => world.rotate());
  await live.change((world) => world.append('org.freeze', { reason }));
  await live.change((world) => world.append('org.unfreeze', { reason }));
  await live.org.attest(live.world.device(founder));
  await until(async () => (await live.org.receipts(live.daemon.machine)).some(({ receipt }) => receipt.outcome === 'ended'), 'the receipts are there');
}

/** Notes how large the answer was on the wire. */
async function answered(decision: keyof typeof sizes, act: () => Promise<void>): Promise<void> {
  const before = live.liar.traffic.length;
  await act();
  const posts = live.liar.traffic.slice(before).filter(({ path, from }) => path === paths.mail && from === 'client');
  for (const { bytes } of posts) for (const { body, ttlS } of decode(mailPostCodec, bytes, 1e7).mails) if (ttlS === 300) sizes[decision].add(body.length); // people's answers
}

const forbidden = (): Record<string, string> => ({
  ...secrets,
  exe: process.execPath,
  argv: "require('node:readline')",
  cwd: process.cwd(),
  stateDir: live.daemon.stateDir,
});

describe('after all this the relay has', () => {
  test('nothing in its database, its write-ahead log, or any other file', () => {
    const copy = join(live.dir, 'copy');
    cpSync(join(live.dir, 'relay'), copy, { recursive: true }); // as it lies there while the relay runs
    const files = readdirSync(copy, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(copy, name)).isFile());
    expect(files.some((name) => name.endsWith('-wal'))).toBe(true);
    for (const name of files) expect([name, tracesIn(readFileSync(join(copy, name)), forbidden())]).toEqual([name, []]);
    expect(files.reduce((sum, name) => sum + statSync(join(copy, name)).size, 0)).toBeGreaterThan(100_000);
  });

  test('nothing in its log', () => {
    expect(logLines.length).toBeGreaterThan(50);
    expect(tracesIn(Buffer.from(logLines.join('')), forbidden())).toEqual([]);
  });

  test('nothing in any byte that passed, headers included', () => {
    const { traffic } = live.liar;
    const kinds = [paths.session, paths.append, paths.read, paths.blobs, paths.blobsGet, paths.mail, paths.mailRead, paths.live, paths.keys, 'headers'];
    for (const kind of kinds) expect(traffic.map(({ path }) => path)).toContain(kind);
    expect(tracesIn(Buffer.concat(traffic.map(({ bytes }) => bytes)), forbidden())).toEqual([]);
  });

  test('approve, deny and shown in one size', () => {
    expect(sizes.approve.size).toBe(1);
    expect([sizes.deny, sizes.shown]).toEqual([sizes.approve, sizes.approve]);
  });
});

test('the search would find it: the daemon’s own answer to the program that asked holds the value', async () => {
  const asked = live.daemon.release(secrets.path);
  await live.approve(asked, secrets.founder);
  const said = Buffer.from(JSON.stringify(await asked.end));
  expect(tracesIn(said, { value: secrets.value }).map(({ form }) => form)).toContain('base64+0');
});
