// A relay that lies about the log, and members that write what they must not: the exact outcome in a running daemon (spec/attacks.md).
import { describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decodeItem, encodeItem } from '../../protocol/codec.ts';
import type { Hash, LeaseId } from '../../protocol/hash.ts';
import { entryHash } from '../../protocol/org-log/entry.ts';
import { orgStream, sealRecord } from '../../protocol/org-log/record.ts';
import { parseEnvelope } from '../../protocol/sign.ts';
import type { StreamPage, StreamRecord } from '../../protocol/wire.ts';
import { type Live, type LiveOptions, detailOf, fileOf, startLive, textOf, until } from '../../testing/live-daemon.ts';
import { signAs } from '../../testing/world.ts';

const start = (more: LiveOptions = {}): Promise<Live> =>
  startLive({ hostile: true, members: ['ben'], secrets: { 'prod/db': 'correct horse', 'prod/api': 'second' }, ...more });
const halted = (live: Live, code: string) => until(() => live.daemon.status().halted === code, `it stops with ${code}`);
const read = (live: Live) => live.daemon.release({ items: [{ path: 'prod/db' }], leaseOnly: true }).end;

/** Makes the daemon look at the log again, by telling it of a head. */
function poke(live: Live): void {
  live.liar.tell({ head: { stream: orgStream(live.world.state.org), seq: live.world.state.head.seq, eh: 'cd'.repeat(32) as Hash } });
}
/** What the relay shows of the log from now on. */
function show(live: Live, bend: (records: readonly StreamRecord[], page: StreamPage) => readonly StreamRecord[]): void {
  live.liar.bend = {
    read: (page, { stream }) => (stream === orgStream(live.world.state.org) ? { ...page, records: bend(page.records, page) } : page),
  };
}
/** Everything stopped: no release, no lease, and a person must look. */
async function expectStopped(live: Live, code: string): Promise<void> {
  await halted(live, code);
  await until(() => live.daemon.status().leases === 0, 'leases end');
  expect(live.daemon.status()).toMatchObject({ state: 'halted', halted: code });
  expect(detailOf(await read(live))).toBe(code);
  expect(detailOf(await live.daemon.release('prod/db').end)).toBe(code);
}

