// A need at a writer's device: the card, the value that they type, the denial in a few words; attacks by the machine (spec/09-release.md §needs).
import { describe, expect, test } from 'bun:test';
import type { Need } from '../../protocol/need.ts';
import type { Asked, SoftMachine } from '../../testing/soft-machine.ts';
import { type SoftPerson, type SoftWorld, joined, softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

const week = 604_800_000;
async function ready(world: SoftWorld): Promise<{ readonly ada: SoftPerson; readonly laptop: SoftMachine }> {
  const ada = await world.founder();
  return { ada, laptop: await world.machine(ada) };
}
function needing(world: SoftWorld, laptop: SoftMachine, need: Partial<Need> = {}): Promise<Asked> {
  const claimed = { agent: 'claude', reason: 'the checkout test' };
  const changes = {
    need: { path: 'prod/stripe', where: 'https://dashboard.stripe.com/apikeys', fields: [], ...need },
    claimed,
    expiresAt: world.clock.now() + week,
  };
  return laptop.ask([], { changes });
}
const card = ({ app }: SoftPerson) => until(app, () => app.org()?.inbox.find(({ outcome }) => !outcome), 'the card');
const refused = (person: SoftPerson, code: string): Promise<unknown> =>
  until(person.app, () => person.app.org()?.refused.find((one) => one.code === code), `refusal ${code}`);
const description = '';

describe('a need', () => {
  test('is a card with the machine’s words; what the writer types becomes the first version', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const { request } = await needing(world, laptop, { fields: ['key'] });
    expect(await card(ada)).toMatchObject({
      kind: 'need',
      items: [{ path: 'prod/stripe' }],
      claimed: { agent: 'claude', reason: 'the checkout test' },
      need: { where: 'https://dashboard.stripe.com/apikeys', fields: ['key'] },
      leaseChoices: [],
    });
    await ada.app.fillNeed(request.requestId, { value: value('sk_live_1'), description });
    expect(ada.app.org()?.inbox[0]?.outcome).toMatchObject({ kind: 'stored' });
    expect(ada.app.org()?.secrets.map(({ path, version }) => [path, version])).toEqual([['prod/stripe', 1]]);
    await expect(ada.app.fillNeed(request.requestId, { value: value('again'), description })).rejects.toMatchObject({ failure: { code: 'E_DONE' } });
  });

  test('is declined with a reason that the machine reads', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const asked = await needing(world, laptop);
    await card(ada);
    await ada.app.deny(asked.request.requestId, false, 'use the sandbox');
    expect((await laptop.answers(asked))[0]?.answer).toMatchObject({ decision: 'deny', note: 'use the sandbox' });
    await expect(ada.app.fillNeed(asked.request.requestId, { value: value('late'), description })).rejects.toMatchObject({ failure: { code: 'E_DONE' } });
    expect(ada.app.org()?.secrets).toEqual([]);
  });

  test('a reason that would deceive leaves no device', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const { request } = await needing(world, laptop);
    await card(ada);
    await expect(ada.app.deny(request.requestId, false, 'no\u202eon')).rejects.toMatchObject({ failure: { code: 'E_TEXT' } });
  });

  test('posted again it changes nothing, decided or not, and after a reload', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const { bytes, request } = await needing(world, laptop);
    await card(ada);
    await laptop.send(bytes);
    const again = world.reload(ada);
    await card(again);
    expect(again.app.org()?.inbox.filter(({ requestId }) => requestId === request.requestId)).toHaveLength(1);
    await again.app.deny(request.requestId, false);
    await laptop.send(bytes);
    await needing(world, laptop, { path: 'prod/later' });
    await until(again.app, () => again.app.org()?.inbox.find(({ items }) => items[0]?.path === 'prod/later'), 'the next card');
    expect(again.app.org()?.refused).toEqual([]);
  });
});

describe('attacks', () => {
  test('[INV-NEED-NEW] a need never replaces a secret: neither one that was there, nor one that came while the card was open', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const { request } = await needing(world, laptop);
    await card(ada);
    await ada.app.putSecret({ path: 'prod/stripe', value: value('first'), description });
    await expect(ada.app.fillNeed(request.requestId, { value: value('second'), description })).rejects.toMatchObject({ failure: { code: 'E_DONE' } });
    await needing(world, laptop);
    await needing(world, laptop, { path: 'prod/marker' });
    await until(ada.app, () => ada.app.org()?.inbox.find(({ items }) => items[0]?.path === 'prod/marker'), 'the card after it');
    expect(ada.app.org()?.inbox.filter(({ outcome }) => !outcome)).toHaveLength(1);
    expect(ada.app.org()?.secrets[0]?.version).toBe(1);
  });

  test('[INV-NEED-NEW] another writer is faster, while this one is asked for their gesture: theirs stays, and nothing is stored over it', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const ben = await joined(world, ada, 'ben');
    const { request } = await needing(world, laptop);
    await card(ada);
    let isLate = false;
    ada.platform.wire = async (url, _init, pass) => {
      if (!isLate && url.includes('blob')) {
        isLate = true;
        await ben.app.putSecret({ path: 'prod/stripe', value: value('theirs'), description });
      }
      return pass();
    };
    await expect(ada.app.fillNeed(request.requestId, { value: value('mine'), description })).rejects.toMatchObject({ failure: { code: 'E_VERSION' } });
    expect(isLate).toBe(true);
    expect(ada.app.org()?.secrets.map(({ version, by }) => [version, by])).toEqual([[1, 'ben']]);
  });

  test('[INV-NEED-ASK] text that would deceive is refused again here, whatever the daemon did', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    await needing(world, laptop, { where: 'https://evil\u202e.example' });
    await refused(ada, 'E_TEXT');
    await needing(world, laptop, { path: 'prod/strіpe' }); // a Cyrillic letter
    await until(ada.app, () => (ada.app.org()?.refused.length === 2 ? true : undefined), 'the second');
    expect(ada.app.org()?.inbox).toEqual([]);
  });

  test('a path that looks like one that exists, and letters of two alphabets in the place, are unusual', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    await ada.app.putSecret({ path: 'prod/stripe', value: value('x'), description });
    await needing(world, laptop, { path: 'prod/Str1pe', where: 'https://dаshboard.stripe.com' }); // a Cyrillic letter
    const { unusual } = await card(ada);
    for (const mark of ['looks like prod/stripe, which exists', 'mixed alphabets in the place']) expect(unusual).toContain(mark);
  });

  test('[INV-NEED-WRITER] an approval of a need stores nothing and sends nothing', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const { request } = await needing(world, laptop);
    await card(ada);
    await expect(ada.app.approve(request.requestId, request.lease, undefined, () => undefined)).rejects.toMatchObject({ failure: { code: 'E_LEASE_BOUNDS' } });
    expect(ada.app.org()?.secrets).toEqual([]);
  });

  test('a flood of needs fills ten cards and one warning', async () => {
    await using world = await softWorld();
    const { ada, laptop } = await ready(world);
    const asked: Asked[] = [];
    for (let n = 0; n < 14; n++) asked.push(await needing(world, laptop, { path: `prod/n${n}` }));
    await refused(ada, 'E_RATE');
    expect(ada.app.org()?.inbox).toHaveLength(10);
    world.clock.advance(120_000);
    await laptop.send(asked[13]?.bytes ?? new Uint8Array(0)); // posted again
    await until(ada.app, () => ada.app.org()?.inbox.find(({ items }) => items[0]?.path === 'prod/n13'), 'the card that there was no room for');
  });
});
