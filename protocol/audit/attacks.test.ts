// Machines with a key of the org that tell a trail so that another is accused, or itself excused (spec/15-audit.md).
import { expect, test } from 'bun:test';
import { encode } from '../codec.ts';
import { secretPutCodec } from '../org-log/bodies.ts';
import { proposalDigest } from '../request.ts';
import { auditOf, startTrail } from '../../testing/world-audit.ts';
import { type WorldMachine } from '../../testing/world-people.ts';
import { ask } from '../../testing/world-release.ts';
import type { World } from '../../testing/world.ts';
import { createAudit } from './audit.ts';
import { createExportReader, exportLines } from './export.ts';

const lease = { ttlS: 900, uses: 10, scope: 'process' } as const;

async function putFor(world: World, machine: WorldMachine): Promise<ReturnType<typeof proposalDigest>> {
  const { put, putEh } = world.secret('prod/db');
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
  const asked = await ask(world, server, [], { changes: { proposal: { blob: digest, digest, path: 'prod/db' } } });
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
