// A relay that doctors, drops, repeats, delays and invents what it carries: at worst nothing is released (spec/attacks.md).
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { mailboxOn, receiptStream } from '../../protocol/org-log/record.ts';
import { type Mail, type ReceivedMail, encode, limits, paths, relayFailureCodec } from '../../protocol/wire.ts';
import { lost } from '../../testing/hostile-relay.ts';
import { type Live, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';
import { answer } from '../../testing/world-release.ts';
import { createAskLimiter } from '../intake/rate.ts';

let live: Live;
beforeAll(async () => {
  live = await startLive({ hostile: true, members: ['ben'], secrets: { 'prod/db': 'correct horse', 'prod/api': 'second' } });
  await live.change((world) =>
    world.append(
      'policy.set',
      world.policy({ pattern: 'any/**', clauses: [{ k: 1, members: ['ada', 'ben'].map((name) => world.member(name).id), groups: [] }] }),
    ),
  );
  await live.change((world) => world.put('any/db', 'shared'));
});
beforeEach(() => void (live.daemon.log.length = 0));
afterEach(() => void (live.liar.bend = {}));
afterAll(() => live[Symbol.asyncDispose]());

const garbage = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 1 : byte));
/** One live event becomes several, of mail only. */
const bendMail = (change: (mail: ReceivedMail) => readonly ReceivedMail[]): void => {
  live.liar.bend = {
    live: (event) => (event.mail ? change(event.mail).map((mail) => ({ mail })) : [event]),
    readMail: (page) => ({ ...page, mails: page.mails.flatMap(change) }),
  };
};

describe('requests on their way out', () => {
  test('#2 changed on the way: it does not open, nothing is shown, nobody decides', async () => {
    live.liar.bend = { post: (mails: readonly Mail[]) => mails.map((mail) => ({ ...mail, body: flip(mail.body) })) };
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], timeoutS: 1 });
    await expect(live.org.nextRequest(live.world.device('ada'))).rejects.toMatchObject({ code: 'E_OPEN' });
    expect(detailOf(await asked.end)).toBe('E_NO_APPROVAL');
  });

  test('#98 also into another’s mailbox: it does not open there, the approver finds theirs', async () => {
    const ben = live.world.device('ben');
    const mailbox = mailboxOn(ben.facts.mailboxSeed, Date.now());
    live.liar.bend = { post: (mails) => mails.flatMap((mail) => (mail.ttlS <= 900 ? [{ ...mail, mailbox }, mail] : [mail])) };
    const asked = live.daemon.release('prod/db');
    await expect(live.org.nextRequest(ben)).rejects.toMatchObject({ code: 'E_OPEN' });
    await live.approve(asked);
    expect(textOf(await asked.end)).toBe('correct horse');
  });

  test('#4 repeated to the approver after it was decided: E_REQ_SEEN', async () => {
    let copy: readonly Mail[] = [];
    live.liar.bend = { post: (mails) => (mails.every(({ ttlS }) => ttlS <= 900) && (copy = mails), mails) };
    const asked = live.daemon.release('prod/db');
    const seen = await live.approve(asked);
    await asked.end;
    live.org.decided(seen);
    await live.org.client.post(copy);
    await expect(live.org.nextRequest(live.world.device('ada'))).rejects.toMatchObject({ code: 'E_REQ_SEEN' });
  });

  test('#23 nothing is delivered: E_NO_APPROVAL after the time that was asked for, and the program can leave before', async () => {
    live.liar.bend = { post: () => [], live: () => [] };
    expect(detailOf(await live.daemon.release({ items: [{ path: 'prod/db' }], timeoutS: 1 }).end)).toBe('E_NO_APPROVAL');
  });

  test('two programs ask at the same moment and the relay takes its time with the first: both requests arrive in the order of their counters', async () => {
    let posts = 0;
    live.liar.bend = {
      post: async (mails) => {
        if (posts++ === 0) await until(() => posts > 1, 'the second overtakes').catch(() => undefined);
        return mails;
      },
    };
    setTimeout(() => (posts = 2), 300); // it does not
    const asked = [live.daemon.release('prod/db'), live.daemon.release('prod/api')];
    const one = await live.org.nextRequest(live.world.device('ada'));
    const two = await live.org.nextRequest(live.world.device('ada'));
    expect(two.verified.request.ctr).toBeGreaterThan(one.verified.request.ctr);
    for (const seen of [one, two]) await live.org.decide(seen, 'approve');
    expect((await Promise.all(asked.map(({ end }) => end))).map(textOf).toSorted()).toEqual(['correct horse', 'second']);
  });

  test('#49 a program that asks too often is stopped before anything is signed: E_RATE_LOCAL', async () => {
    await live.daemon.stop();
    await live.daemon.start({ limiter: createAskLimiter(() => performance.now()) });
    const asked = Array.from({ length: 21 }, () => live.daemon.release('prod/db'));
    const first = await Promise.race(asked.map(({ end }) => end));
    expect(detailOf(first)).toBe('E_RATE_LOCAL');
    await until(() => live.daemon.status().pending === 20, 'the others wait');
    for (const each of asked) each.leave();
    await until(() => live.daemon.status().pending === 0, 'all are withdrawn');
    await live.daemon.stop();
    await live.daemon.start();
  });
});

