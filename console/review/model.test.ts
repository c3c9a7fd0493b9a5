// The review card as text: who is named, what is quoted, which number, which lease, how it ended.
import { expect, test } from 'bun:test';
import { card, containerCard, highCard, longCard, noon, orgView, psql, running } from '../../testing/fake-states.ts';
import { once } from '../../protocol/request.ts';
import {
  ancestorLabels,
  isWaiting,
  leaseHolder,
  leaseLabels,
  leaseOf,
  leaseSentence,
  matchChoices,
  outcomeOf,
  processLabel,
  quotedArguments,
  requesterOf,
  subjectOf,
  unusualLines,
  whoAsks,
} from './model.ts';

test('a script is named before its interpreter, a program by its file, and what the kernel did not say stays unknown', () => {
  expect(requesterOf(psql)).toEqual({ name: 'psql', path: '/usr/lib/postgresql/16/bin/psql', interpreter: undefined });
  expect(requesterOf(highCard.observed)).toEqual({ name: 'sign.py', path: '/srv/release/sign.py', interpreter: '/usr/bin/python3.12' });
  expect(requesterOf(containerCard.observed).name).toBeUndefined();
});

test('an ancestor is named by its file only where nobody but root may write', () => {
  expect(processLabel('/usr/bin/bash')).toBe('bash');
  expect(processLabel('/usr/local/bin/claude')).toBe('claude');
  for (const elsewhere of ['/tmp/claude', '/home/ana/bin/bash', '/usr/bin/../../tmp/bash', '/opt/claude']) expect(processLabel(elsewhere)).toBe(elsewhere);
  expect(processLabel(undefined)).toBe('unknown');
  expect(ancestorLabels(psql)).toEqual(['bash', 'claude', 'tmux', 'systemd']);
});

test('who asks through our own command is whoever started it, past shells, but not past their own session', () => {
  expect(whoAsks(psql)).toEqual({ name: 'psql', through: undefined });
  expect(whoAsks(running)).toEqual({ name: 'claude', through: 'stillvault' });
  const [shell, , ...session] = running.ancestors;
  if (!shell) throw new Error('the fixture is gone');
  expect(whoAsks({ ...running, ancestors: [shell, ...session] })).toEqual({ name: 'bash', through: 'stillvault' });
  expect(whoAsks({ ...running, ancestors: [shell, { ...shell, exe: '/tmp/bash' }] }).name).toBe('bash');
  expect(whoAsks({ ...running, ancestors: [shell, { pid: 9, argv: [] }] })).toEqual({ name: undefined, through: 'stillvault' });
  expect(whoAsks({ ...running, ancestors: [{ pid: 9, exe: '/usr/bin/node', script: '/opt/agent/cli.js', argv: [] }] }).name).toBe('cli.js');
  expect(whoAsks({ ...running, ancestors: [] })).toEqual({ name: 'stillvault', through: undefined });
});

test('two arguments never look like one, and a quote does not end the quotation', () => {
  expect(quotedArguments(['sh', '-c', 'rm -rf /', "it's", '', '--a=b'])).toEqual(['sh', '-c', "'rm -rf /'", String.raw`'it'\''s'`, "''", '--a=b']);
});

test('several secrets are named by the first and their number', () => {
  expect(subjectOf(longCard)).toBe('prod/db-primary and 4 more');
  expect(subjectOf({ items: [{ path: 'a', field: 'b', version: 1, description: '', mixedScripts: false }] })).toBe('a#b');
});

test('the true number is among three, always the same three for one request, in an order that says nothing', () => {
  const choices = matchChoices('83', highCard.rh);
  expect(choices).toContain('83');
  expect(new Set(choices).size).toBe(3);
  expect(matchChoices('83', highCard.rh)).toEqual(choices);
  expect(choices).toEqual([...choices].sort());
  for (let code = 0; code < 100; code += 1)
    expect(matchChoices(String(code).padStart(2, '0'), '00'.repeat(32)).every((choice) => /^\d\d$/.test(choice))).toBe(true);
});

test('lease choices are short, told apart, and explained in full', () => {
  expect(leaseLabels(card(1).leaseChoices)).toEqual(['Once', '15 min', '1 h']);
  const same = [{ terms: once }, { terms: { ttlS: 900, uses: 2, scope: 'process' as const } }, { terms: { ttlS: 900, uses: 20, scope: 'process' as const } }];
  expect(new Set(leaseLabels(same)).size).toBe(3);
  expect(leaseSentence({ ttlS: 900, uses: 20, scope: 'process' }, leaseHolder(running))).toBe(
    'For 15 minutes, up to 20 uses, by bash and what it starts, without asking again.',
  );
  expect(leaseSentence(once, 'psql')).toContain('One use');
});

test('first times are one line, everything else keeps its own', () => {
  expect(unusualLines(['program unknown', 'first time for this program', 'first time for this secret', 'container'])).toEqual([
    'First time for this program and secret',
    'Program unknown',
    'Container',
  ]);
  expect(unusualLines([])).toEqual([]);
});

test('the lease to end is the one of this machine and these secrets', () => {
  const { leases } = orgView();
  const released = card(1, { outcome: { kind: 'released', by: ['ana'], at: noon, until: leases[0]?.until ?? 0 } });
  expect(leaseOf(released, leases)?.id).toBe(leases[0]?.id);
  expect(leaseOf(longCard, leases)).toBeUndefined();
  expect(leaseOf(card(1, { machine: { id: containerCard.machine.id, name: 'x' } }), leases)).toBeUndefined();
});

test('a card waits until it is decided or its time is over, and each end has its words', () => {
  expect(isWaiting(card(1), noon)).toBe(true);
  expect(outcomeOf(card(1), noon)).toBeUndefined();
  expect(outcomeOf(card(1), card(1).expiresAt)?.title).toBe('Time is over');
  const kinds = ['approved', 'denied', 'released', 'expired', 'withdrawn', 'failed', 'done-by-other', 'stored'] as const;
  const titles = kinds.map((kind) => outcomeOf(card(1, { outcome: { kind, by: ['ben'], at: noon } }), noon)?.title ?? '');
  expect(new Set(titles).size).toBe(kinds.length);
  expect(titles[6]).toBe('Decided by ben');
});
