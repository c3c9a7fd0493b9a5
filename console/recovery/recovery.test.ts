// The recovery kit through the console’s own device against a real relay: made, drilled, lost phones, delays, freezes, and what the attacker of row 78 finds.
import { describe, expect, test } from 'bun:test';
import { decode, encode } from '../../protocol/codec.ts';
import type { MemberId, OrgId } from '../../protocol/hash.ts';
import { type KitShare, combineKit, formatShare, kitId, kitKeys } from '../../protocol/recovery.ts';
import { paths, streamPageCodec } from '../../protocol/wire.ts';
import { createRelayClient } from '../../relay-client/client.ts';
import type { SoftMachine } from '../../testing/soft-machine.ts';
import { type SoftPerson, type SoftWorld, joined, softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';
import { formsOf, tracesIn } from '../../testing/traces.ts';
import type { Role } from '../../protocol/org-log/bodies.ts';
import type { KitTerms, OpenedKit } from './contract.ts';

const code = (expected: string): object => ({ failure: { code: expected } });
const textOf = (secret: { readonly kind: string; readonly value?: Uint8Array }): string => new TextDecoder().decode(secret.value);
const dayMs = 86_400_000;
const twoOfThree: KitTerms = { t: 2, m: 3, delayMs: 0 };

/** Copies: what `make` gave is wiped by whoever showed it. */
async function makeKit({ app }: SoftPerson, terms: KitTerms): Promise<readonly KitShare[]> {
  const sheets = await (await app.recovery()).make(terms);
  const copies = sheets.shares.map((share) => ({ ...share, share: share.share.slice() }));
  expect(await sheets.set()).toBe('done');
  return copies;
}
async function open(world: SoftWorld, person: SoftPerson, org: string, shares: readonly KitShare[]): Promise<OpenedKit> {
  return (await person.app.recovery()).open({ org, relay: world.relay.url, shares });
}
const orgOf = ({ app }: SoftPerson): string => app.org()?.id ?? '';
const memberOf = (kit: OpenedKit, name: string): MemberId => {
  const found = kit.members.find((member) => member.name === name);
  if (!found) throw new Error(`no ${name}`);
  return found.id;
};
const comeBack = (kit: OpenedKit, name = 'ada', device = 'new phone'): Promise<'waiting' | 'in'> =>
  kit.announce({ who: memberOf(kit, name), deviceName: device, reason: 'phone lost' }, () => undefined);
async function release(machine: SoftMachine, person: SoftPerson, path: string): Promise<readonly string[]> {
  const asked = await machine.ask([path]);
  const card = await until(person.app, () => person.app.org()?.inbox.find(({ requestId }) => requestId === asked.request.requestId), 'the card');
  await person.app.approve(card.requestId, card.lease, undefined, () => undefined);
  return (await machine.open(asked, await machine.answers(asked))).map(textOf);
}

test('[INV-RECOVERY-RESEAL] losing the only phone: an org of one comes back by its kit, and a secret is released again', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'old/before', value: value('before the kit'), description: '' });
  const gestures = ada.platform.authenticator.gestures;
  const sheets = await makeKit(ada, twoOfThree);
  expect(ada.platform.authenticator.gestures - gestures).toBe(1);
  await ada.app.putSecret({ path: 'prod/db', value: value('still mine'), description: 'the database' });
  const kept = await (await ada.app.recovery()).status();
  expect(kept).toMatchObject({ ...twoOfThree, isComplete: true, missing: ['old/before'], kit: sheets[0]?.kit });
  const org = orgOf(ada);
  ada.app.close(); // and the phone is at the bottom of the lake

  const fresh = world.browser();
  const kit = await open(world, fresh, org, sheets.slice(1));
  expect(kit).toMatchObject({ org: { id: org, name: 'Analytical Engines' }, delayMs: 0, frozen: false, members: [{ name: 'ada', devices: 1 }] });
  const steps: string[] = [];
  expect(await kit.announce({ who: memberOf(kit, 'ada'), deviceName: 'ada’s next phone', reason: 'phone in the lake' }, (step) => steps.push(step))).toBe('in');
  expect(steps).toEqual(['registering', 'passkey-created', 'passkey-verified', 'in']);
  expect(fresh.platform.authenticator.gestures).toBe(3);
  expect(fresh.app.org()).toMatchObject({ me: { name: 'ada', device: 'ada’s next phone', roles: ['admin', 'approver', 'writer'] } });

  const lost = fresh.app.org()?.members[0]?.devices.find(({ me }) => !me);
  if (lost) await fresh.app.revokeDevice(lost.id);
  const recovery = await fresh.app.recovery();
  const { reseal, rules, isKitHere } = recovery.walk();
  expect(reseal.map(({ path, state }) => [path, state])).toEqual([
    ['old/before', 'no-kit'],
    ['prod/db', 'ready'],
  ]);
  expect([rules, isKitHere]).toEqual([[], true]);
  const done: number[] = [];
  const ready = reseal.filter(({ state }) => state === 'ready').map(({ id }) => id);
  expect(await recovery.reseal(ready, (count) => done.push(count), new AbortController().signal)).toEqual({ done: 1, failed: [] });
  expect(done.at(-1)).toBe(1);
  expect(recovery.walk().reseal.map(({ path }) => path)).toEqual(['old/before']);
  expect(fresh.app.org()?.secrets.find(({ path }) => path === 'prod/db')).toMatchObject({ version: 2, description: 'the database' });
  expect(await release(laptop, fresh, 'prod/db')).toEqual(['still mine']);
});