describe('answers on their way back', () => {
  test('#3 an approval kept and delivered again for the next request: E_BIND', async () => {
    let kept: Uint8Array | undefined;
    bendMail((mail) => ((kept ??= mail.body), [mail]));
    const first = live.daemon.release('prod/db');
    await live.approve(first);
    expect(textOf(await first.end)).toBe('correct horse');
    const second = live.daemon.release('prod/db');
    const seen = await live.seen(second);
    live.daemon.log.length = 0;
    await live.org.reply(seen, kept!);
    await until(() => live.daemon.problems().length > 0, 'it is refused');
    expect(live.daemon.problems()).toEqual(['E_BIND']);
    second.leave();
  });

  test('#3 one approval delivered many times, live and polled: it counts once', async () => {
    bendMail((mail) => [mail, mail, { ...mail, id: mail.id + 1_000_000 }, { ...mail, id: mail.id + 2_000_000 }]);
    const asked = live.daemon.release('any/db');
    const seen = await live.seen(asked);
    await live.org.decide(seen, 'shown');
    await until(() => asked.events.some(({ event }) => event === 'shown'), 'it is shown');
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('shared');
    expect(asked.events.filter(({ event }) => event === 'shown').length).toBeLessThanOrEqual(3); // one for each id, however often it came
    const chain = await live.org.receipts(live.daemon.machine);
    expect(new Set(chain.map(({ receipt }) => receipt.n)).size).toBe(chain.length);
  });

  test('an approval that is posted before the relay has taken the subscription to its mailbox: it comes with the subscription', async () => {
    live.liar.cut(); // ids that it made up before do not matter on the next connection
    await until(() => live.daemon.status().relay?.connected === false, 'away');
    live.liar.mend();
    await until(() => live.daemon.status().relay?.connected === true, 'back');
    const posted = Promise.withResolvers<void>();
    live.liar.bend = { hello: (hello) => posted.promise.then(() => hello), readMail: (page) => ({ ...page, mails: [] }) }; // and nothing is polled
    const asked = live.daemon.release('prod/db');
    await live.approve(asked);
    posted.resolve();
    expect(textOf(await asked.end)).toBe('correct horse');
  });

  test('#31 answers that the relay makes up: none counts, and a flood of them does not keep the honest one out', async () => {
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    for (const length of [1, 100, 1_152, 5_488, limits.mailBytes]) await live.org.reply(seen, garbage(length));
    await until(() => live.daemon.problems().length === 5, 'they are refused');
    expect(live.daemon.problems()).toEqual(Array.from({ length: 5 }, () => 'E_BIND'));
    const { reply } = seen.verified.request;
    for (let id = 0; id < 400; id++) live.liar.tell({ mail: { id: 10_000_000 + id, mailbox: reply, body: garbage(5_488), postedAt: 0 } });
    await live.org.decide(seen, 'approve');
    await until(() => live.daemon.problems().length > 200, 'the flood is worked off');
    // The honest one may have been dropped with the flood: it is still in the mailbox, but was seen. The approver can repeat it.
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('correct horse');
  }, 15_000);

  test('#22 a denial withheld and another approval delivered: the denial was advice, the approval decides', async () => {
    const asked = live.daemon.release('any/db');
    const [adas, bens] = [await live.seen(asked, 'ada'), await live.seen(asked, 'ben')];
    bendMail(() => []);
    await live.org.decide(adas, 'deny');
    live.liar.bend = {};
    await live.org.decide(bens, 'approve');
    expect(textOf(await asked.end)).toBe('shared');
  });

  test('#24 an approval held back until the time is over: E_EXPIRED, nothing leaves', async () => {
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], timeoutS: 60 });
    const seen = await live.seen(asked);
    const sealed = await answer(live.world, seen.device, seen.verified, 'approve');
    live.daemon.clock.advance(61_000);
    await live.org.reply(seen, sealed);
    expect(await asked.end).toMatchObject({ error: { code: 'expired', detail: 'E_EXPIRED' } });
    live.daemon.clock.advance(-61_000);
  });

  test('#24 #89 the machine slept through the deadline, and its wall clock was set back: the same', async () => {
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], timeoutS: 60 });
    const seen = await live.seen(asked);
    live.daemon.clock.suspend(61_000);
    live.daemon.clock.setWall(-30_000);
    await live.org.decide(seen, 'approve');
    expect(detailOf(await asked.end)).toBe('E_EXPIRED');
    live.daemon.clock.suspend(-61_000);
    live.daemon.clock.setWall(0);
  });

  test('#89 a machine whose clock is behind the log does not ask, one that is ahead hears why its answers do not count', async () => {
    live.daemon.clock.setWall(-3_600_000);
    expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_CLOCK');
    live.daemon.clock.setWall(240_000); // requests are still taken, answers are within five minutes
    expect(await live.get('prod/db')).toBe('correct horse');
    live.daemon.clock.setWall(0);
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], timeoutS: 2 });
    const seen = await live.seen(asked);
    await live.org.decide(seen, 'approve', { changes: { ts: Date.now() + 360_000 } });
    const end = await asked.end;
    expect(detailOf(end)).toBe('E_NO_APPROVAL');
    expect(JSON.stringify(end)).toContain('E_CLOCK');
  });
});

