// A lease that is granted while the log ends it: the receipt of its release takes a moment, and an entry may come in that moment (design row 92).
import { expect, test } from 'bun:test';
import { idFrom } from '../../testing/world-people.ts';
import { World } from '../../testing/world.ts';
import { policyFor } from '../../protocol/policy.ts';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import { createLeases } from './leases.ts';

test('frozen between the check and the grant: nobody reads from it, and its end is recorded', async () => {
  const world = new World('late grant');
  await world.genesis();
  const laptop = await world.addMachine('laptop');
  const secret = await world.put('prod/db', 'x');
  const notes: string[] = [];
  const leases = createLeases({
    machine: { machine: laptop.id },
    observer: { isDescendantOf: () => true, verifySame: () => Promise.resolve(), anchorOf: () => Promise.resolve(undefined) },
    receipts: { write: ({ note }) => Promise.resolve(void notes.push(note)), send: () => Promise.resolve() },
    state: () => world.state,
    now: world.clock.now,
    monotonicMs: () => 0,
    bootMs: () => 0,
    onProblem: () => undefined,
  });
  const pidfd = { isAlive: () => true, [Symbol.dispose]: () => undefined };
  const identity = { pid: 1, pidfd, startTicks: 1, imageMark: '', exe: undefined, namespaces: {} };
  const policyEh = policyFor(world.state, 'prod/db')?.eh ?? zeroHash;
  const value = { bytes: new Uint8Array(1), locked: false, [Symbol.dispose]: () => undefined };

  await world.append('org.freeze', { reason: 'now' });
  leases.review(world.state); // of the entry: there is no lease yet
  leases.add({
    id: idFrom(world.random),
    requestId: idFrom(world.random),
    rh: zeroHash,
    items: [{ secret: secret.id, path: 'prod/db', version: 1, putEh: secret.putEh, policyEh, values: [{ value }] }],
    terms: { ttlS: 600, uses: 10, scope: 'process' },
    isSelf: false,
    anchor: { identity, level: 0, label: 'sh', [Symbol.dispose]: () => undefined },
    uid: 0,
    approvedBy: ['ada'],
    tell: [],
    until: world.clock.now() + 600_000,
  });
  const observation = { observed: { identity: 'pidfd', uid: 0, ancestors: [], namespaces: {}, escaped: [], cut: [] } as const, identity };
  expect((await leases.read([{ secret: secret.id }], observation)).kind).not.toBe('hit');
  expect(leases.size).toBe(0);
  expect(notes).toEqual(['frozen; 1 in all']);
});
