// `stillvault recovery`: where to go, loud about a use, and a drill whose words stay at the prompt (spec/18-recovery.md).
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBase64Url } from '../../protocol/bytes.ts';
import type { RecoveryStatus } from '../../protocol/local-api/recovery.ts';
import { createKit, formatShare, kitId } from '../../protocol/recovery.ts';
import { seededRandom } from '../../testing/seeded.ts';
import { type StubAnswers, readyStatus, startStubDaemon } from '../../testing/stub-daemon.ts';
import { found } from '../../testing/world.ts';
import { lastJson, onTerminal, run } from './test-command-line.ts';

const dir = mkdtempSync(join(tmpdir(), 'sv-kit-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const { facts, shares } = await createKit(seededRandom('cli'), 2, 3);
const sheets = shares.map(formatShare);
const sheet = (index: number): string => found(sheets[index], 'sheet');
const short = (text: string): string => text.replace(/\b(\w{4})\w*/g, '$1');
const kit: RecoveryStatus['kit'] = { id: kitId(facts.sigKey), t: 2, m: 3, delayMs: 86_400_000, sigKey: toBase64Url(facts.sigKey) };
const recovering: RecoveryStatus['recovering'] = {
  name: 'ada',
  isNew: false,
  device: 'new\u202e phone',
  reason: 'lost it',
  at: '2026-11-23T11:00:00.000Z',
  effectiveAt: '2026-11-24T11:00:00.000Z',
};
const answers = (more: RecoveryStatus): StubAnswers => ({ 'GET /v1/status': (ask) => ask.json({ ...readyStatus, ...more }) });

describe('for people and for programs', () => {
  test('show: the kit, or that there is none; a use is loud in both', async () => {
    await using daemon = await startStubDaemon(answers({ kit, recovering }));
    const shown = await run(['recovery'], daemon);
    expect(shown.out).toContain('2 of 3 open it');
    expect(shown.err).toContain('the recovery kit was used: ada gets a new device, as admin (new\\u{202e} phone), takes effect 2026-11-24 11:00');
    expect(lastJson(await run(['--json', 'recovery', 'show'], daemon))).toEqual({ kit, recovering });
    expect((await run(['status'], daemon)).out).toContain('recovery    the recovery kit was used: ada');
    await using bare = await startStubDaemon(answers({}));
    expect((await run(['recovery'], bare)).out).toContain('none: losing every admin’s phone');
  });
  test('create and use say the address of their page, without any word of a sheet', async () => {
    await using daemon = await startStubDaemon(answers({ kit }));
    const env = { STILLVAULT_HOME: dir };
    expect((await run(['recovery', 'create'], { ...daemon, env })).out).toBe('#/recovery/make\n');
    writeFileSync(join(dir, 'up.json'), JSON.stringify({ relay: 'http://127.0.0.1:7842', console: 'http://localhost:7843/' }));
    expect((await run(['recovery', 'create'], { ...daemon, env })).out).toBe('http://localhost:7843/#/recovery/make\n');
    const page = `http://localhost:7843/#/recovery/${'ab'.repeat(32)}/http%3A%2F%2F127.0.0.1%3A7842`;
    expect((await run(['recovery', 'use'], { ...daemon, env })).out).toBe(`${page}\n`);
    expect(lastJson(await run(['--json', 'recovery', 'use'], { ...daemon, env }))).toMatchObject({ address: page });
  });
  test('use, on a machine that is in no organisation: the sheets say the rest', async () => {
    await using daemon = await startStubDaemon({
      'GET /v1/status': (ask) => ask.json({ version: '0.1.0', state: 'not_enrolled', pid: 1, pending: 0, leases: 0 }),
    });
    const env = { STILLVAULT_HOME: join(dir, 'none') };
    expect(await run(['recovery', 'use'], { ...daemon, env })).toMatchObject({ code: 0, out: '#/recovery\n' });
    expect((await run(['recovery', 'drill'], { ...daemon, env })).code).toBe(16);
  });
  test('without a kit there is nothing to try or to use', async () => {
    await using daemon = await startStubDaemon(answers({}));
    for (const verb of ['drill', 'use']) {
      const { code, err } = await run(['recovery', verb], daemon);
      expect([code, err.includes('stillvault recovery create')]).toEqual([14, true]);
    }
    expect((await run(['recovery', 'give'], daemon)).code).toBe(2);
    expect((await run(['recovery', 'drill', 'abandon', 'ability'], daemon)).code).toBe(2);
  });
});

describe('a drill at the prompt', () => {
  test('two sheets by four letters a word are the kit; nothing that was typed is on the screen', async () => {
    await using daemon = await startStubDaemon(answers({ kit }));
    const { code, screen } = await onTerminal(['recovery', 'drill'], daemon, [
      ['sheet 1 ', `${short(sheet(2))}\r`],
      ['sheet 2 of 2', `${sheet(0)}\r`],
    ]);
    expect([code, screen.includes('that the log names')]).toEqual([0, true]);
    for (const text of [sheet(2), sheet(0)])
      for (const at of [0, 10, 29])
        expect(screen).not.toContain(
          text
            .split(' ')
            .slice(at, at + 2)
            .join(' '),
        );
  });
  test('a slip is found by its place, and the same sheet twice is not two', async () => {
    await using daemon = await startStubDaemon(answers({ kit }));
    const slipped = sheet(0)
      .split(' ')
      .with(6, sheet(0).split(' ')[6] === 'zoo' ? 'zone' : 'zoo')
      .join(' ');
    const { code, screen } = await onTerminal(['recovery', 'drill'], daemon, [
      ['sheet 1 ', `${slipped}\r`],
      ['word 7 is not the one', `${sheet(0)}\r`],
      ['sheet 2 of 2', `${sheet(0)}\r`],
      ['typed already', `${sheet(1)}\r`],
    ]);
    expect([code, screen.includes('that the log names')]).toEqual([0, true]);
  });
  test('sheets of a kit that was replaced', async () => {
    const other = (await createKit(seededRandom('other'), 2, 2)).shares.map(formatShare);
    await using daemon = await startStubDaemon(answers({ kit }));
    const { code, screen } = await onTerminal(['recovery', 'drill'], daemon, [
      ['sheet 1 ', `${other[0] ?? ''}\r`],
      ['sheet 2 of 2', `${other[1] ?? ''}\r`],
    ]);
    expect([code, screen.includes('an older kit')]).toEqual([1, true]);
  });
  test('[INV-RECOVERY-PAPER] words are never piped', async () => {
    await using daemon = await startStubDaemon(answers({ kit }));
    expect(await run(['recovery', 'drill'], { ...daemon, input: `${sheet(0)}\n${sheet(1)}\n` })).toMatchObject({ code: 2, out: '' });
  });
});
