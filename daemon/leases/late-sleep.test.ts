// A machine that sleeps while the daemon finds out who asks: what was open before is not open after (models/lease.pml, mutant "asleep while …").
import { expect, test } from 'bun:test';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import { policyFor } from '../../protocol/policy.ts';
import { idFrom } from '../../testing/world-people.ts';
import { World } from '../../testing/world.ts';
import { createLeases } from './leases.ts';

test('asleep between the look at the lease and the use of it: nobody reads from it', async () => {
  const world = new World('late sleep');
  await world.genesis();
  const laptop = await world.addMachine('laptop');
  const secret = await world.put('prod/db', 'x');
  const notes: string[] = [];
  let [sleptMs, sleepsNow] = [0, false];
  const leases = createLeases({
    machine: { machine: laptop.id },
    observer: {
      isDescendantOf: () => true,
      // The lid is shut in this moment, and opened again.
      verifySame: () => Promise.resolve(void (sleptMs += sleepsNow ? 60_000 : 0)),
      anchorOf: () => Promise.resolve(undefined),
    },
    receipts: { write: ({ note }) => Promise.resolve(void notes.push(note)), send: () => Promise.resolve() },
    state: () => world.state,
    now: world.clock.now,
    monotonicMs: () => 0,
    bootMs: () => sleptMs,
    onProblem: () => undefined,
  });
  const pidfd = { isAlive: () => true, [Symbol.dispose]: () => undefined };
  const holder = { pid: 1, pidfd, startTicks: 1, imageMark: '', exe: undefined, namespaces: {} };
  const value = { bytes: new Uint8Array(1), locked: false, [Symbol.dispose]: () => undefined };
  leases.add({
    id: idFrom(world.random),
    requestId: idFrom(world.random),
    rh: zeroHash,
    items: [
      { secret: secret.id, path: 'prod/db', version: 1, putEh: secret.putEh, policyEh: policyFor(world.state, 'prod/db')?.eh ?? zeroHash, values: [{ value }] },
    ],
    terms: { ttlS: 600, uses: 10, scope: 'process' },
    isSelf: false,
    anchor: { identity: holder, level: 0, label: 'sh', [Symbol.dispose]: () => undefined },
    uid: 0,
    approvedBy: ['ada'],
    tell: [],
    until: world.clock.now() + 600_000,
  });
  const child = { ...holder, pid: 2, startTicks: 2 };
  const observation = { observed: { identity: 'pidfd', uid: 0, ancestors: [], namespaces: {}, escaped: [], cut: [] } as const, identity: child };
  expect((await leases.read([{ secret: secret.id }], observation)).kind).toBe('hit');
  sleepsNow = true;
  expect((await leases.read([{ secret: secret.id }], observation)).kind).toBe('none');
  expect(notes).toEqual(['suspend; 2 in all']);
});
