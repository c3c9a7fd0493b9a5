// Machines with a key of the org that tell a trail so that another is accused, or itself excused (spec/15-audit.md).
import { expect, test } from 'bun:test';
import { verifyAnswer } from '../approval.ts';
import { encode } from '../codec.ts';
import { secretPutCodec } from '../org-log/bodies.ts';
import { proposalDigest } from '../proposal.ts';
import { auditOf, startTrail } from '../../testing/world-audit.ts';
import { type WorldMachine } from '../../testing/world-people.ts';
import { answer, ask, receive } from '../../testing/world-release.ts';
import type { World } from '../../testing/world.ts';
import { createAudit } from './audit.ts';
import { createExportReader, exportLines } from './export.ts';

const lease = { ttlS: 900, uses: 10, scope: 'process' } as const;

async function putFor(world: World, machine: WorldMachine, path = 'prod/db'): Promise<ReturnType<typeof proposalDigest>> {
  const { put, putEh } = world.secret(path);
  const next = { ...put, ver: 2, prevVerEh: putEh, proposedBy: machine.id };
  await world.append('secret.put', next);
  return proposalDigest(encode(secretPutCodec, next));
}

test('a machine that names another’s lease or request accuses nobody but itself', async () => {
  const { world, trail } = await startTrail();
  const [laptop, server] = [world.machine('laptop'), world.machine('server')];
  const honest = await trail.release(laptop, ['prod/db'], ['ada'], { lease });
  if (!honest.lease) throw new Error('no lease');
  const requestId = 'cd'.repeat(16) as typeof honest.request.requestId; // an id that both name
  await trail.release(server, ['prod/db'], ['ada'], { lease, told: { lease: honest.lease } });
  await trail.release(server, ['prod/db'], ['ada'], { changes: { requestId } });
  await trail.release(laptop, ['prod/db'], ['ada'], { changes: { requestId } });
  await trail.receipt(laptop, { outcome: 'used', requestId: honest.request.requestId, rh: honest.rh, lease: honest.lease, note: '1 uses; 2 in all' });
  const { findings } = await auditOf(world.state.org, await trail.export(laptop));
  expect(findings.filter(({ machine }) => machine?.name === 'laptop')).toEqual([]);
});

test('a machine’s word about another’s proposal does not stand for that one’s', async () => {
  const { world, trail } = await startTrail();
  const [laptop, server] = [world.machine('laptop'), world.machine('server')];
  const digest = await putFor(world, laptop);
  const asked = await ask(world, server, [], { changes: { proposal: { blob: digest, puts: [{ path: 'prod/db', digest }] } } });
  await trail.receipt(server, { outcome: 'stored', requestId: asked.request.requestId, rh: asked.rh, request: asked.bytes });
  world.clock.advance(61_000);
  const { findings } = await auditOf(world.state.org, await trail.export(server));
  expect(findings.map(({ code, machine }) => [code, machine?.name])).toEqual([
    ['E_NO_APPROVAL', 'server'],
    ['E_NO_RECEIPT', 'laptop'],
  ]);
});

test('an export that its machine dates back excuses nothing', async () => {
  const { world, trail } = await startTrail();
  const laptop = world.machine('laptop');
  await putFor(world, laptop);
  world.clock.advance(600_000);
  await world.append('org.freeze', { reason: 'drill' });
  await trail.export(laptop);
  async function* parts(): AsyncGenerator<(typeof trail.parts)[number]> {
    yield* trail.parts;
  }
  const codes: string[] = [];
  const reader = createExportReader(
    world.state.org,
    createAudit({ org: world.state.org, onRow: () => undefined, onFinding: ({ code }) => void codes.push(code) }),
  );
  const by = { org: world.state.org, machine: laptop.id, sig: laptop.sig, now: () => 1, head: () => world.state.head };
  for await (const line of exportLines(parts(), by)) await reader.line(JSON.stringify(line));
  reader.finish();
  expect(codes).toEqual(['E_NO_RECEIPT']);
});

