// Hostile devices: every answer that must not count, with its exact code, and the honest one after it (spec/attacks.md).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { verifyEvidence } from '../../protocol/approval.ts';
import { rewrapForMachine, sealSecret } from '../../protocol/custody.ts';
import { type Hash, blobHash } from '../../protocol/hash.ts';
import { kemKeyFrom, sealTo } from '../../protocol/seal.ts';
import { type Live, detailOf, startLive, textOf, until } from '../../testing/live-daemon.ts';
import type { SeenRequest } from '../../testing/live-org.ts';
import { type DoctoredAnswer, answer } from '../../testing/world-release.ts';

let live: Live;
beforeAll(async () => {
  live = await startLive({ members: ['ben', 'eve'], secrets: { 'prod/db': 'correct horse', 'prod/api': 'second' } });
  await live.change((world) => world.approvers('prod/db', 1, ['ada', 'ben']));
  await live.change((world) => world.put('prod/db', 'correct horse'));
  await live.change((world) => world.put('prod/api', 'second'));
});
beforeEach(() => void (live.daemon.log.length = 0));
afterAll(() => live[Symbol.asyncDispose]());

const other = 'ab'.repeat(32) as Hash;
type Attack = (seen: SeenRequest) => DoctoredAnswer;
const lies: readonly (readonly [what: string, code: string, how: Attack])[] = [
  ['#5 an approval of another request', 'E_BIND', () => ({ changes: { rh: other } })],
  ['#20 an approval of another organisation', 'E_ORG', () => ({ changes: { org: other as string as SeenRequest['verified']['request']['org'] } })],
  ['#31 a share of its own choosing', 'E_SHARE_COMMIT', () => ({ share: () => new Uint8Array(32) })],
  ['#31 a share with one bit changed', 'E_SHARE_COMMIT', () => ({ share: (share) => share.map((byte, at) => (at === 7 ? byte ^ 1 : byte)) })],
  ['#70 in the name of another member', 'E_NOT_ELIGIBLE', () => ({ changes: { member: live.world.member('ben').id } })],
  ['#70 in the name of another device', 'E_NOT_ELIGIBLE', () => ({ changes: { device: live.world.device('ben').id } })],
  ['#74 a longer lease than was asked for', 'E_LEASE_BOUNDS', () => ({ lease: { ttlS: 600, uses: 10, scope: 'process' } })],
  ['#89 a clock that is six minutes fast', 'E_CLOCK', () => ({ changes: { ts: Date.now() + 360_000 } })],
  ['#89 a clock that is six minutes slow', 'E_CLOCK', () => ({ changes: { ts: Date.now() - 360_000 } })],
  ['#96 a gesture made for another site', 'E_WEBAUTHN', () => ({ assertion: { origin: 'https://evil.example' } })],
  ['#96 a gesture made for a sibling subdomain', 'E_WEBAUTHN', () => ({ assertion: { origin: 'https://evil.console.example' } })],
  ['#96 a gesture for another relying party', 'E_WEBAUTHN', () => ({ assertion: { rpId: 'example' } })],
  ['#96 a gesture in a foreign frame', 'E_WEBAUTHN', () => ({ assertion: { client: { crossOrigin: true } } })],
  ['#96 a gesture without user verification', 'E_WEBAUTHN', () => ({ assertion: { flags: 0x19 } })],
  ['#96 a gesture without user presence', 'E_WEBAUTHN', () => ({ assertion: { flags: 0x1c } })],
  ['#96 a registration instead of a gesture', 'E_WEBAUTHN', () => ({ assertion: { client: { type: 'webauthn.create' } } })],
  ['#96 a gesture over something else', 'E_WEBAUTHN', () => ({ assertion: { challenge: new Uint8Array(32) } })],
  ['#88 another card than the gesture was made for', 'E_WEBAUTHN', () => ({ forged: { card: other } })],
  ['#75 a lease that was changed after the gesture', 'E_WEBAUTHN', () => ({ forged: { lease: { ttlS: 0, uses: 1, scope: 'machine' } } })],
  ['an approval signed with the key that may only deny', 'E_SIGNATURE', () => ({ signer: live.world.device('ada').presence })],
  ['an approval signed by another member', 'E_NOT_ELIGIBLE', () => ({ signer: live.world.device('ben').sig })],
  [
    'an approval signed by nobody of the organisation',
    'E_SIGNATURE',
    () => ({ signer: live.world.machines.get('none')?.sig ?? live.world.device('ada').passkey }),
  ],
];

