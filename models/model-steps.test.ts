// The steps of request.pml in random orders, taken by the real daemon on the real relay: what it does is what the model says (models/README.md).
import { afterAll, beforeAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { DaemonError } from '../daemon/errors.ts';
import { type DaemonStore, openDaemonStore } from '../daemon/vault/store.ts';
import type { Decision } from '../protocol/approval.ts';
import type { ReleaseEvent } from '../protocol/local-api.ts';
import { type Conversation, type Live, detailOf, startLive, textOf, until } from '../testing/live-daemon.ts';
import type { SeenRequest } from '../testing/live-org.ts';
import { answer } from '../testing/world-release.ts';

const people = ['ada', 'ben', 'eve'] as const;
const needed = 2;
/** By device: the first two are ada's. */
const owners = ['ada', 'ada', 'ben', 'eve'] as const;
const lifeMs = 180_000;

/** What request.pml knows: the last word of each person, while a request is pending. */
interface Expected {
  pending: boolean;
  word: Map<string, 'yes' | 'no'>;
  /** Where the next receipt meets the crash. */
  crash: 'before' | 'after' | undefined;
}
interface Request {
  readonly asked: Conversation<ReleaseEvent>;
  readonly seen: SeenRequest;
  readonly approvals: Uint8Array[];
  /** Who approved this very request, in any order and at any time. */
  readonly approvers: Set<string>;
}
interface Real {
  readonly live: Live;
  now: Request | undefined;
  readonly over: Request[];
  fails: 'before' | 'after' | undefined;
}
type Command = fc.AsyncCommand<Expected, Real>;

let real: Real;
beforeAll(async () => {
  const live = await startLive({ members: ['ben', 'eve'] });
  real = { live, now: undefined, over: [], fails: undefined };
  await live.change(async (world) => {
    await world.addDevice('ada');
    const members = people.map((name) => world.member(name).id);
    await world.append('policy.set', world.policy({ pattern: 'two/**', clauses: [{ k: needed, members, groups: [] }] }));
    await world.put('two/secret', 'both');
  });
  await restart();
});
afterAll(() => real.live[Symbol.asyncDispose]());

/** A crash of the process, as the state at rest sees it: nothing is written any more, and all memory is gone. */
async function restart(): Promise<void> {
  await real.live.daemon.stop();
  real.fails = undefined;
  await real.live.daemon.start({ openStore });
  await until(() => real.live.daemon.status().relay?.connected === true, 'the daemon is connected again');
}

function openStore(path: string): DaemonStore {
  const store = openDaemonStore(path);
  return {
    ...store,
    [Symbol.dispose]: () => store[Symbol.dispose](),
    addReceipt: (receipt, consumes) => {
      const { fails } = real;
      if (fails === 'after') store.addReceipt(receipt, consumes);
      if (fails !== undefined) {
        real.fails = 'before'; // dead from here on
        throw new DaemonError('error', 'E_PERSIST', 'crashed');
      }
      store.addReceipt(receipt, consumes);
    },
  };
}

function request(): Request {
  if (!real.now) throw new Error('nothing is pending');
  return real.now;
}

async function reply(device: number, decision: Decision): Promise<Uint8Array> {
  const { live } = real;
  const { seen } = request();
  const { devices } = live.world.member(owners[device] ?? 'ada');
  const speaker = devices[device === 1 ? 1 : 0] ?? seen.device;
  const sealed = await answer(live.world, speaker, seen.verified, decision);
  await live.org.reply(seen, sealed);
  return sealed;
}

const problems = (code: string): number => real.live.daemon.problems().filter((problem) => problem === code).length;
const count = (kind: string): number => request().asked.events.filter(({ event }) => event === kind).length;
const counts = (word: Expected['word'], what: 'yes' | 'no'): number => [...word.values()].filter((said) => said === what).length;

/** The request ended: without a release as `code` says, or with one. */
async function end(expected: Expected, code?: string): Promise<void> {
  const ended = await request().asked.end.catch(() => undefined); // a daemon that crashes says nothing
  if (code === undefined) expect(textOf(ended)).toBe('both');
  else if (code !== 'left') expect(detailOf(ended)).toMatch(new RegExp(`^(?:${code})$`));
  real.over.push(request());
  real.now = undefined;
  expected.pending = false;
  expected.word.clear();
  if (expected.crash !== undefined) await restart();
  expected.crash = undefined;
}

const step = (name: string, isPossible: (expected: Readonly<Expected>) => boolean, run: (expected: Expected) => Promise<void>): Command => ({
  check: isPossible,
  run,
  toString: () => name,
});
const isPending = ({ pending }: Readonly<Expected>): boolean => pending;

const ask = step(
  'ask',
  ({ pending }) => !pending,
  async (expected) => {
    const asked = real.live.daemon.release('two/secret');
    real.now = { asked, seen: await real.live.seen(asked), approvals: [], approvers: new Set() };
    expected.pending = true;
  },
);

const approve = (device: number): Command =>
  step(`approve ${device}`, isPending, async (expected) => {
    const owner = owners[device] ?? '';
    const [refused, approved] = [problems('E_QUORUM_DUP'), count('approved')];
    request().approvers.add(owner);
    request().approvals.push(await reply(device, 'approve'));
    if (expected.word.get(owner) === 'yes') return until(() => problems('E_QUORUM_DUP') > refused, 'a second word of one person is refused');
    expected.word.set(owner, 'yes');
    if (counts(expected.word, 'yes') < needed) return until(() => count('approved') > approved, 'the approval is counted');
    await end(expected, expected.crash === undefined ? undefined : 'E_PERSIST');
  });

const deny = (device: number): Command =>
  step(`deny ${device}`, isPending, async (expected) => {
    const denied = count('denied');
    await reply(device, 'deny');
    expected.word.set(owners[device] ?? '', 'no');
    if (people.length - counts(expected.word, 'no') >= needed) return until(() => count('denied') > denied, 'the denial is counted');
    await end(expected, 'E_DENIED');
  });

const leave = step('leave', isPending, async (expected) => {
  request().asked.leave();
  await end(expected, 'left');
});

const late = (device: number): Command =>
  step(`approve ${device} late`, isPending, async (expected) => {
    real.live.daemon.clock.advance(lifeMs);
    await reply(device, 'approve');
    await request().asked.end;
    real.live.daemon.clock.advance(-lifeMs);
    await end(expected, 'E_EXPIRED|E_NO_APPROVAL'); // the second where the deadline was seen before it came
  });

const repeat = step('repeat the approvals of the request before', isPending, async () => {
  const kept = real.over.at(-1)?.approvals ?? [];
  const refused = problems('E_BIND');
  for (const sealed of kept) await real.live.org.reply(request().seen, sealed);
  await until(() => problems('E_BIND') >= refused + kept.length, 'each is refused');
});

let limit = 600;
const policy = step('another policy', isPending, async (expected) => {
  await real.live.change((world) => world.approvers('two/secret', needed, people, { maxTtlS: limit++ }));
  await end(expected, 'E_POLICY_CHANGED');
});

const freeze = step('freeze', isPending, async (expected) => {
  await real.live.change((world) => world.append('org.freeze', { reason: 'now' }));
  await end(expected, 'E_FROZEN');
  await real.live.change((world) => world.append('org.unfreeze', { reason: 'again' }));
});

const crash = step('crash', isPending, async (expected) => {
  real.fails = 'before';
  await restart();
  expected.crash = undefined;
  await end(expected, 'left');
});

/** The next receipt, whatever it says, meets the crash. */
const crashAt = (when: 'before' | 'after'): Command =>
  step(
    `crash ${when} the receipt is durable`,
    ({ pending, crash: armed }) => pending && armed === undefined,
    async (expected) => {
      expected.crash = real.fails = when;
    },
  );

const steps = [
  ask,
  leave,
  repeat,
  policy,
  freeze,
  crash,
  crashAt('before'),
  crashAt('after'),
  ...[0, 1, 2, 3].flatMap((device) => [approve(device), deny(device)]),
  late(2),
];

test('every order of steps ends as the model says, with at most one delivery and never without a quorum', async () => {
  const often = [ask, approve(0), approve(2), approve(3)]; // so that many orders come to a release
  await fc.assert(
    fc.asyncProperty(
      fc.commands(
        [...steps, ...often, ...often, ...often].map((command) => fc.constant(command)),
        { maxCommands: 60, size: 'max' },
      ),
      async (commands) => {
        const expected: Expected = { pending: false, word: new Map(), crash: undefined };
        await fc.asyncModelRun(() => ({ model: expected, real }), commands);
        if (expected.pending) await leave.run(expected, real);
      },
    ),
    { numRuns: 10, seed: 17, endOnFailure: true }, // the same orders every time
  );
  const delivered = real.over.filter(({ asked }) => asked.events.some(({ event }) => event === 'released'));
  expect(delivered.length).toBeGreaterThan(4);
  for (const { asked, approvers } of real.over) {
    const values = asked.events.filter(({ event }) => event === 'released').length;
    expect(values).toBeLessThanOrEqual(1);
    if (values > 0) expect(approvers.size).toBeGreaterThanOrEqual(needed);
  }
  // One receipt at most says how each ended; one that says released stands behind every delivery, with two people's approvals.
  const sent = async () => (await real.live.org.receipts(real.live.daemon.machine)).map(({ receipt }) => receipt);
  const ids = delivered.map(({ seen }) => seen.verified.request.requestId);
  await until(async () => (await sent()).filter(({ requestId }) => ids.includes(requestId)).length >= ids.length, 'each delivery has a receipt');
  const receipts = await sent();
  expect(new Set(receipts.map(({ requestId }) => requestId)).size).toBe(receipts.length);
  for (const id of ids) {
    const receipt = receipts.find(({ requestId }) => requestId === id);
    expect(receipt?.outcome).toBe('released');
    expect(new Set(receipt?.evidence.filter(({ decision }) => decision === 'approve').map(({ member }) => member)).size).toBe(needed);
  }
}, 60_000);