test('released after the request was over, to a machine that may not ask, on the word of a device that saw another history', async () => {
  const { world, trail } = await startTrail();
  const [laptop, server] = [world.machine('laptop'), world.machine('server')];
  await world.append('policy.set', world.policy({ pattern: 'own/**', machines: { any: false, machines: [server.id], groups: [] } }));
  await world.put('own/key', 'value');
  const codes = async (): Promise<readonly string[]> => (await auditOf(world.state.org, await trail.export(server))).codes;
  await trail.release(laptop, ['own/key'], ['ada']);
  expect(await codes()).toEqual(['E_NOT_ENTITLED']);
  const late = await ask(world, server, ['own/key']);
  const { evidence } = await receive(world, late, await answer(world, world.device('ada'), late, 'approve'));
  const about = { outcome: 'released', requestId: late.request.requestId, rh: late.rh, request: late.bytes, evidence: [evidence] } as const;
  await trail.receipt(server, { ...about, ts: late.request.expiresAt + 300_001 });
  expect(await codes()).toEqual(['E_NOT_ENTITLED', 'E_EXPIRED']);
  const asked = await ask(world, server, ['own/key']);
  const head = { seq: 1, eh: 'ab'.repeat(32) as typeof world.state.head.eh }; // no entry's hash
  const sealed = await answer(world, world.device('ada'), asked, 'approve', { changes: { head } });
  const blind = await verifyAnswer(world.state, () => head.eh, asked.pending, sealed, world.clock.now());
  await trail.receipt(server, { ...about, requestId: asked.request.requestId, rh: asked.rh, request: asked.bytes, evidence: [blind.evidence] });
  expect(new Set((await codes()).slice(2))).toEqual(new Set(['E_FORK', 'E_NO_APPROVAL']));
});

test('an end by a machine that had seen more, or that names another machine', async () => {
  const { world, trail } = await startTrail();
  const [laptop, server] = [world.machine('laptop'), world.machine('server')];
  const lines = await trail.export(laptop);
  await world.append('org.freeze', { reason: 'drill' });
  const signed = async (machine: typeof server.id, head: typeof world.state.head): Promise<readonly string[]> => {
    const given = trail.parts.slice();
    async function* parts(): AsyncGenerator<(typeof given)[number]> {
      yield* given;
    }
    const told: string[] = [];
    for await (const line of exportLines(parts(), { org: world.state.org, machine, sig: laptop.sig, now: world.clock.now, head: () => head }))
      told.push(JSON.stringify(line));
    return (await auditOf(world.state.org, told)).codes;
  };
  const { state } = world;
  expect((await auditOf(state.org, lines)).codes).toEqual([]);
  expect(await signed(laptop.id, state.head)).toEqual(['E_HEAD_AHEAD']);
  expect(await signed(server.id, { seq: 0, eh: world.history(0) ?? state.head.eh })).toEqual(['E_ORG']);
});

test('one receipt for several versions names each of them, and none that the log does not have', async () => {
  const { world, trail } = await startTrail();
  const laptop = world.machine('laptop');
  const [db, key] = [await putFor(world, laptop), await putFor(world, laptop, 'team/key')];
  const tell = async (puts: readonly { readonly path: string; readonly digest: typeof db }[]): Promise<void> => {
    const asked = await ask(world, laptop, [], { changes: { proposal: { blob: db, puts } } });
    await trail.receipt(laptop, { outcome: 'stored', requestId: asked.request.requestId, rh: asked.rh, request: asked.bytes });
    world.clock.advance(61_000);
  };
  const codes = async (): Promise<readonly string[]> =>
    (await auditOf(world.state.org, await trail.export(world.machine('server')))).findings.map(({ code }) => code);
  await tell([{ path: 'prod/db', digest: db }]);
  expect(await codes()).toEqual(['E_NO_RECEIPT']); // of the other one
  await tell([
    { path: 'prod/db', digest: db },
    { path: 'team/key', digest: key },
  ]);
  expect(await codes()).toEqual([]);
  await tell([
    { path: 'prod/db', digest: db },
    { path: 'prod/none', digest: 'ab'.repeat(32) as typeof db }, // of no version
  ]);
  expect(await codes()).toEqual(['E_NO_APPROVAL']);
});
