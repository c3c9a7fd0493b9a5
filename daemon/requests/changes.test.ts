// A person at a machine wants the organisation changed; people sign it on their devices (spec/09-release.md §changes).
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { changesStream, parseChanges } from '../../protocol/changes.ts';
import type { Act, ChangeAsk, ChangeEvent, ChangePlan, OrgSummary } from '../../protocol/local-api/admin.ts';
import type { Failure, ReleaseEvent } from '../../protocol/local-api.ts';
import { openRecord } from '../../protocol/org-log/record.ts';
import { Conversation, type Live, detailOf, startLive, until } from '../../testing/live-daemon.ts';
import type { SeenRequest } from '../../testing/live-org.ts';
import { found } from '../../testing/world.ts';

let live: Live;
beforeAll(async () => {
  live = await startLive({ members: ['ben'], secrets: { 'prod/db': 'first' } });
});
afterAll(() => live[Symbol.asyncDispose]());

const propose = (act: Act, more: Partial<ChangeAsk> = {}, at = live): Conversation<ChangeEvent> =>
  new Conversation(at.daemon.socketPath, '/v1/changes', { act, ...more });
const plan = async (act: Act): Promise<ChangePlan & Partial<Failure>> => (await live.daemon.call('/v1/changes/plan', { act })) as ChangePlan & Partial<Failure>; // what the daemon says
const org = async (): Promise<OrgSummary> => (await live.daemon.call('/v1/org')) as OrgSummary; // as above
const seenBy = (asked: Conversation<ChangeEvent>, name = 'ada', at = live): Promise<SeenRequest> =>
  at.seen(asked as unknown as Conversation<ReleaseEvent>, name); // it has a waiting event
const failureOf = async (asked: Conversation<ChangeEvent>): Promise<string | undefined> => detailOf((await asked.end) as unknown as ReleaseEvent); // as above
const last = (asked: Conversation<ChangeEvent>): Promise<ChangeEvent | undefined> => asked.end;

async function listOf({ verified: { request } }: SeenRequest, at = live) {
  const [blob] = await at.org.client.getBlobs([found(request.changes, 'changes').blob]);
  return parseChanges(await openRecord({ org: at.world.state.org, stream: changesStream(request.requestId) }, at.world.mk, found(blob, 'blob')));
}
/** As an admin's device does. */
async function sign(seen: SeenRequest, at = live): Promise<void> {
  const items = await listOf(seen, at);
  at.world.clock.set(Date.now());
  for (const { type, body } of items) await at.world.append(type, body, [seen.device]);
  await at.org.sync();
}

describe('a proposal', () => {
  test('signed by an admin: done, and what was asked for is in the log', async () => {
    const asked = propose({ act: 'group.add', group: 'on-call', members: ['ada', 'ben'] }, { reason: 'rota' });
    const seen = await seenBy(asked);
    expect(seen.verified.request).toMatchObject({ items: [], claimed: { reason: 'rota' } });
    expect(await asked.next('waiting')).toMatchObject({ paths: ['New group on-call'], approvers: ['ada', 'ben'], needed: 1 });
    await live.org.decide(seen, 'shown');
    expect(await asked.next('shown')).toMatchObject({ member: 'ada' });
    await sign(seen);
    expect(await last(asked)).toEqual({ event: 'done', by: ['ada'], changed: true });
    expect((await org()).groups).toMatchObject([{ name: 'on-call', members: ['ada', 'ben'] }]);
  });

  test('denied: nothing is changed', async () => {
    const asked = propose({ act: 'group.set', group: 'on-call', members: ['ada'] });
    await live.org.decide(await seenBy(asked, 'ben'), 'deny');
    expect(await last(asked)).toMatchObject({ event: 'error', error: { code: 'denied', detail: 'E_DENIED' } });
    expect((await org()).groups[0]?.members).toEqual(['ada', 'ben']);
  });

  test('what is so already asks nobody', async () => {
    expect(await last(propose({ act: 'group.set', group: 'on-call', members: ['ben', 'ada'] }))).toEqual({ event: 'done', by: [], changed: false });
  });

  test('[INV-CHANGE-ALONE] an approval does nothing: only the log says that it is done', async () => {
    const asked = propose({ act: 'machine.revoke', machine: 'build-1' }, { timeoutS: 1 });
    const { state } = live.world;
    await live.org.decide(await seenBy(asked), 'approve');
    expect(await failureOf(asked)).toMatch(/^E_(?:EXPIRED|NO_APPROVAL)$/);
    expect(live.world.state.head).toEqual(state.head);
  });

  test('passed on to the other admins: proposed, and how many are missing', async () => {
    await live.change((world) =>
      world.append('org.set', { tAdmin: 2, origins: world.state.origins, rpIds: world.state.rpIds, authenticators: world.state.authenticators }),
    );
    const asked = propose({ act: 'group.set', group: 'on-call', name: 'duty' });
    expect(await asked.next('waiting')).toMatchObject({ needed: 2 });
    await live.org.decide(await seenBy(asked), 'proposed');
    expect(await last(asked)).toEqual({ event: 'proposed', by: 'ada', missing: 1 });
    await live.change((world) =>
      world.append('org.set', { tAdmin: 1, origins: world.state.origins, rpIds: world.state.rpIds, authenticators: world.state.authenticators }, [
        world.device('ada'),
        world.device('ben'),
      ]),
    );
  });

  test('a release cannot be passed on', async () => {
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }], timeoutS: 1 });
    await live.org.decide(await live.seen(asked), 'proposed');
    expect(await asked.end).toMatchObject({ event: 'error', error: { message: expect.stringContaining('E_BIND') as string } });
  });
});