test('[INV-RECOVERY-RESEAL] sealing anew goes in batches, stops between them, goes on after a reload with the sheets, and leaves what others renewed', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  const sheets = await makeKit(ada, { t: 1, m: 1, delayMs: 0 });
  const paths = Array.from({ length: 35 }, (_, index) => `prod/key-${String(index).padStart(2, '0')}`);
  for (const path of paths) await ada.app.putSecret({ path, value: value(`of ${path}`), description: '' });
  const org = orgOf(ada);
  ada.app.close();
  const fresh = world.browser();
  await comeBack(await open(world, fresh, org, sheets));
  const first = await fresh.app.recovery();
  const stop = new AbortController();
  const before = fresh.platform.authenticator.gestures;
  const ids = first.walk().reseal.map(({ id }) => id);
  expect(ids).toHaveLength(35);
  expect(await first.reseal(ids, () => stop.abort(), stop.signal)).toEqual({ done: 32, failed: [] });
  expect(fresh.platform.authenticator.gestures - before).toBe(1);
  // A writer types one of those that are left: it is not sealed over.
  await fresh.app.putSecret({ path: 'prod/key-33', value: value('typed anew'), description: '' });

  const again = world.reload(fresh);
  await until(again.app, () => (again.app.org()?.online ? true : undefined), 'the page to be back');
  const second = await again.app.recovery();
  expect(second.walk()).toMatchObject({ isKitHere: false });
  await expect(second.reseal(ids, () => undefined, new AbortController().signal)).rejects.toMatchObject(code('E_RECOVERY'));
  await second.hold(sheets);
  expect(second.walk().reseal.map(({ path }) => path)).toEqual(['prod/key-32', 'prod/key-34']);
  expect(await second.reseal(ids, () => undefined, new AbortController().signal)).toMatchObject({ failed: [] });
  expect(second.walk().reseal).toEqual([]);
  expect(again.app.org()?.secrets.map(({ version }) => version)).toEqual(paths.map(() => 2));
  second.forget();
  expect(second.walk().isKitHere).toBe(false);
  expect(await release(laptop, again, 'prod/key-34')).toEqual(['of prod/key-34']);
  expect(await release(laptop, again, 'prod/key-33')).toEqual(['typed anew']);
}, 20_000);