describe('a relay that shows another log', () => {
  test('#9 an older one than before: E_LOG_ROLLBACK, pending requests and leases end; a restart does not forget', async () => {
    await using live = await start();
    await live.lease('prod/db');
    const asked = live.daemon.release('prod/api');
    await live.seen(asked);
    const newest = live.world.state.head.seq;
    live.liar.bend = {
      read: (page) => ({
        head: { ...page.head, seq: newest - 2, eh: live.world.entries[newest - 2]!.eh },
        records: page.records.filter(({ seq }) => seq <= newest - 2),
      }),
    };
    poke(live);
    expect(detailOf(await asked.end)).toBe('E_LOG_ROLLBACK');
    await expectStopped(live, 'E_LOG_ROLLBACK');
    await live.daemon.stop();
    await live.daemon.start();
    await expectStopped(live, 'E_LOG_ROLLBACK');
    live.liar.bend = {};
    await live.daemon.stop(); // somebody has looked
    await live.daemon.start();
    expect(await live.get('prod/db')).toBe('correct horse');
  });

  test('#11 two branches: E_FORK, with both signed entries as evidence', async () => {
    await using live = await start();
    await live.daemon.stop();
    const theirs = await branch(live);
    await live.unseen((world) => world.put('prod/db', 'ours'));
    await live.daemon.start();
    await live.daemon.inStep(live.org);
    await live.lease('prod/db');
    show(live, (records) => records.map((record) => (record.seq === theirs.seq ? theirs : record)));
    poke(live);
    await expectStopped(live, 'E_FORK');
    const evidence = decodeItem(new Uint8Array(fileOf(live.daemon, 'fork.cbor')), 200_000) as readonly Uint8Array[]; // two signed entries
    expect(evidence).toHaveLength(2);
    expect(Buffer.from(evidence[0]!).equals(Buffer.from(live.world.entries[theirs.seq]!.bytes))).toBe(true);
    expect(parseEnvelope('entry', evidence[1]!, 65_536).signatures).toHaveLength(1);
  });

  test('#11 a device that approves on another branch: E_FORK ends the request', async () => {
    await using live = await start();
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    await live.org.decide(seen, 'approve', { changes: { head: { seq: 2, eh: 'ab'.repeat(32) as Hash } } });
    expect(detailOf(await asked.end)).toBe('E_FORK');
  });

  test('#11 a device whose open console saw another branch: nothing is released until somebody has looked at that device', async () => {
    await using live = await start();
    await live.lease('prod/db');
    await live.org.attest(live.world.device('ben'), { seq: 2, eh: 'ab'.repeat(32) as Hash });
    await expectEventually(live, 'E_FORK');
    await until(() => live.daemon.status().leases === 0, 'leases end');
    const asked = live.daemon.release('prod/db');
    expect(detailOf(await asked.end)).toBe('E_FORK');
    await live.change((world) => world.append('device.revoke', { device: live.world.device('ben').id, exposed: [] })); // it lied, or was lied to
    await until(() => live.daemon.status().state === 'ready', 'its word does not count any more');
    expect(await live.get('prod/db')).toBe('correct horse');
  });

  test('#13 two entries in the wrong order: E_CHAIN_GAP', async () => {
    await using live = await start();
    await hidden(live, async () => {
      await live.world.put('prod/db', 'a');
      await live.world.put('prod/db', 'b');
    });
    show(live, ([first, ...rest]) => [...(first ? [first] : []), ...rest.toReversed()]);
    poke(live);
    await expectStopped(live, 'E_CHAIN_GAP');
  });

  test('#13 the same, with positions made to fit: the entries themselves say where they belong', async () => {
    await using live = await start();
    await hidden(live, async () => {
      await live.world.put('prod/db', 'a');
      await live.world.put('prod/db', 'b');
    });
    show(live, ([first, second, third, ...rest]) =>
      first && second && third ? [first, { ...third, seq: second.seq, prev: second.prev }, { ...second, seq: third.seq, prev: third.eh }, ...rest] : [],
    );
    poke(live);
    await expectStopped(live, 'E_CHAIN_GAP');
  });

  test('#14 an entry left out: E_CHAIN_GAP', async () => {
    await using live = await start();
    await hidden(live, async () => {
      await live.world.put('prod/db', 'a');
      await live.world.put('prod/db', 'b');
    });
    show(live, ([first, , ...rest]) => (first ? [first, ...rest] : []));
    poke(live);
    await expectStopped(live, 'E_CHAIN_GAP');
  });

  test('#94 garbage between the entries is passed over, and releases go on', async () => {
    await using live = await start();
    const place = { org: live.world.state.org, stream: orgStream(live.world.state.org) };
    const { head } = await live.org.client.read(place.stream, live.world.state.head.seq);
    const eh = 'ee'.repeat(32) as Hash;
    const blob = await sealRecord(place, 0, live.world.mk.get(0)!, new Uint8Array(500), live.world.random); // a member has the key
    await live.org.client.append({ stream: place.stream, seq: head.seq + 1, prev: head.eh!, eh, blob });
    expect(await live.get('prod/db')).toBe('correct horse');
    expect(live.daemon.status()).toMatchObject({ state: 'ready' });
  });
});

