// Enrolment of a machine, and everything that can interrupt it (spec/11-enrolment.md §machine).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonError } from '../errors.ts';
import { lost, refusal } from '../../testing/hostile-relay.ts';
import { paths } from '../../protocol/wire.ts';
import { type Live, LiveDaemon, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';

let live: Live;
let made = 0;
beforeAll(async () => {
  live = await startLive({ hostile: true, secrets: { 'prod/db': 'correct horse' } });
});
afterAll(() => live[Symbol.asyncDispose]());

const fresh = (): Promise<LiveDaemon> => new LiveDaemon(join(live.dir, `m${made++}`)).start();
const joined = (daemon: LiveDaemon, token: string) => daemon.running!.join({ token, name: 'laptop' });
const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no failure',
    (error: DaemonError) => error.detail,
  );
/** The proxy fails the n-th call from now on that it sees, and all after it. */
function failFrom(n: number): void {
  let calls = 0;
  live.liar.bend = { call: (_path, ask, forward) => (++calls >= n ? Promise.resolve(lost) : forward(ask)) };
}
/** The n-th call reaches the relay, and its answer never comes back. */
function loseAnswer(n: number): void {
  let calls = 0;
  live.liar.bend = {
    call: async (_path, ask, forward) => {
      const answer = await forward(ask);
      return ++calls >= n ? lost : answer;
    },
  };
}

describe('join', () => {
  test('before it, nothing can be asked; with a wrong token nothing happens', async () => {
    await using daemon = await fresh();
    expect(daemon.status()).toMatchObject({ state: 'not_enrolled', pending: 0 });
    expect(detailOf(await daemon.release('prod/db').end)).toBe('E_NOT_ENROLLED');
    expect(await failure(joined(daemon, 'svt1_nonsense'))).toBe('E_TOKEN_FORMAT');
    const token = await live.org.token();
    expect(await failure(joined(daemon, `${token.slice(0, 60)}${token[60] === 'A' ? 'B' : 'A'}${token.slice(61)}`))).toBe('E_TOKEN_FORMAT');
    expect(existsSync(join(daemon.stateDir, 'machine.key'))).toBe(false);
  });

  test.each([
    ['fails', failFrom],
    ['is answered and the answer is lost', loseAnswer],
  ])('wherever a call %s, the same join goes on where it stopped', async (_, interrupt) => {
    await live.daemon.stop(); // so that only the calls of the join are counted
    for (let n = 1; ; n++) {
      await using daemon = await fresh();
      const token = await live.org.token();
      interrupt(n);
      const first = await failure(joined(daemon, token));
      live.liar.bend = {};
      if (n % 2 === 0) await daemon.stop().then(() => daemon.start()); // with and without a restart in between
      const { machine, state } = await joined(daemon, token);
      expect(state).toBe('awaiting_admission');
      await live.org.sync();
      expect([...live.world.state.machines.values()].filter(({ status }) => status === 'enrolled').map((found) => found.machine)).toContain(
        machine.id as never,
      );
      expect(detailOf(await daemon.release('prod/db').end)).toBe('E_NOT_ENROLLED'); // not admitted yet
      if (first === 'no failure') break;
      expect(['E_RELAY_UNREACHABLE', 'E_TOKEN_EXPIRED']).toContain(first);
      expect(n).toBeLessThan(20);
    }
    await live.daemon.start();
  });

  test('others write to the log at the same moment: it signs again', async () => {
    await using daemon = await fresh();
    const token = await live.org.token();
    await live.daemon.stop();
    let conflicts = 0;
    live.liar.bend = {
      call: (path, ask, forward) => (path === paths.append && conflicts++ < 2 ? Promise.resolve(refusal('E_RELAY_CONFLICT', 409)) : forward(ask)),
    };
    expect((await joined(daemon, token)).state).toBe('awaiting_admission');
    live.liar.bend = {};
    expect(conflicts).toBe(3);
    await live.daemon.start();
    await live.org.sync();
  });

  test('a token works once', async () => {
    await using first = await fresh();
    await using second = await fresh();
    const token = await live.org.token();
    await joined(first, token);
    expect(['E_TOKEN_USED', 'E_TOKEN_EXPIRED']).toContain(await failure(joined(second, token))); // the log, or the relay before it
    expect(second.status().state).toBe('not_enrolled');
    await joined(second, await live.org.token()); // and nothing stands in the way of another one
    expect(second.status().state).toBe('awaiting_admission');
    expect(await failure(joined(second, await live.org.token()))).toBe('E_TOKEN_SCOPE');
  });

  test('the metadata key changed after the token was made', async () => {
    await using daemon = await fresh();
    const token = await live.org.token();
    await live.change((world) => world.rotate());
    expect(await failure(joined(daemon, token))).toBe('E_REVOKED');
    expect(existsSync(join(daemon.stateDir, 'machine.key'))).toBe(false);
    await joined(daemon, await live.org.token()); // walks back through the epochs
    expect(daemon.status().log?.seq).toBeGreaterThan(5);
  });

  test('a join that failed leaves nothing of that organisation behind', async () => {
    await using other = await startLive({ hostile: true });
    await using daemon = await fresh();
    const token = await live.org.token();
    await live.change((world) => world.rotate());
    expect(await failure(joined(daemon, token))).toBe('E_REVOKED');
    await joined(daemon, await other.org.token());
    expect(daemon.status().org?.id).toBe(other.world.state.org);
  });

  test('the same join again, by any local program, disturbs nothing', async () => {
    await using daemon = await fresh();
    const token = await live.org.token();
    const { machine } = await joined(daemon, token);
    await live.org.admit({ machine: machine.id as never });
    await until(() => daemon.status().state === 'ready', 'admitted');
    await until(async () => {
      await live.org.sync();
      return live.waiting(machine.id as never).length === 0;
    }, 'it has its half');
    await daemon.inStep(live.org);
    const asked = daemon.release({ items: [{ path: 'prod/db' }], lease: { ttlS: 600, uses: 5 } });
    await live.approve(asked);
    expect(textOf(await asked.end)).toBe('correct horse');
    expect(await joined(daemon, token)).toMatchObject({ state: 'ready' });
    expect(daemon.status().leases).toBe(1);
  });

  test('a revoked machine begins anew with a new token, with counters of its own', async () => {
    const daemon = await live.addDaemon('again');
    const before = daemon.machine;
    const earlier = daemon.release('prod/db');
    await live.approve(earlier);
    expect(textOf(await earlier.end)).toBe('correct horse'); // it has counted
    await live.change((world) => world.append('machine.revoke', { machine: before, exposed: [] }));
    await until(() => daemon.status().state === 'halted', 'it knows');
    const { machine } = await joined(daemon, await live.org.token());
    expect(machine.id).not.toBe(before);
    await live.org.admit({ machine: machine.id as never });
    await until(() => daemon.status().state === 'ready', 'admitted');
    await until(async () => {
      await live.org.sync();
      return live.waiting(machine.id as never).length === 0;
    }, 'it has its half');
    await daemon.inStep(live.org);
    const asked = daemon.release('prod/db');
    expect((await live.approve(asked)).verified.request.ctr).toBe(1);
    expect(textOf(await asked.end)).toBe('correct horse');
    await until(async () => (await live.org.receipts(machine.id as never)).length > 0, 'its own chain');
    expect((await live.org.receipts(machine.id as never)).map(({ receipt }) => [receipt.machine as string, receipt.n])).toEqual([[machine.id, 0]]);
  });
});