describe('a kit with a delay', () => {
  async function orgOfTwo(): Promise<{ world: SoftWorld; ada: SoftPerson; ben: SoftPerson; sheets: readonly KitShare[] } & AsyncDisposable> {
    const world = await softWorld();
    const ada = await world.founder();
    const ben = await joined(world, ada, 'ben');
    const id = ada.app.org()?.members.find(({ name }) => name === 'ben')?.id;
    const roles: readonly Role[] = ['admin', 'approver', 'writer'];
    if (id) await ada.app.setRoles(id, roles);
    const sheets = await makeKit(ada, { t: 1, m: 1, delayMs: dayMs });
    return { world, ada, ben, sheets, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
  }

  test('[INV-RECOVERY-DELAY] it waits, is refused before, survives a reload, and is shown to everybody', async () => {
    await using at = await orgOfTwo();
    const { world, ada, ben, sheets } = at;
    const org = orgOf(ada);
    const fresh = world.browser();
    const kit = await open(world, fresh, org, sheets);
    expect(await comeBack(kit)).toBe('waiting');
    const gestures = fresh.platform.authenticator.gestures;
    await expect(kit.finish()).rejects.toMatchObject(code('E_RECOVERY_WAIT'));
    expect(fresh.platform.authenticator.gestures).toBe(gestures);
    const seen = await until(ben.app, () => ben.app.org()?.recovering, 'ben to be told');
    expect(seen).toMatchObject({ name: 'ada', isNew: false, device: 'new phone', reason: 'phone lost' });
    expect(seen.effectiveAt - seen.at).toBe(dayMs);

    const again = world.reload(fresh);
    await until(again.app, () => (again.app.phase().kind === 'recovering' ? true : undefined), 'the waiting page');
    expect(again.app.phase()).toMatchObject({ waiting: { orgName: 'Analytical Engines', name: 'ada', state: 'waiting' } });
    world.clock.advance(dayMs);
    const typedAgain = await open(world, again, org, sheets);
    expect(typedAgain.recovering).toMatchObject({ mine: true });
    await typedAgain.finish();
    expect(again.app.phase().kind).toBe('ready');
    expect(again.app.org()).toMatchObject({ me: { name: 'ada', device: 'new phone' } });
    expect(again.app.org()?.recovering).toBeUndefined();
  });

  test('[INV-RECOVERY-STOP] row 78: another admin’s freeze stops it, and whoever used the kit learns that', async () => {
    await using at = await orgOfTwo();
    const { world, ada, ben, sheets } = at;
    const org = orgOf(ada);
    const thief = world.browser();
    const kit = await open(world, thief, org, sheets);
    await comeBack(kit, 'ada', 'thief’s phone');
    await until(ben.app, () => ben.app.org()?.recovering, 'ben to be told');
    await ben.app.freeze('none of us did this');
    expect(ben.app.org()?.recovering).toBeUndefined();
    thief.platform.comeBack();
    await until(thief.app, () => waitingState(thief) === 'stopped' || undefined, 'the thief to be told');
    world.clock.advance(dayMs);
    await expect(kit.finish()).rejects.toMatchObject(code('E_RECOVERY'));
    const later = await open(world, thief, org, sheets);
    expect(later.frozen).toBe(true);
    await expect(comeBack(later)).rejects.toMatchObject(code('E_FROZEN'));
    await thief.app.stopRecovering();
    expect(thief.app.phase()).toEqual({ kind: 'welcome' });
  });

  test('row 78: a relay that hides the use from one admin is told on by the heads of the others', async () => {
    await using at = await orgOfTwo();
    const { world, ada, ben, sheets } = at;
    const org = orgOf(ada);
    const known = ada.app.org()?.head ?? 0;
    await until(ben.app, () => (ben.app.org()?.head === known ? true : undefined), 'ben to have read what there is');
    ben.platform.wire = async (url, _init, pass) => {
      const answer = await pass();
      if (!url.endsWith(paths.read) || answer.status !== 200) return answer;
      const { records, head } = decode(streamPageCodec, new Uint8Array(await answer.arrayBuffer()), 4 * 1_048_576);
      const shown = records.filter(({ seq }) => seq <= known);
      const last = shown.at(-1);
      return new Response(new Uint8Array(encode(streamPageCodec, { records: shown, head: last ? { ...head, seq: last.seq, eh: last.eh } : head })));
    };
    await comeBack(await open(world, world.browser(), org, sheets));
    await until(ada.app, () => ada.app.org()?.recovering, 'ada to be told');
    expect(ben.app.org()?.recovering).toBeUndefined();
    // A device says at least every six hours which log it has seen.
    world.clock.advance(7 * 3_600_000);
    const said = Promise.withResolvers<void>();
    ada.platform.wire = async (url, _init, pass) => {
      const answer = await pass();
      if (url.endsWith(paths.mail)) said.resolve();
      return answer;
    };
    ada.platform.comeBack();
    await said.promise;
    ben.platform.comeBack();
    await until(ben.app, () => (ben.app.org()?.notice?.code === 'E_HEAD_AHEAD' ? true : undefined), 'ben to be told that something is held back');
    expect(ben.app.org()?.recovering).toBeUndefined();
  });

  test('a new person comes in, as admin, where nobody of the old ones is left', async () => {
    await using at = await orgOfTwo();
    const { world, ada, sheets } = at;
    const fresh = world.browser();
    const kit = await open(world, fresh, orgOf(ada), sheets);
    await kit.announce({ who: { name: 'cleo' }, deviceName: 'cleo’s phone', reason: 'both left' }, () => undefined);
    world.clock.advance(dayMs);
    await kit.finish();
    expect(fresh.app.org()).toMatchObject({ me: { name: 'cleo', roles: ['admin', 'approver', 'writer'] } });
  });

  test('once the org renewed its key, only the kit can read on, and it still finishes', async () => {
    await using at = await orgOfTwo();
    const { world, ada, sheets } = at;
    const org = orgOf(ada);
    const fresh = world.browser();
    await comeBack(await open(world, fresh, org, sheets));
    const laptop = await world.machine(ada);
    await ada.app.revokeMachine(laptop.id);
    fresh.platform.comeBack();
    await until(fresh.app, () => waitingState(fresh) === 'unseen' || undefined, 'the page to say that it cannot see');
    world.clock.advance(dayMs);
    await (await open(world, fresh, org, sheets)).finish();
    expect(fresh.app.org()?.machines.map(({ name }) => name)).toEqual(['laptop']);
  });

  test('[INV-RECOVERY-ALONE] without a delay is refused where somebody else is in the org', async () => {
    await using at = await orgOfTwo();
    const recovery = await at.ada.app.recovery();
    await expect(recovery.make(twoOfThree)).rejects.toMatchObject(code('E_KIT_DELAY'));
  });
});

const waitingState = ({ app }: SoftPerson): string | undefined => {
  const phase = app.phase();
  return phase.kind === 'recovering' ? phase.waiting.state : undefined;
};

describe('row 78 what the wrong sheets give', () => {
  test('too few, one twice, of two kits, of a kit that was replaced, for another org', async () => {
    await using world = await softWorld();
    const ada = await world.founder();
    const old = await makeKit(ada, twoOfThree);
    const sheets = await makeKit(ada, twoOfThree);
    const org = orgOf(ada);
    const thief = world.browser();
    const attempt = (shares: readonly (KitShare | undefined)[], of = org): Promise<unknown> =>
      open(
        world,
        thief,
        of,
        shares.flatMap((share) => share ?? []),
      );
    await expect(attempt([])).rejects.toMatchObject(code('E_QUORUM'));
    await expect(attempt([sheets[0]])).rejects.toMatchObject(code('E_QUORUM'));
    await expect(attempt([sheets[0], sheets[0]])).rejects.toMatchObject(code('E_KIT_MIX'));
    await expect(attempt([sheets[0], old[1]])).rejects.toMatchObject(code('E_KIT_MIX'));
    await expect(attempt([sheets[0], old[1] && { ...old[1], kit: kitId(new Uint8Array(65)) }])).rejects.toMatchObject(code('E_KIT_MIX'));
    await expect(attempt(old)).rejects.toMatchObject(code('E_KIT_UNKNOWN'));
    await expect(attempt(sheets, '11'.repeat(32))).rejects.toMatchObject(code('E_KIT_UNKNOWN'));
    await expect(attempt(sheets, 'no id')).rejects.toMatchObject(code('E_ORG'));
    expect(await attempt(sheets)).toMatchObject({ org: { id: org } });
  });

  test('[INV-RECOVERY-DRILL] a drill proves this kit, tells of an older one, and changes nothing in the log', async () => {
    await using world = await softWorld();
    const ada = await world.founder();
    const old = await makeKit(ada, twoOfThree);
    const sheets = await makeKit(ada, twoOfThree);
    const recovery = await ada.app.recovery();
    const head = ada.app.org()?.head;
    await recovery.drill(sheets.slice(0, 2));
    await expect(recovery.drill(old)).rejects.toMatchObject(code('E_KIT_MIX'));
    await expect(recovery.drill(sheets.slice(0, 1))).rejects.toMatchObject(code('E_QUORUM'));
    expect(ada.app.org()?.head).toBe(head);
    expect((await recovery.status())?.lastDrill).toBeGreaterThan(0);
    await makeKit(ada, twoOfThree);
    expect((await recovery.status())?.lastDrill).toBeUndefined();
    // Whoever has the browser that registered a kit can shut it out at the relay: the drill says so.
    const lastKit = await makeKit(ada, twoOfThree);
    const stored = await ada.platform.storage.load();
    if (stored.kind !== 'held') throw new Error('no keys');
    const { fetch, now, random } = ada.platform;
    const client = createRelayClient({ url: world.relay.url, org: orgOf(ada) as OrgId, signer: stored.keys.presence, fetch, now, random }); // the id that the console shows
    const { signer } = await kitKeys(await combineKit(lastKit));
    await client.revokeKey(signer.keyId);
    await expect(recovery.drill(lastKit)).rejects.toMatchObject(code('E_KIT_UNKNOWN'));
  });

  test('[INV-RECOVERY-PAPER] the words are nowhere: not in what the browser stores, not in what the relay is sent', async () => {
    await using world = await softWorld();
    const ada = await world.founder();
    const sent: Uint8Array[] = [];
    const listen = (person: SoftPerson): void => {
      person.platform.wire = (_url, init, pass) => {
        if (init.body) sent.push(init.body);
        return pass();
      };
    };
    listen(ada);
    const sheets = await makeKit(ada, { ...twoOfThree, delayMs: dayMs });
    const org = orgOf(ada);
    await (await ada.app.recovery()).drill(sheets);
    const fresh = world.browser();
    listen(fresh);
    await comeBack(await open(world, fresh, org, sheets));
    const stored: Uint8Array[] = [];
    for (const { platform } of [ada, fresh]) for (const bytes of (await platform.storage.read('')).values()) stored.push(bytes);
    expect(stored.length).toBeGreaterThan(5);
    expect(sent.length).toBeGreaterThan(10);
    const parts = sheets.flatMap((share) => [formatShare(share).split(' ').slice(8, 11).join(' '), Buffer.from(share.share).toString('latin1')]);
    const wanted = Object.fromEntries(parts.map((part, index) => [`part ${index}`, part]));
    expect([...stored, ...sent].flatMap((bytes) => tracesIn(bytes, wanted))).toEqual([]);
    for (const share of sheets) for (const bytes of [...stored, ...sent]) expect(Buffer.from(bytes).includes(share.share)).toBe(false);
    expect(formsOf(parts[0] ?? '').size).toBeGreaterThan(1);
  });
});

test('[INV-RECOVERY-COMPLETE] where two admins are needed the kit is proposed, agreed to, and completed by one of them', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const id = ada.app.org()?.members.find(({ name }) => name === 'ben')?.id;
  if (id) await ada.app.setRoles(id, ['admin', 'approver', 'writer']);
  await ada.app.setTerms({ tAdmin: 2 });
  const recovery = await ada.app.recovery();
  const sheets = await recovery.make({ t: 1, m: 2, delayMs: dayMs });
  const [sheet] = sheets.shares.map((share) => ({ ...share, share: share.share.slice() }));
  expect(await sheets.set()).toBe('proposed');
  expect(await recovery.status()).toBeUndefined();
  const draft = await until(ben.app, () => ben.app.org()?.drafts[0], 'the draft');
  expect(await ben.app.agreeDraft(draft.id)).toBe('done');
  await until(ada.app, () => ada.app.org()?.kit, 'the kit in ada’s log');
  expect(await recovery.status()).toMatchObject({ isComplete: false });
  await expect(recovery.drill(sheet ? [sheet] : [])).rejects.toMatchObject(code('E_MK_EPOCH'));
  await recovery.complete();
  expect(await recovery.status()).toMatchObject({ isComplete: true });
  await recovery.drill(sheet ? [sheet] : []);
});
