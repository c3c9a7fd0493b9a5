// A need as a device and a machine judge it (spec/09-release.md §needs): every wrong one is refused with its code.
import { beforeAll, describe, expect, test } from 'bun:test';
import { World } from '../testing/world.ts';
import type { WorldDevice, WorldMachine } from '../testing/world-people.ts';
import { type WorldRequest, answer, ask, deviceMemory, look, receive } from '../testing/world-release.ts';
import { codeOf } from '../testing/code-of.ts';
import type { Need } from './need.ts';
import { looksLike } from './need.ts';
import type { Request } from './request.ts';

const week = 604_800_000;
let world: World;
let machine: WorldMachine;
let ada: WorldDevice;
beforeAll(async () => {
  world = new World('need');
  await world.genesis();
  await world.addMember('ben', ['approver']);
  machine = await world.addMachine('build-1');
  await world.put('prod/db', 'value');
  ada = world.device('ada');
});

const stripe: Need = { path: 'prod/stripe', where: 'https://dashboard.stripe.com/apikeys', fields: [] };
const needing = (need: Partial<Need> = {}, changes: Partial<Request> = {}, reason = 'the test needs it'): Promise<WorldRequest> =>
  ask(world, machine, [], { reason, lifeMs: week, changes: { need: { ...stripe, ...need }, ...changes } });

describe('at a device', () => {
  test('a need of seven days is shown to a writer', async () => {
    const { request } = await look(world, ada, (await needing()).bytes);
    expect(request.need).toEqual(stripe);
  });

  test.each([
    ['a secret that exists: a need never replaces one', { path: 'prod/db' }, 'E_VERSION'],
    ['a path without a policy', { path: 'dev/x' }, 'E_POLICY'],
    ['a path with a Cyrillic letter', { path: 'prod/strіpe' }, 'E_TEXT'],
    ['a place that turns its direction', { where: 'https://evil\u202e.example' }, 'E_TEXT'],
    ['a place of two lines', { where: 'a\nb' }, 'E_TEXT'],
    ['a place without end', { where: 'x'.repeat(201) }, 'E_TEXT'],
    ['a field that is no name', { fields: ['a b'] }, 'E_TEXT'],
    ['a field twice', { fields: ['a', 'a'] }, 'E_FIELD'],
  ] as const)('[INV-NEED-NEW] [INV-NEED-ASK] refused: %s', async (_, need, code) => {
    expect(await codeOf(look(world, ada, (await needing(need)).bytes))).toBe(code);
  });

  test('[INV-NEED-ASK] refused: a machine that could not ask for it afterwards', async () => {
    const elsewhere = await world.addMachine('build-2');
    await world.append('policy.set', world.policy({ pattern: 'own/**', machines: { any: false, machines: [elsewhere.id], groups: [] } }));
    expect(await codeOf(look(world, ada, (await needing({ path: 'own/x' })).bytes))).toBe('E_NOT_ENTITLED');
  });

  test('refused: no purpose, a second thing in it, more than seven days, not to a writer', async () => {
    expect(await codeOf(look(world, ada, (await needing({}, {}, '')).bytes))).toBe('E_FIELD');
    const { items } = (await ask(world, machine, ['prod/db'])).request;
    expect(await codeOf(look(world, ada, (await needing({}, { items })).bytes))).toBe('E_FIELD');
    const now = world.clock.now();
    expect(await codeOf(look(world, ada, (await needing({}, { issuedAt: now, expiresAt: now + week + 1 })).bytes))).toBe('E_REQ_STALE');
    expect(await codeOf(look(world, world.device('ben'), (await needing()).bytes))).toBe('E_NOT_ELIGIBLE');
    const long = await ask(world, machine, ['prod/db'], { lifeMs: week });
    expect(await codeOf(look(world, ada, long.bytes))).toBe('E_REQ_STALE'); // the long life is for needs only
  });

  test('it may come after younger requests, since it is posted again to who was away', async () => {
    const memory = deviceMemory();
    const [need, release] = [await needing(), await ask(world, machine, ['prod/db'])];
    memory.remember(await look(world, ada, release.bytes, memory));
    expect((await look(world, ada, need.bytes, memory)).request.need).toBeDefined();
  });
});

describe('the answer', () => {
  test('counts days later, with its note', async () => {
    const need = await needing();
    const declined = await answer(world, ada, need, 'deny', { changes: { note: 'use the sandbox' } });
    world.clock.set(world.clock.now() + 3 * 86_400_000);
    expect((await receive(world, need, declined)).answer).toMatchObject({ decision: 'deny', note: 'use the sandbox' });
  });

  test('refused: a note that would deceive, a note on anything else, a time before the need', async () => {
    const need = await needing();
    const coded = async (request: WorldRequest, note: string, ts = world.clock.now()): Promise<unknown> =>
      codeOf(receive(world, request, await answer(world, ada, request, 'deny', { changes: { note, ts } })));
    expect(await coded(need, 'no\u202eon')).toBe('E_TEXT');
    expect(await coded(need, 'x'.repeat(121))).toBe('E_TEXT');
    expect(await coded(await ask(world, machine, ['prod/db']), 'no')).toBe('E_BIND');
    expect(await coded(need, 'no', world.clock.now() - 300_001)).toBe('E_CLOCK');
  });
});

test('paths that a hurried eye takes for one', () => {
  for (const [a, b] of [
    ['prod/strlpe', 'prod/stripe'],
    ['prod/Stripe', 'prod/stripe'],
    ['pr0d/db', 'prod/db'],
    ['prod/frnt', 'prod/fmt'],
    ['prod/api-key', 'prod/apikey'],
  ] as const)
    expect(looksLike(a, b)).toBe(true);
  expect(looksLike('prod/stripe', 'prod/stripe')).toBe(false);
  expect(looksLike('prod/stripe', 'prod/paypal')).toBe(false);
});
