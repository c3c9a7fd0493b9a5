// `stillvault rotate` with a real daemon, relay and people: what is exposed is renewed, and a new approver of k > 1 comes in (spec/20-rotate.md, 07 §exposure).
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Live, startLive, until } from '../../testing/live-daemon.ts';
import { type Started, run, start } from './test-command-line.ts';

/** Plays the people: whoever is asked to release approves, a writer countersigns what is proposed. */
async function play(live: Live, rotating: Started, approvers: readonly string[]): Promise<number> {
  const leaving = new AbortController();
  const playing = approvers.map(async (name) => {
    for (;;) {
      const seen = await live.org.nextRequest(live.world.device(name), leaving.signal);
      const isProposal = seen.verified.request.proposal !== undefined;
      if (!isProposal) await live.org.decide(seen, 'approve');
      else if (name === approvers[0]) await live.org.countersign(seen);
    }
  });
  playing.forEach((one) => void one.catch(() => undefined)); // ends with the test
  const { code, err } = await rotating.ended;
  leaving.abort();
  if (code !== 0) throw new Error(err);
  return code;
}

test('somebody is removed: ls --exposed tells, rotate --exposed --rekey renews each, and the values are the same', async () => {
  await using live = await startLive({ members: ['ben'] });
  const home = mkdtempSync(`${tmpdir()}/sv-rot-`);
  const given = { socketPath: live.daemon.socketPath, env: { HOME: home, STILLVAULT_HOME: `${home}/state` } };
  try {
    await live.change((world) => world.approvers('prod/db', 1, ['ada', 'ben']));
    await live.change((world) => world.put('prod/db', 'one'));
    await live.change((world) => world.put('prod/pair', { kind: 'fields', fields: [{ name: 'user', value: new TextEncoder().encode('u') }] }));
    await live.change((world) => world.append('member.remove', { member: world.member('ben').id, exposed: [] }));
    expect((await run(['ls', '--exposed', '--names'], given)).out).toBe('prod/db\nprod/pair\n');
    expect((await run(['info', 'prod/db'], given)).out).toContain('exposed        to ben’s phone');
    expect((await run(['status'], given)).out).toContain('2 secrets to renew');
    await play(live, start(['rotate', '--exposed', '--rekey', '--yes'], given), ['ada']);
    await live.settle();
    expect(await run(['ls', '--exposed'], given)).toMatchObject({ out: '', err: 'nothing is exposed\n' });
    await live.org.forget();
    expect(await live.get('prod/db')).toBe('one');
    expect(await live.get({ items: [{ path: 'prod/pair', field: 'user' }] })).toBe('u');
  } finally {
    rmSync(home, { recursive: true });
  }
}, 20_000);

test('two of three: one who came later waits for a version, two others release it, and then that one approves', async () => {
  await using live = await startLive({ members: ['ben', 'cleo'] });
  const home = mkdtempSync(`${tmpdir()}/sv-rot-`);
  const given = { socketPath: live.daemon.socketPath, env: { HOME: home, STILLVAULT_HOME: `${home}/state` } };
  try {
    await live.change((world) => world.approvers('prod/db', 2, ['ada', 'ben']));
    await live.change((world) => world.put('prod/db', 'four eyes'));
    await live.change((world) => world.approvers('prod/db', 2, ['ada', 'ben', 'cleo']));
    expect((await run(['info', 'prod/db'], given)).out).toContain('waiting for a new version  cleo’s phone');
    await play(live, start(['rotate', 'prod/db', '--rekey', '--yes'], given), ['ada', 'ben']);
    await live.settle();
    expect(live.daemon.status().custody).toEqual({ waiting: 0, machines: 0, devices: 0, exposed: 0 });
    await live.org.forget();
    const asked = live.daemon.release('prod/db');
    await live.approve(asked, 'ada');
    await live.approve(asked, 'cleo');
    expect((await asked.next('released')).values.map(({ value }) => Buffer.from(value, 'base64').toString())).toEqual(['four eyes']);
    await until(() => live.daemon.status().pending === 0, 'nothing is left');
  } finally {
    rmSync(home, { recursive: true });
  }
}, 20_000);