describe('blobs', () => {
  /** A new version whose blobs the daemon has not seen yet. */
  async function fresh(bend: Live['liar']['bend']): Promise<void> {
    live.liar.bend = bend;
    await live.change((world) => world.put('prod/db', 'battery staple'));
  }

  test('#6 the ciphertext of another secret, or of an older version: E_BODY_HASH, and the true one later is fine', async () => {
    const older = live.world.blob(live.world.secret('prod/db').put.body);
    const others = live.world.blob(live.world.secret('prod/api').put.body);
    for (const wrong of [older, others]) {
      await fresh({ blobs: (blobs) => blobs.map(() => wrong) });
      expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_BODY_HASH'); // before anybody is asked
      live.liar.bend = {};
      expect(await live.get('prod/db')).toBe('battery staple');
    }
  });

  test('#8 body and half exchanged', async () => {
    // Alone too, or the machine would get its own copies one by one.
    await fresh({ blobs: (blobs) => (blobs.length > 1 ? blobs.toReversed() : [garbage(100)]) });
    expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_BODY_HASH');
    live.liar.bend = {};
    expect(await live.get('prod/db')).toBe('battery staple');
  });

  test('#34 deleted before this machine had a copy: E_BLOB_MISSING; after that it has its own', async () => {
    await fresh({ blobs: (blobs) => blobs.map(() => new Uint8Array(0)) });
    expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_BLOB_MISSING');
    live.liar.bend = {};
    expect(await live.get('prod/db')).toBe('battery staple');
    live.liar.bend = { blobs: (blobs) => blobs.map(() => new Uint8Array(0)) };
    expect(await live.get('prod/db')).toBe('battery staple');
    await live.daemon.stop();
    await live.daemon.start(); // also for the next daemon
    expect(await live.get('prod/db')).toBe('battery staple');
  });
});