describe('a relay that hides what is new', () => {
  test('#10 #92 the log moved and nothing told so: the approval makes it look, and the changed policy ends the request', async () => {
    await using live = await start();
    live.liar.bend = { live: (event) => (event.head ? [] : [event]) };
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    const head = live.world.state.head; // the device has not seen the change either
    await live.unseen((world) => world.approvers('prod/db', 1, ['ada', 'ben']));
    await live.org.decide(seen, 'approve', { changes: { head } });
    expect(detailOf(await asked.end)).toBe('E_POLICY_CHANGED');
  });

  test('#10 an approver has seen more than this machine was told of: it looks first, then counts the approval', async () => {
    await using live = await start();
    live.liar.bend = { live: (event) => (event.head ? [] : [event]) };
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    await live.unseen((world) => world.put('prod/new', 'other'));
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('correct horse');
    expect(live.daemon.status().log?.seq).toBe(live.world.state.head.seq);
  });

  test('#92 the same with a freeze, a new version, and the revocation of the only approver’s device', async () => {
    for (const [code, act] of [
      ['E_VERSION', (live: Live) => live.world.put('prod/db', 'newer')],
      ['E_FROZEN', (live: Live) => live.world.append('org.freeze', { reason: 'now' })],
    ] as const) {
      await using live = await start();
      live.liar.bend = { live: (event) => (event.head ? [] : [event]) };
      const asked = live.daemon.release('prod/db');
      const seen = await live.seen(asked);
      const head = live.world.state.head;
      await live.unseen(() => act(live));
      await live.org.decide(seen, 'approve', { changes: { head } });
      expect(detailOf(await asked.end)).toBe(code);
    }
  });

  test('#10 an approver has seen a newer log than the relay shows here: E_HEAD_AHEAD, nothing leaves', async () => {
    await using live = await start();
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    freezeView(live);
    await live.unseen((world) => world.put('prod/new', 'other'));
    await live.org.decide(seen, 'approve');
    expect(detailOf(await asked.end)).toBe('E_HEAD_AHEAD');
  });

  test('#10 #68 a revoked approver and the relay: any honest console that is open gives them away', async () => {
    await using live = await start();
    await live.change((world) => world.approvers('prod/db', 1, ['ada', 'ben']));
    await live.change((world) => world.put('prod/db', 'correct horse'));
    const head = live.world.state.head;
    freezeView(live);
    await live.unseen((world) => world.append('device.revoke', { device: live.world.device('ben').id, exposed: [] }));
    await live.org.attest(live.world.device('ada')); // ada’s console is open
    await until(() => live.daemon.problems().length === 0 && live.daemon.status().state === 'ready', 'nothing is known yet');
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    await live.org.decide({ ...seen, device: live.world.device('ben') }, 'approve', { changes: { head } });
    expect(detailOf(await asked.end)).toBe('E_HEAD_AHEAD');
  });

  test('#10 a device ends a lease although the relay hides from the machine what that device has seen', async () => {
    await using live = await start();
    const { id } = await live.lease('prod/db');
    freezeView(live);
    await live.unseen((world) => world.put('prod/new', 'other'));
    await live.org.endLease(live.world.device('ada'), live.daemon.machine, id as LeaseId);
    await until(() => live.daemon.status().leases === 0, 'it ends');
  });

  test('#10 #89 a lease’s end is read also while the log cannot be followed', async () => {
    await using live = await start();
    const { id } = await live.lease('prod/db');
    live.liar.bend = { live: (event) => (event.ready ? [event] : []) };
    await push(live, await live.world.draft('org.freeze', { reason: 'x' }, undefined, { frame: { ts: Date.now() + 400_000 } })); // somebody whose clock is ahead
    await live.org.endLease(live.world.device('ada'), live.daemon.machine, id as LeaseId);
    live.liar.cut();
    await until(() => live.daemon.status().relay?.connected === false, 'away');
    live.liar.mend();
    await until(() => live.daemon.status().leases === 0, 'the lease ends');
    expect(live.daemon.problems()).toContain('E_CLOCK');
  });

  test('#68 the high tier: a single approver needs another member who has looked at the log lately', async () => {
    await using live = await start();
    await live.change((world) => world.approvers('prod/db', 1, ['ada'], { tier: 'high', maxStalenessMs: 3_600_000 }));
    await live.change((world) => world.put('prod/db', 'guarded'));
    const asked = live.daemon.release('prod/db');
    await live.approve(asked);
    expect(detailOf(await asked.end)).toBe('E_LOG_STALE');
    await live.org.attest(live.world.device('ada')); // her own word is not another’s
    const again = live.daemon.release('prod/db');
    await live.approve(again);
    expect(detailOf(await again.end)).toBe('E_LOG_STALE');
    await live.org.attest(live.world.device('ben'));
    await until(async () => (await attempt(live)) === 'guarded', 'ben has looked');
    await live.daemon.stop(); // what was attested is still at the relay
    await live.daemon.start();
    await until(async () => (await attempt(live)) === 'guarded', 'a restart finds it again');
  });
});