describe('an answer that must not count', () => {
  test.each(lies)('%s: %s, and the honest one after it does', async (_, code, how) => {
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    await live.org.decide(seen, 'approve', how(seen));
    await until(() => live.daemon.problems().length > 0, 'it is refused');
    expect(live.daemon.problems()).toEqual([code]);
    expect(asked.events.map(({ event }) => event)).toEqual(['waiting']);
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('correct horse');
  });

  test('#3 an approval of a request that is done, sealed to a new one: E_REPLAY', async () => {
    const done = await live.approve(live.daemon.release('prod/db'));
    await until(
      async () => (await live.org.receipts(live.daemon.machine)).some(({ receipt }) => receipt.requestId === done.verified.request.requestId),
      'it is done',
    );
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked);
    // A device can put what it signed for the old request into an envelope for the new one.
    const mine = await kemKeyFrom(new Uint8Array(32).fill(7));
    const old = { ...done.verified, request: { ...done.verified.request, epk: mine.publicKey } };
    const { org, epk } = seen.verified.request;
    const signed = await mine.open('apr', org, [done.verified.rh], await answer(live.world, seen.device, old, 'approve'));
    await live.org.reply(seen, await sealTo(epk, 'apr', org, [seen.verified.rh], signed));
    await until(() => live.daemon.problems().length > 0, 'it is refused');
    expect(live.daemon.problems()).toEqual(['E_REPLAY']);
    asked.leave();
  });

  test('#5 an approval made for one request, posted to another: it does not even open', async () => {
    const first = live.daemon.release('prod/db');
    const one = await live.seen(first);
    const second = live.daemon.release('prod/db');
    const two = await live.seen(second);
    await live.org.reply(two, await answer(live.world, one.device, one.verified, 'approve'));
    await until(() => live.daemon.problems().length > 0, 'it is refused');
    expect(live.daemon.problems()).toEqual(['E_BIND']);
    first.leave();
    second.leave();
  });

  test('#5 shares in another order than the secrets: E_BIND', async () => {
    const asked = live.daemon.release({ items: [{ path: 'prod/db' }, { path: 'prod/api' }] });
    const seen = await live.seen(asked);
    const { items } = seen.verified;
    await live.org.reply(seen, await answer(live.world, seen.device, { ...seen.verified, items: items.toReversed() }, 'approve'));
    await until(() => live.daemon.problems().length > 0, 'it is refused');
    expect(live.daemon.problems()).toEqual(['E_BIND']);
    asked.leave();
  });

  test('#70 one member with two devices is one person: E_QUORUM_DUP', async () => {
    await live.change(async (world) => {
      await world.addDevice('ada');
      await world.append(
        'policy.set',
        world.policy({ pattern: 'two/**', clauses: [{ k: 2, members: ['ada', 'ben'].map((name) => world.member(name).id), groups: [] }] }),
      );
      await world.put('two/secret', 'both');
    });
    const asked = live.daemon.release('two/secret');
    const seen = await live.approve(asked);
    await asked.next('approved');
    const [, laptop] = live.world.member('ada').devices;
    await live.org.decide({ ...seen, device: laptop! }, 'approve');
    await until(() => live.daemon.problems().length > 0, 'it is refused');
    expect(live.daemon.problems()).toEqual(['E_QUORUM_DUP']);
    await live.approve(asked, 'ben');
    expect(textOf(await asked.end)).toBe('both');
  });

  test('a member whom the policy does not name: E_NOT_ELIGIBLE', async () => {
    const asked = live.daemon.release('prod/api');
    const seen = await live.seen(asked);
    await live.org.decide({ ...seen, device: live.world.device('eve') }, 'deny');
    await until(() => live.daemon.problems().length > 0, 'it is refused');
    expect(live.daemon.problems()).toEqual(['E_NOT_ELIGIBLE']);
    asked.leave();
  });

  test('a device that was revoked while the request waits: E_REVOKED', async () => {
    const phone = await (async () => {
      await live.change((world) => world.addDevice('ben', 'ben’s old phone'));
      return live.world.member('ben').devices.at(-1)!;
    })();
    await live.change((world) => world.put('prod/db', 'correct horse'));
    const asked = live.daemon.release('prod/db');
    const seen = await live.seen(asked, 'ben');
    const sealed = await answer(live.world, phone, seen.verified, 'approve');
    await live.change((world) => world.append('device.revoke', { device: phone.id, exposed: [] }));
    await live.org.reply(seen, sealed);
    await until(() => live.daemon.problems().length > 0, 'it is refused');
    expect(live.daemon.problems()).toEqual(['E_REVOKED']);
    await live.org.decide(seen, 'approve');
    expect(textOf(await asked.end)).toBe('correct horse');
  });

  test('an approver who is revoked after approving, before the second one approves, does not count any more', async () => {
    const asked = live.daemon.release('two/secret');
    await live.approve(asked, 'ben');
    await asked.next('approved');
    await live.change((world) => world.append('device.revoke', { device: live.world.device('ben').id, exposed: [] }));
    await live.approve(asked, 'ada').catch(() => undefined);
    expect(detailOf(await asked.end)).toBe('E_QUORUM'); // ben cannot approve any more, and two are needed
  });
});