test('a copy of a blob that was damaged on this disk is fetched again', async () => {
  await live.daemon.stop();
  const db = new Database(join(live.daemon.stateDir, 'state.db'));
  db.exec("UPDATE blobs SET bytes = x'00'");
  db.close();
  await live.daemon.start();
  expect(await live.get('prod/db')).toBe('battery staple');
});

describe('the relay itself', () => {
  test('#32 an answer that is oversized, endless, nested or no answer at all ends the call, not the daemon', async () => {
    const { lastError } = live.daemon.status().relay ?? {};
    expect(lastError).toBeUndefined();
    for (const body of [new Uint8Array(limits.wireBytes + 1), new Uint8Array(100_000).fill(0x81), new Uint8Array(0), Uint8Array.of(0xff), garbage(1_000)]) {
      live.liar.bend = { call: (path, ask, forward) => (path === paths.mail ? Promise.resolve({ status: 200, body }) : forward(ask)) };
      expect(await live.daemon.release('prod/db').end).toMatchObject({ error: { code: 'unreachable', detail: 'E_RELAY_UNREACHABLE' } });
    }
    live.liar.bend = {};
    expect(await live.get('prod/api')).toBe('second');
  });

  test('#32 live events that are no events end the connection, and another one is made', async () => {
    live.liar.bend = { live: () => [] };
    live.liar.cut();
    await until(() => live.daemon.status().relay?.connected === false, 'it is away');
    live.liar.mend();
    live.liar.bend = {};
    await until(() => live.daemon.status().relay?.connected === true, 'it is back');
    expect(await live.get('prod/api')).toBe('second');
  });

  test('#35 it says that it has lost receipts: they are sent again, in order', async () => {
    const stream = receiptStream(live.world.state.org, live.daemon.machine);
    let lies = 1;
    live.liar.bend = {
      call: (path, ask, forward) => {
        if (path !== paths.append || lies-- <= 0) return forward(ask);
        return Promise.resolve({ status: 409, body: encode(relayFailureCodec, { code: 'E_RELAY_CONFLICT', message: 'no', head: { stream, seq: -1 } }) });
      },
    };
    expect(await live.get('prod/api')).toBe('second');
    await until(() => live.daemon.problems().includes('E_AUDIT_GAP'), 'it is noticed');
    live.liar.bend = {};
    expect(await live.get('prod/api')).toBe('second');
    const chain = async () => (await live.org.receipts(live.daemon.machine)).map(({ receipt }) => receipt.n);
    await until(async () => (await chain()).length > 3, 'they are there');
    const numbers = await chain();
    expect(numbers).toEqual(numbers.map((_, n) => n));
  });

  test('it refuses everything: the daemon says that it cannot be reached, and leases go on', async () => {
    await live.lease('prod/api');
    live.liar.bend = { call: () => Promise.resolve(lost) };
    expect(textOf(await live.daemon.release({ items: [{ path: 'prod/api' }], leaseOnly: true }).end)).toBe('second');
    expect(await live.daemon.release('prod/db').end).toMatchObject({ error: { code: 'unreachable' } });
  });
});
