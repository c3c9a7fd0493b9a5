// A machine that comes to a long log: it enrols and shows names from a checkpoint, and does nothing else until all of it is verified (spec/05-org-log.md §newcomer).
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { appendCheckpoint } from '../../testing/checkpoints.ts';
import { type Live, LiveDaemon, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';

setDefaultTimeout(20_000); // a daemon waits two seconds for a log, and the relay of these tests keeps it waiting

let live: Live;
let checkpoint: number;
beforeEach(async () => {
  live = await startLive({ hostile: true, secrets: { 'prod/db': 'correct horse' } });
  await live.change((world) => appendCheckpoint(world, live.org.client));
  ({ checkpoint } = live.world.state);
  await live.daemon.stop(); // what the relay does concerns the newcomer only
});
afterEach(() => live[Symbol.asyncDispose]());

const newcomer = (): Promise<LiveDaemon> => new LiveDaemon(join(live.dir, 'late')).start();
/** Whoever reads what lies before the checkpoint waits until the function that this returns is called. */
function holdBack(): () => void {
  const held = Promise.withResolvers<void>();
  live.liar.bend = {
    read: async (page, { from }) => {
      if (from < checkpoint - 1) await held.promise;
      return page;
    },
  };
  return held.resolve;
}

test('INV-AHEAD-HELD it joins and lists names at once; admitted meanwhile it still releases nothing until everything is verified', async () => {
  const goOn = holdBack();
  await using late = await newcomer();
  const { machine, org, state } = await late.running!.join({ token: await live.org.token(), name: 'late' });
  expect([state, org.name]).toEqual(['awaiting_admission', 'Analytical Engines']);
  expect(await late.call('/v1/secrets')).toMatchObject([{ path: 'prod/db' }]);
  expect(late.status()).toMatchObject({ state: 'awaiting_admission', org: { name: 'Analytical Engines' } });
  expect(late.status().log).toBeUndefined();
  await live.org.admit({ machine: machine.id as never });
  expect(await late.release('prod/db').end).toMatchObject({
    error: { detail: 'E_NOT_ENROLLED', message: expect.stringContaining('still being read and verified') as string },
  }); // a matcher
  goOn();
  await until(() => late.status().state === 'ready', 'all is verified');
  expect(late.status().log?.seq).toBe(live.world.state.head.seq);
  await live.daemon.start();
  await until(async () => {
    await live.org.sync();
    return live.waiting(machine.id as never).length === 0;
  }, 'it has its half');
  await late.inStep(live.org);
  const asked = late.release('prod/db');
  await live.approve(asked);
  expect(textOf(await asked.end)).toBe('correct horse');
});

test('interrupted before all is verified it goes on after a restart, and still holds', async () => {
  const goOn = holdBack();
  await using late = await newcomer();
  const token = await live.org.token();
  const { machine } = await late.running!.join({ token, name: 'late' });
  await late.stop();
  await late.start();
  expect(late.status()).toMatchObject({ state: 'awaiting_admission' });
  expect((await late.running!.join({ token, name: 'late' })).machine.id).toBe(machine.id);
  expect(late.status().log).toBeUndefined();
  goOn();
  await until(() => late.status().log?.seq === live.world.state.head.seq + 1, 'all is verified'); // its own enrolment is the last
});

test('a relay that hides the snapshot makes it slower, and nothing else', async () => {
  live.liar.bend = { blobs: (blobs) => blobs.map(() => new Uint8Array(0)) };
  await using late = await newcomer();
  expect((await late.running!.join({ token: await live.org.token(), name: 'late' })).state).toBe('awaiting_admission');
  expect(late.problems()).toContain('E_BLOB_MISSING');
  expect(late.status().log?.seq).toBe(live.world.state.head.seq + 1);
});

test('INV-AHEAD-HELD after it has looked ahead the relay ends the log before the pin: halted with the code', async () => {
  await using late = await newcomer();
  live.liar.bend = {
    read: (page, { from }) =>
      from < checkpoint - 1
        ? { head: { ...page.head, seq: 2, ...(page.records[2] ? { eh: page.records[2].eh } : {}) }, records: page.records.slice(0, 3) }
        : page,
  };
  await late.running!.join({ token: await live.org.token(), name: 'late' });
  await until(() => late.status().state === 'halted', 'it is found out');
  expect(late.status().halted).toBe('E_LOG_ROLLBACK');
  expect(detailOf(await late.release('prod/db').end)).toBe('E_LOG_ROLLBACK');
});