describe('refused before anybody is asked', () => {
  const rule = { pattern: 'prod/x', approve: [{ k: 1, members: ['ada'] }], machines: 'any' } as const;
  test('names that nobody has, with the one that was meant', async () => {
    expect(await plan({ act: 'member.remove', member: 'bem' })).toMatchObject({
      error: { code: 'not_found', message: 'there is no member bem: did you mean ben?' },
    });
    expect(await plan({ act: 'policy.set', policy: { ...rule, approve: [{ k: 1, groups: ['oncall'] }] } })).toMatchObject({
      error: { message: 'there is no group oncall: did you mean on-call?' },
    });
  });
  test('[INV-CHANGE-CAN] a rule that nobody could meet, with the reason', async () => {
    expect(await plan({ act: 'policy.set', policy: { ...rule, approve: [{ k: 3, members: ['ada', 'ben'] }] } })).toMatchObject({
      error: {
        code: 'policy_forbids',
        detail: 'E_QUORUM',
        message: 'nobody could release prod/x: it takes 3 of ada, ben, and the only approvers among them are ada, ben',
      },
    });
  });
  test.each([
    ['a threshold of nobody', { ...rule, approve: [{ k: 0, members: ['ada'] }] }],
    ['no threshold', { ...rule, approve: [{ members: ['ada'] }] }],
    ['no approver', { ...rule, approve: [] }],
    ['a clause that names nobody', { ...rule, approve: [{ k: 1 }] }],
    ['a word that is none', { ...rule, reveal: true }],
  ])('%s', async (_what, policy) => {
    expect(await live.daemon.call('/v1/changes/plan', { act: { act: 'policy.set', policy } })).toMatchObject({ error: { code: 'usage' } });
  });
  test('the last admin’s role', async () => {
    const before = await plan({ act: 'member.set', member: 'ben', roles: ['approver'] });
    expect(before.changes[0]?.differences.map(({ words }) => words)).toEqual(['is no longer admin', 'is no longer writer']);
    await live.change((world) => world.append('member.set', { member: world.member('ben').id, name: 'ben', roles: ['approver', 'writer'] }));
    expect(await plan({ act: 'member.set', member: 'ada', roles: ['approver'] })).toMatchObject({ error: { detail: 'E_MIN_ADMINS' } });
  });
  test('an oversized name', async () => {
    expect(await plan({ act: 'group.add', group: 'g'.repeat(129), members: [] })).toMatchObject({ error: { code: 'usage' } });
    expect(await plan({ act: 'group.add', group: 'on\u202ecall', members: [] })).toMatchObject({ error: { code: 'usage' } });
  });
});

test('a group whose name looks like another is flagged', async () => {
  expect((await plan({ act: 'group.add', group: 'on_cal1', members: ['ada'] })).changes[0]?.warnings).toEqual(['looks like on-call, which exists']);
});

describe('freeze', () => {
  test('[INV-CHANGE-HOLD] leases end and nothing is released here at once, before anybody has answered; a denial lets it go on', async () => {
    await live.lease('prod/db');
    const waits = live.daemon.release({ items: [{ path: 'prod/db' }], leaseOnly: false, lease: { ttlS: 600, uses: 5, scope: 'machine' } });
    const asked = propose({ act: 'org.freeze', reason: 'laptop stolen' });
    const seen = await seenBy(asked);
    expect(await live.daemon.leases()).toEqual([]);
    expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_FROZEN');
    await waits.end;
    await live.org.decide(seen, 'deny');
    expect(await failureOf(asked)).toBe('E_DENIED');
    expect(await live.get('prod/db')).toBe('first');
  });

  test('signed: frozen everywhere; unfreezing is asked for the same way', async () => {
    const asked = propose({ act: 'org.freeze', reason: 'drill' });
    await sign(await seenBy(asked));
    expect(await last(asked)).toMatchObject({ event: 'done', by: ['ada'] });
    expect(detailOf(await live.daemon.release('prod/db').end)).toBe('E_FROZEN');
    expect(await plan({ act: 'group.add', group: 'late', members: [] })).toMatchObject({ error: { detail: 'E_FROZEN' } });
    const back = propose({ act: 'org.unfreeze', reason: 'drill over' });
    await sign(await seenBy(back));
    expect(await last(back)).toMatchObject({ event: 'done' });
    expect(await live.get('prod/db')).toBe('first');
  });

  test('[INV-FREEZE-LIVE] a freeze by an admin elsewhere ends leases by its delivery, not by a poll', async () => {
    await live.lease('prod/db');
    // With live delivery, at rest, the relay is polled once in 60 s: only the delivery can be what ends it.
    await live.unseen((world) => world.append('org.freeze', { reason: 'drill' }));
    await until(async () => (await live.daemon.leases()).length === 0, 'the lease has ended');
    await live.change((world) => world.append('org.unfreeze', { reason: 'over' }));
  });
});