describe('members that write what they must not', () => {
  test('#17 a checkpoint that states another state: E_CHECKPOINT_STATE', async () => {
    await using live = await start();
    await live.lease('prod/db');
    await push(live, await live.world.draft('checkpoint', { stateHash: 'ab'.repeat(32) as Hash }));
    await expectStopped(live, 'E_CHECKPOINT_STATE');
  });

  test('#18 an entry of another suite or version: E_SUITE', async () => {
    await using live = await start();
    await push(live, await doctored(live, (fields) => fields.set(2, 2)));
    await expectStopped(live, 'E_SUITE');
  });

  test('#19 an entry of an unknown type: E_TYPE_UNKNOWN', async () => {
    await using live = await start();
    await push(live, await doctored(live, (fields) => fields.set(6, 999)));
    await expectStopped(live, 'E_TYPE_UNKNOWN');
  });

  test('#20 #73 an entry of another organisation, or with a hidden recipient, is no entry', async () => {
    await using live = await start();
    await push(live, await doctored(live, (fields) => fields.set(3, new Uint8Array(32).fill(9))));
    expect(await live.get('prod/db')).toBe('correct horse');
  });
});

const attempt = async (live: Live): Promise<string> => {
  const asked = live.daemon.release('prod/db');
  await live.approve(asked);
  const end = await asked.end;
  return end?.event === 'released' ? textOf(end) : detailOf(end)!;
};

async function expectEventually(live: Live, code: string): Promise<void> {
  await halted(live, code);
  expect(existsSync(join(live.daemon.stateDir, 'fork.cbor'))).toBe(false); // a claim is no proof
}

/** Entries that the daemon is not shown yet. */
async function hidden(live: Live, act: () => Promise<unknown>): Promise<void> {
  freezeView(live);
  await live.unseen(act);
}

/** The daemon is shown the log as it is now, for ever. */
function freezeView(live: Live): void {
  const { seq, eh } = live.world.state.head;
  live.liar.bend = {
    read: (page, { stream }) =>
      stream === orgStream(live.world.state.org) ? { head: { ...page.head, seq, eh }, records: page.records.filter((record) => record.seq <= seq) } : page,
    live: (event) => (event.head ? [] : [event]),
  };
}

/** The record of a valid entry on the head, which the world does not take. */
async function branch({ world }: Live): Promise<StreamRecord> {
  const place = { org: world.state.org, stream: orgStream(world.state.org) };
  const bytes = await world.draft('org.freeze', { reason: 'the other branch' });
  const eh = (await world.judge(bytes)).head.eh;
  const blob = await sealRecord(place, world.state.mkEpoch, world.mk.get(world.state.mkEpoch)!, bytes, world.random);
  return { stream: place.stream, seq: world.state.head.seq + 1, prev: world.state.head.eh, eh, blob };
}

/** A member appends signed bytes that no honest client would make. */
async function push(live: Live, bytes: Uint8Array): Promise<void> {
  const { world } = live;
  const place = { org: world.state.org, stream: orgStream(world.state.org) };
  const blob = await sealRecord(place, world.state.mkEpoch, world.mk.get(world.state.mkEpoch)!, bytes, world.random);
  await live.org.client.append({
    stream: place.stream,
    seq: world.state.head.seq + 1,
    prev: world.state.head.eh,
    eh: entryHash(parseEnvelope('entry', bytes, 65_536).payload),
    blob,
  });
}

/** An entry with changed fields, really signed by the founder. */
async function doctored({ world }: Live, change: (fields: Map<number, unknown>) => void): Promise<Uint8Array> {
  const { payload } = parseEnvelope('entry', await world.draft('org.freeze', { reason: 'x' }), 65_536);
  const fields = new Map(decodeItem(payload, 65_536) as ReadonlyMap<number, unknown>); // an entry is a map
  change(fields);
  return signAs(encodeItem(fields as Parameters<typeof encodeItem>[0]), [world.device('ada')]);
}
