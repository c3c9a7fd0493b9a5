// A person creates an org, stores a secret, a machine asks, the person decides: through the console's device and a real relay.
import { expect, test } from 'bun:test';
import type { ReviewCard } from '../app.ts';
import { ruleOf, softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

const textOf = (secret: { readonly kind: string; readonly value?: Uint8Array }): string => new TextDecoder().decode(secret.value);

test('one person approves: the machine opens the value, the receipt settles the card and the history', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db-primary', value: value('hunter2'), description: 'the primary' });
  const asked = await laptop.ask(['prod/db-primary']);
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  expect(card.items).toEqual([{ path: 'prod/db-primary', version: 1, description: 'the primary', mixedScripts: false }]);
  expect(card.machine.name).toBe('laptop');
  expect(card.unusual).toContain('first time for this machine');
  const steps: string[] = [];
  await ada.app.approve(card.requestId, card.leaseChoices[0]?.terms ?? card.lease, card.matchCode, (step) => steps.push(step));
  expect(steps).toEqual(['verifying-user', 'sealing', 'sent']);
  const answers = await laptop.answers(asked);
  expect((await laptop.open(asked, answers)).map(textOf)).toEqual(['hunter2']);
  await laptop.receipt(asked, 'released', { evidence: answers.map(({ evidence }) => evidence) });
  const settled = await until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => outcome?.kind === 'released'), 'the receipt');
  expect(settled.outcome?.by).toEqual(['ada']);
  expect(steps.at(-1)).toBe('released');
  expect(ada.app.org()?.history.find(({ kind }) => kind === 'release')).toMatchObject({
    what: 'prod/db-primary',
    who: ['ada'],
    proof: 'verified',
    machine: 'laptop',
  });
});

test('the approver signs every line that the card shows: also what the secret is, how much care it takes and how many must agree', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  const approvers = ada.app.org()?.members.map(({ id }) => id) ?? [];
  await ada.app.setPolicy(ruleOf({ pattern: 'prod/**', k: 1, approvers, maxTtlS: 0, maxUses: 1, tier: 'high' }));
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: 'the orders of all customers' });
  await laptop.ask(['prod/db']);
  const { lines } = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  expect(lines).toContain('described as: the orders of all customers');
  expect(lines).toContain('care: high');
  expect(lines).toContain('needs: 1 person');
});

test('a machine whose name looks like another’s says so on its cards', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const [laptop, forged] = [await world.machine(ada), await world.machine(ada, 'l\u0430ptop')]; // a Cyrillic letter
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  const mark = 'mixed alphabets in the machine’s name';
  for (const machine of [laptop, forged]) await machine.ask(['prod/db']);
  const cards = await until(ada.app, () => (ada.app.org()?.inbox.length === 2 ? ada.app.org()?.inbox : undefined), 'two cards');
  expect(cards.filter(({ unusual }) => unusual.includes(mark)).map(({ machine }) => machine.name)).toEqual(['l\u0430ptop']);
});

test('an approval and a denial have one size', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  const sizes: number[] = [];
  for (const decision of ['approve', 'deny', 'shown'] as const) {
    const asked = await laptop.ask(['prod/db']);
    const card = await until(ada.app, () => ada.app.org()?.inbox.find(({ requestId }) => requestId === asked.request.requestId), 'the card');
    if (decision === 'approve') await ada.app.approve(card.requestId, card.lease, undefined, () => undefined);
    else if (decision === 'deny') await ada.app.deny(card.requestId, false);
    else ada.app.shown(card.requestId);
    const [mail] = await laptop.mails(asked);
    sizes.push(mail?.length ?? 0);
    const [answer] = await laptop.answers(asked);
    expect(answer?.answer.decision).toBe(decision);
  }
  expect(new Set(sizes).size).toBe(1);
});

