// Rules and people from the command line against a real daemon and relay: explained, exported, compared, proposed (spec/06-policy.md §file, §explain).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changesStream, parseChanges } from '../../protocol/changes.ts';
import type { GroupId } from '../../protocol/hash.ts';
import { openRecord } from '../../protocol/org-log/record.ts';
import { idFrom } from '../../testing/world-people.ts';
import { type Live, startLive, until } from '../../testing/live-daemon.ts';
import { found } from '../../testing/world.ts';
import { policySchema } from '../admin/terms.ts';
import { parsePolicyFile } from './policy/file.ts';
import { type Ended, lastJson, onTerminal, run, start } from './test-command-line.ts';

let live: Live;
const dir = mkdtempSync(join(tmpdir(), 'sv-policy-'));
beforeAll(async () => {
  live = await startLive({ members: ['ben', 'eve'], secrets: { 'prod/db': 'first' } });
  const { world } = live;
  await live.change(async () => {
    for (const [name, member] of [
      ['on-call', 'ada'],
      ['security', 'ben'],
    ] as const)
      await world.append('group.set', { group: idFrom<GroupId>(world.random), name, members: [world.member(member).id] });
  });
});
afterAll(async () => {
  await live[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const sv = (...words: readonly string[]): Promise<Ended> => run(words, { socketPath: live.daemon.socketPath, cwd: dir });
function write(text: string): string {
  const file = join(dir, 'policy.yaml');
  writeFileSync(file, text);
  return file;
}
/** An admin signs what the command proposes. */
async function signed(...words: readonly string[]): Promise<Ended> {
  const asked = start(words, { socketPath: live.daemon.socketPath, cwd: dir });
  await asked.seen('waiting for');
  const { device, verified } = await live.org.nextRequest(live.world.device('ada'));
  const { request } = verified;
  const [blob] = await live.org.client.getBlobs([found(request.changes, 'changes').blob]);
  const place = { org: live.world.state.org, stream: changesStream(request.requestId) };
  live.world.clock.set(Date.now());
  for (const { type, body } of parseChanges(await openRecord(place, live.world.mk, found(blob, 'blob')))) await live.world.append(type, body, [device]);
  await live.org.sync();
  return asked.ended;
}
const rules = (text: string): string => `version: 1\npolicies:\n${text}`;
const rule = `  - pattern: prod/**
    approve:
      - { k: 1, groups: [on-call] }
      - { k: 1, groups: [security] }
    machines: any
    lease: { max: 15m, uses: 20, scopes: [process] }
    hours: { days: [monday, sunday], from: "08:00", to: "20:00" }
`;

describe('policy check', () => {
  test('says who may ask, who must approve, and why', async () => {
    const { code, out } = await sv('policy', 'check', 'prod/db', '--machine', 'build-1');
    expect(code).toBe(0);
    expect(out).toStartWith('prod/db: yes, once the people agree\n');
    expect(out).toContain('prod/** is the only rule that matches');
    expect(out).toContain('build-1 may ask: any admitted machine may');
    expect(out).toContain('one person approves: ada (today ada)');
  });
  test('no, as exit code 15 and as JSON', async () => {
    const { code, out } = await sv('policy', 'check', 'dev/x', '--json');
    expect(code).toBe(15);
    expect(lastJson({ out })).toMatchObject({ verdict: 'no', reasons: [{ about: 'rule', words: 'no rule covers dev/x: nobody may have it' }] });
  });
  test('a question that cannot be', async () => {
    expect(await sv('policy', 'check', 'prod/db', '--machine', 'bulid-1')).toMatchObject({
      code: 14,
      err: expect.stringContaining('did you mean build-1?') as string,
    });
    expect((await sv('policy', 'check', 'prod/db', '--at', 'noon')).code).toBe(2);
    expect((await sv('policy', 'check', 'prod/db', '--exe', '/nonexistent')).code).toBe(2);
    expect((await sv('policy', 'check', '../x')).code).toBe(2);
  });
});

describe('[INV-POLICY-FILE] policy.yaml', () => {
  test('what is exported changes nothing when it is applied', async () => {
    const { out } = await sv('policy', 'export');
    const file = write(out);
    expect(await sv('policy', 'diff', '-f', file)).toMatchObject({ code: 0, out: '', err: 'nothing would change\n' });
    expect(await sv('policy', 'apply', '-f', file)).toMatchObject({ code: 0, err: 'it is so already: nobody was asked\n' });
  });

  test('two groups of one name: neither is changed by that name, and the export names each', async () => {
    await using twins = await startLive({ members: ['ben'], secrets: { 'prod/db': 'first' } });
    const { world } = twins;
    const on = (...words: readonly string[]): Promise<Ended> => run(words, { socketPath: twins.daemon.socketPath, cwd: dir });
    await twins.change(async () => {
      for (const member of ['ada', 'ben'])
        await world.append('group.set', { group: idFrom<GroupId>(world.random), name: 'twins', members: [world.member(member).id] });
    });
    expect(await on('policy', 'diff', '-f', write((await on('policy', 'export')).out))).toMatchObject({ code: 0, out: '' });
    const ended = await on('policy', 'diff', '-f', write('version: 1\ngroups: { twins: [ada, ben] }\npolicies: []\n'));
    expect(ended).toMatchObject({ code: 2, out: '', err: expect.stringContaining('there are 2 called twins') as string });
  });

  test('the difference says what widens and what narrows; signed, it is in force, and exported the same', async () => {
    const file = write(rules(rule));
    const { code, out } = await sv('policy', 'diff', '-f', file);
    expect(code).toBe(1);
    expect(out).toBe(`Rule prod/**
  - narrows: approver ada is taken out
  + widens: approvers of group on-call is added
  + widens: needed as well: one of group security
  - narrows: most uses: 20 instead of 100
  - narrows: only Monday, Sunday from 08:00 to 20:00 UTC
`);
    const done = await signed('policy', 'apply', '-f', file, '--reason', 'review');
    expect(done).toMatchObject({ code: 0, err: expect.stringContaining('done, signed by ada') as string });
    expect((await sv('policy', 'show', 'prod/**')).out).toContain('one of group on-call and one of group security, each a different person');
    expect((await sv('policy', 'diff', '-f', write((await sv('policy', 'export')).out))).code).toBe(0);
  });

  test('rules that the file does not name are kept, or retired with --prune', async () => {
    const file = write(rules(rule.replace('prod/**', 'dev/**')));
    expect(await sv('policy', 'diff', '-f', file)).toMatchObject({ code: 1, err: 'not in the file, and kept: prod/** (--prune retires them)\n' });
    expect((await sv('policy', 'diff', '-f', file, '--prune')).out).toContain('Retire the rule prod/**');
    expect(await sv('policy', 'apply', '-f', file, '--prune')).toMatchObject({ code: 2, err: expect.stringContaining('add --yes') as string });
  });

  const bad: readonly (readonly [what: string, text: string, says: string])[] = [
    ['no threshold', rules(rule.replace('k: 1, groups: [security]', 'groups: [security]')), 'line 6: policies[0].approve[1].k'],
    ['a threshold of nobody', rules(rule.replace('k: 1, groups: [security]', 'k: 0, groups: [security]')), 'line 6: policies[0].approve[1].k'],
    ['a word that is none', rules(rule.replace('machines: any', 'machines: any\n    reveal: true')), 'policies[0]: Unrecognized key: "reveal"'],
    ['a key twice', rules(rule.replace('machines: any', 'machines: any\n    machines: any')), 'Map keys must be unique'],
    ['an alias', rules(rule.replace('[on-call]', '&a [on-call]').replace('[security]', '*a')), 'anchors and aliases are not read here'],
    ['two documents', `${rules(rule)}---\n${rules(rule)}`, 'several documents'],
    ['no YAML', 'version: [1\npolicies:', 'line 2'],
    ['nothing', '', 'the file is empty'],
    ['another version', rules(rule).replace('version: 1', 'version: 2'), 'line 1: version'],
    ['a duration that is none', rules(rule.replace('15m', 'long')), 'line 8: policies[0].lease.max'],
    ['two rules for one pattern', rules(rule + rule), 'two rules for prod/** in one file'],
    ['an unknown group', rules(rule.replace('[security]', '[securty]')), 'there is no group securty: did you mean security?'],
    ['a rule that nobody could meet', rules(rule.replace('k: 1, groups: [security]', 'k: 2, groups: [security]')), 'nobody could release prod/**'],
  ];
  test.each(bad)('%s is refused before anybody is asked', async (_what, text, says) => {
    const { code, err } = await sv('policy', 'apply', '-f', write(text), '--yes');
    expect(err).toContain(says);
    expect(code).toBeGreaterThan(0);
  });
  test('a file beyond its size', async () => {
    expect(await sv('policy', 'diff', '-f', write(`#${'x'.repeat(262_145)}`))).toMatchObject({ code: 2, err: expect.stringContaining('256 KiB') as string });
    await expect(parsePolicyFile(rules(Array.from({ length: 65 }, (_, at) => rule.replace('prod', `p${at}`)).join('')))).rejects.toMatchObject({
      code: 'usage',
    });
  });
  test('the schema that ships is that of the parser', async () => {
    expect(await Bun.file(join(import.meta.dir, '../../spec/policy.schema.json')).json()).toEqual(policySchema());
    expect(JSON.parse((await sv('policy', 'schema')).out)).toEqual(policySchema());
  });
});

describe('people, machines, groups', () => {
  test('ls', async () => {
    expect((await sv('member', 'ls')).out).toContain('ben  admin, approver, writer  1 device');
    expect((await sv('device', 'ls')).out).toContain('ben’s phone');
    expect((await sv('machine', 'ls')).out).toBe('build-1 (here)  active  no group  no owner\n');
    expect(lastJson(await sv('group', 'ls', '--json'))).toMatchObject([{ name: 'on-call', members: ['ada'] }, { name: 'security' }]);
  });
  test('a group is changed once an admin signed', async () => {
    const done = await signed('group', 'set', 'on-call', '--add', 'eve');
    expect(done.err).toContain('+ widens: eve comes in');
    expect((await sv('group', 'ls')).out).toContain('on-call   ada, eve');
  });
  test('taking away asks first, and needs somebody to ask', async () => {
    expect(await sv('member', 'remove', 'eve')).toMatchObject({ code: 2, err: expect.stringContaining('add --yes') as string });
    const { code, screen } = await onTerminal(['group', 'remove', 'on-call', 'eve'], { socketPath: live.daemon.socketPath }, [['[y/N]', 'n']]);
    expect(screen).toContain('take eve out of on-call?');
    expect(code).toBe(1);
  });
  test('what only the console can do says so', async () => {
    for (const kind of ['member', 'device'])
      expect(await sv(kind, 'add', 'x')).toMatchObject({ code: 2, err: expect.stringContaining('compare a code') as string });
    expect((await sv('machine', 'add', 'x')).err).toContain('stillvault join');
  });
  test('denied is 10; Ctrl-C withdraws', async () => {
    const asked = start(['rm', 'prod/db', '--yes'], { socketPath: live.daemon.socketPath });
    await asked.seen('waiting for');
    await live.org.decide(await live.org.nextRequest(live.world.device('ada')), 'deny');
    expect(await asked.ended).toMatchObject({ code: 10 });
    const leaving = start(['machine', 'revoke', 'build-1', '--yes'], { socketPath: live.daemon.socketPath });
    await leaving.seen('waiting for');
    leaving.kill('SIGINT');
    expect(await leaving.ended).toMatchObject({ code: 130 });
    expect(live.world.state.machines.get(live.daemon.machine)?.status).toBe('active');
  });
  test('freeze wants a reason, and drops the leases here before anybody has answered', async () => {
    expect(await sv('org', 'freeze')).toMatchObject({ code: 2, err: expect.stringContaining('why?') as string });
    const asked = start(['org', 'freeze', '--reason', 'drill'], { socketPath: live.daemon.socketPath });
    await asked.seen('waiting for');
    expect((await sv('get', 'prod/db')).code).toBe(15);
    asked.kill('SIGINT');
    await asked.ended;
    await until(async () => (await live.daemon.call('/v1/policy/check?path=prod/db')) !== undefined, 'the daemon goes on');
  });
});
