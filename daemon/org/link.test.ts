// A relay that comes and goes, keys that change, machines that come later (spec/09-release.md §link).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { receiptStream } from '../../protocol/org-log/record.ts';
import { paths } from '../../protocol/wire.ts';
import { lost } from '../../testing/hostile-relay.ts';
import { type Live, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';

/** A release whose receipt is at the relay: so are all before it. */
async function recorded(live: Live): Promise<number> {
  const asked = live.daemon.release('prod/db');
  const { requestId } = (await live.approve(asked)).verified.request;
  expect(textOf(await asked.end)).toBe('correct horse');
  await until(async () => (await live.org.receipts(live.daemon.machine)).some(({ receipt }) => receipt.requestId === requestId), 'its receipt');
  return (await outcomes(live)).length;
}
const outcomes = async (live: Live) => (await live.org.receipts(live.daemon.machine)).map(({ receipt }) => receipt.outcome);

describe('a relay that is away', () => {
  let live: Live;
  beforeAll(async () => {
    live = await startLive({ hostile: true, secrets: { 'prod/db': 'correct horse' } });
  });
  afterAll(() => live[Symbol.asyncDispose]());

  test('at the start: the daemon serves what it knows, says so, and finds it when it comes', async () => {
    await live.daemon.stop();
    live.liar.cut();
    await live.daemon.start();
    expect(live.daemon.status()).toMatchObject({
      state: 'ready',
      relay: { connected: false, lastError: 'E_RELAY_AWAY' },
      log: { seq: live.world.state.head.seq },
    });
    expect(await live.daemon.call('/v1/secrets')).toMatchObject([{ path: 'prod/db', entitled: true }]);
    expect(await live.daemon.release('prod/db').end).toMatchObject({ error: { code: 'unreachable', detail: 'E_RELAY_UNREACHABLE' } });
    live.liar.mend();
    await until(() => live.daemon.status().relay?.connected === true, 'it is back');
    expect(await live.get('prod/db')).toBe('correct horse');
  });

  test('stopped and restarted while people decide: the request is still there', async () => {
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    await live.stopRelay();
    await until(() => live.daemon.status().relay?.connected === false, 'it is noticed');
    await live.startRelay();
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('correct horse');
  });

  test('gone after the approval, before the log could be read again: the release does not need it', async () => {
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    live.liar.bend = { call: (path, ask, forward) => (path === paths.read || path === paths.append ? Promise.resolve(lost) : forward(ask)) };
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('correct horse');
    live.liar.bend = {};
  });

  test('no live connection at all: the answer is polled', async () => {
    live.liar.bend = { live: () => [] };
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    live.liar.bend = { call: (path, ask, forward) => (path === paths.session ? Promise.resolve(lost) : forward(ask)), live: () => [] };
    await live.stopRelay();
    await live.startRelay();
    live.liar.bend = { live: () => [] };
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('correct horse');
    live.liar.bend = {};
  });

  test('receipts wait for it, in order, and go when it is back; counters count on', async () => {
    const before = await recorded(live);
    live.liar.bend = { call: (path, ask, forward) => (path === paths.append ? Promise.resolve(lost) : forward(ask)) };
    expect(await live.get('prod/db')).toBe('correct horse');
    expect(await live.get('prod/db')).toBe('correct horse');
    const first = live.org.nextRequest(live.world.device('ada'));
    expect((await outcomes(live)).length).toBe(before);
    await live.daemon.stop(); // also across a restart
    live.liar.bend = {};
    await live.daemon.start();
    await until(async () => (await outcomes(live)).length >= before + 2, 'they are sent');
    const asked = live.daemon.release('prod/db');
    const counted = (await first).verified.request;
    expect(await asked.next('waiting')).toMatchObject({ request_id: counted.requestId });
    asked.leave();
    const chain = await live.org.receipts(live.daemon.machine);
    expect(chain.map(({ receipt }) => receipt.n)).toEqual(chain.map((_, n) => n));
    const requests = chain.filter(({ receipt }) => receipt.request).length;
    expect(counted.ctr).toBeGreaterThanOrEqual(requests);
  });

  test('an acknowledgement that is lost writes no receipt twice', async () => {
    const before = await recorded(live);
    live.liar.bend = {
      call: async (path, ask, forward) => {
        const answer = await forward(ask);
        return path === paths.append ? lost : answer;
      },
    };
    expect(await live.get('prod/db')).toBe('correct horse');
    await until(async () => (await outcomes(live)).length > before, 'it arrived');
    live.liar.bend = {};
    expect(await live.get('prod/db')).toBe('correct horse');
    await until(async () => (await outcomes(live)).slice(before).filter((outcome) => outcome === 'released').length === 2, 'the next one follows');
  });

  test('garbage that somebody left in the receipts’ stream keeps none from being sent', async () => {
    await recorded(live);
    const stream = receiptStream(live.world.state.org, live.daemon.machine);
    const { head } = await live.org.client.read(stream, 0, 1);
    await live.org.client.append({ stream, seq: head.seq + 1, prev: head.eh!, eh: 'ab'.repeat(32) as never, blob: new Uint8Array(100) });
    expect(await live.get('prod/db')).toBe('correct horse');
    await until(async () => (await live.org.client.read(stream, head.seq + 2)).records.length === 1, 'it lies behind the garbage');
  });
});

describe('keys and machines that change', () => {
  let live: Live;
  beforeAll(async () => {
    live = await startLive({ secrets: { 'prod/db': 'correct horse', 'prod/api': 'second' } });
  });
  afterAll(() => live[Symbol.asyncDispose]());

  test('a new metadata key while it runs, and one that it missed', async () => {
    await live.change((world) => world.rotate());
    expect(await live.get('prod/db')).toBe('correct horse');
    await live.daemon.stop();
    await live.org.sync();
    live.world.clock.set(Date.now());
    await live.world.rotate();
    await live.world.put('prod/db', 'battery staple');
    await live.org.sync();
    await live.daemon.start();
    await live.daemon.inStep(live.org);
    expect(await live.get('prod/db')).toBe('battery staple');
  });

  test('a machine that joined later gets its half from one that is online, and can read', async () => {
    const later = await live.addDaemon('later');
    for (const path of ['prod/db', 'prod/api']) {
      const asked = later.release(path);
      await live.approve(asked);
      expect((await asked.end)?.event).toBe('released');
    }
    const third = await live.addDaemon('third'); // two can give it: the relay lets one of them win
    const asked = third.release('prod/api');
    await live.approve(asked);
    expect(textOf(await asked.end)).toBe('second');
    expect([live.daemon, later, third].flatMap((daemon) => daemon.problems())).toEqual([]);
  });

  test('where no machine is online it has no half: said so, not tried', async () => {
    await using other = await startLive({ secrets: { 'prod/db': 'x' } });
    await other.daemon.stop();
    const lonely = await other.addDaemon('lonely', {}, false);
    expect(detailOf(await lonely.release('prod/db').end)).toBe('E_NOT_ENTITLED');
    expect(await lonely.call('/v1/secrets/info?path=prod/db')).toMatchObject({ entitled: false, custody: { waiting: ['lonely'] } });
    await other.daemon.start();
    await until(async () => {
      await other.org.sync();
      return other.waiting(lonely.machine).length === 0;
    }, 'the other one is back');
    await lonely.inStep(other.org);
    const asked = lonely.release('prod/db');
    await other.approve(asked);
    expect(textOf(await asked.end)).toBe('x');
  });

  test('revoked: nothing is released, also for what is pending, and the state says so', async () => {
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    await live.change((world) => world.append('machine.revoke', { machine: live.daemon.machine, exposed: [] }));
    await live.org.decide(seen, 'approve').catch(() => undefined);
    expect(detailOf(await asked.end)).toBe('E_MACHINE_REVOKED');
    expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_MACHINE_REVOKED');
    expect(live.daemon.status()).toMatchObject({ state: 'halted', halted: 'E_MACHINE_REVOKED' });
  });
});