test('a machine proposes a version, a writer countersigns it, and it can be released', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  const proposed = await laptop.propose('prod/api', value('from the machine'));
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  expect(card).toMatchObject({ kind: 'put', items: [{ path: 'prod/api', version: 1 }] });
  await ada.app.approve(card.requestId, card.leaseChoices[0]?.terms ?? card.lease, undefined, () => undefined);
  expect(ada.app.org()?.secrets.map(({ path, version }) => [path, version])).toEqual([['prod/api', 1]]);
  expect(ada.app.org()?.inbox.find(({ requestId }) => requestId === proposed.request.requestId)?.outcome?.kind).toBe('stored');
  const asked = await laptop.ask(['prod/api']);
  const next = await until(ada.app, () => ada.app.org()?.inbox.find(({ requestId }) => requestId === asked.request.requestId), 'the card');
  await ada.app.approve(next.requestId, next.lease, undefined, () => undefined);
  expect((await laptop.open(asked, await laptop.answers(asked))).map(textOf)).toEqual(['from the machine']);
});

test('a lease is chosen within what was asked, shown while it runs, and ended without a gesture', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  const asked = await laptop.ask(['prod/db'], { changes: { lease: { ttlS: 900, uses: 10, scope: 'process' } } });
  const card: ReviewCard = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  expect(card.leaseChoices.map(({ terms }) => terms.ttlS)).toEqual([0, 300, 900]);
  await expect(ada.app.approve(card.requestId, { ttlS: 900, uses: 11, scope: 'process' }, undefined, () => undefined)).rejects.toMatchObject({
    failure: { code: 'E_LEASE_BOUNDS' },
  });
  await ada.app.approve(card.requestId, { ttlS: 300, uses: 10, scope: 'process' }, undefined, () => undefined);
  const [answer] = await laptop.answers(asked);
  expect(answer?.answer.lease.ttlS).toBe(300);
  const id = '0123456789abcdef0123456789abcdef' as Parameters<typeof ada.app.endLease>[0]; // a lease of the fake machine
  await laptop.receipt(asked, 'released', { evidence: answer ? [answer.evidence] : [], lease: { id, ttlS: 300, uses: 10 } });
  const lease = await until(ada.app, () => ada.app.org()?.leases[0], 'the lease');
  expect(lease).toMatchObject({ paths: ['prod/db'], usesLeft: 9, used: 1, approvedBy: ['ada'], ending: false });
  await laptop.receipt(asked, 'used', { lease: { id, ttlS: 300, uses: 10 }, note: '3 uses; 4 in all', letters: false });
  await until(ada.app, () => ada.app.org()?.leases.find(({ used }) => used === 4), 'the uses');
  const gestures = ada.platform.authenticator.gestures;
  await ada.app.endLease(id);
  expect(ada.app.org()?.leases[0]?.ending).toBe(true);
  expect(ada.platform.authenticator.gestures).toBe(gestures);
  expect(await laptop.notices()).toEqual([id]);
  await laptop.receipt(asked, 'ended', { lease: { id, ttlS: 300, uses: 10 }, note: 'ended-by-device; 4 uses' });
  await until(ada.app, () => ada.app.org()?.leases.length === 0 || undefined, 'the lease to end');
});

test('a denial reaches the machine, and the next request says so', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  const asked = await laptop.ask(['prod/db']);
  const card = await until(ada.app, () => ada.app.org()?.inbox[0], 'the card');
  const gestures = ada.platform.authenticator.gestures;
  await ada.app.deny(card.requestId, false);
  expect(ada.platform.authenticator.gestures).toBe(gestures);
  const [answer] = await laptop.answers(asked);
  await laptop.receipt(asked, 'denied', { evidence: answer ? [answer.evidence] : [] });
  await until(ada.app, () => ada.app.org()?.history.find(({ kind, proof }) => kind === 'deny' && proof === 'verified'), 'the receipt');
  await laptop.ask(['prod/db']);
  const next = await until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => !outcome), 'the next card');
  expect(next.unusual).toContain('after a denial');
  await expect(ada.app.deny(card.requestId, false)).rejects.toMatchObject({ failure: { code: 'E_DONE' } });
});