test('one of three approves, is revoked, and two others approve: only those two count', async () => {
  await using other = await startLive({ members: ['ben', 'eve'] });
  await other.change((world) => world.approvers('prod/x', 2, ['ada', 'ben', 'eve']));
  await other.change((world) => world.put('prod/x', 'three'));
  const asked = other.daemon.release('prod/x');
  await other.approve(asked, 'ben');
  await asked.next('approved');
  await other.change((world) => world.append('device.revoke', { device: world.device('ben').id, exposed: [] }));
  await other.approve(asked, 'ada');
  await until(() => asked.events.filter(({ event }) => event === 'approved').length === 2, 'ada counts');
  expect(asked.events.at(-1)).toMatchObject({ event: 'approved', member: 'ada', have: 1, needed: 2 });
  await other.approve(asked, 'eve');
  expect((await asked.next('released')).approved_by.toSorted()).toEqual(['ada', 'eve']);
});

const python = spawnSync('python3', ['--version']).status === 0;
test.skipIf(!python)('#39 the requester becomes another program while people decide, and keeps its connection: E_EXE_HASH', async () => {
  const program = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.set_inheritable(True)
body = b'{"items":[{"path":"prod/db"}]}'
s.sendall(b'POST /v1/release HTTP/1.1\\r\\nhost: d\\r\\ncontent-length: %d\\r\\n\\r\\n' % len(body) + body)
os.read(0, 1)
os.execv('/bin/sh', ['sh', '-c', 'cat <&%d' % s.fileno()])`;
  await using child = Bun.spawn(['python3', '-c', program, live.daemon.socketPath], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' });
  const seen = await newest();
  expect(seen.verified.request.observed.pid).toBe(child.pid);
  void child.stdin.write('x');
  await child.stdin.flush();
  await until(() => !readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').startsWith('python3'), 'it is another program');
  await live.org.decide(seen, 'approve');
  const reader = child.stdout.getReader();
  let said = '';
  await until(async () => (said += Buffer.from((await reader.read()).value ?? []).toString()).includes('E_EXE_HASH'), 'it is refused');
  expect(said).not.toContain('released');
});

/** The newest request at ada’s phone that is still undecided. */
async function newest(): Promise<SeenRequest> {
  for (;;) {
    const seen = await live.org.nextRequest(live.world.device('ada'));
    if (seen.verified.request.claimed.agent === '' && live.daemon.status().pending > 0 && seen.verified.request.observed.pid !== process.pid) return seen;
  }
}

test('#72 a writer who gave this machine another half than the people’s: E_KEY_COMMIT, and nothing leaves', async () => {
  await live.change(async (world) => {
    const before = world.secret('prod/api');
    const value = { kind: 'value', value: new TextEncoder().encode('poison') } as const;
    const input = { secret: before.id, path: before.path, ver: before.put.ver + 1, prevVerEh: before.putEh, value, description: '' };
    const { put, blobs } = await sealSecret(world.state, input, world.random);
    const { entry, blob } = await rewrapForMachine(world.state, { ...before, put }, live.daemon.machine, world.random(32));
    for (const each of [...blobs, blob]) world.blobs.set(blobHash(each), each);
    await world.append('secret.put', {
      ...put,
      wraps: put.wraps.map((wrap) => (wrap.recipient === live.daemon.machine ? { ...wrap, wrap: entry.wrap } : wrap)),
    });
  });
  const asked = live.daemon.release('prod/api');
  await live.approve(asked);
  expect(detailOf(await asked.end)).toBe('E_KEY_COMMIT');
  expect(asked.events.map(({ event }) => event)).not.toContain('released');
});

test('the evidence in a receipt proves the approval to anybody with the log', async () => {
  const chain = await live.org.receipts(live.daemon.machine);
  const released = chain.filter(({ receipt }) => receipt.outcome === 'released');
  expect(released.length).toBeGreaterThan(10);
  for (const { receipt } of released) for (const evidence of receipt.evidence) await verifyEvidence(live.world.state, receipt.rh, evidence);
});
