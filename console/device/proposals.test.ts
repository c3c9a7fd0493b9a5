// Several versions on one card, with one gesture: what was shown is what is signed, and nothing else (spec/09-release.md §proposal, spec/attacks.md).
import { expect, test } from 'bun:test';
import { array, bytesUpTo, decode, encode } from '../../protocol/codec.ts';
import { secretPutCodec } from '../../protocol/org-log/bodies.ts';
import type { SoftMachine } from '../../testing/soft-machine.ts';
import type { ReviewCard } from '../app.ts';
import { type SoftPerson, type SoftWorld, softWorld, value } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

const of = (...paths: readonly string[]): readonly (readonly [string, ReturnType<typeof value>])[] => paths.map((path) => [path, value(`of ${path}`)] as const);

async function ready(world: SoftWorld): Promise<{ ada: SoftPerson; laptop: SoftMachine }> {
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('hunter2'), description: '' });
  return { ada, laptop };
}
const cardOf = (ada: SoftPerson): Promise<ReviewCard> => until(ada.app, () => ada.app.org()?.inbox.find(({ outcome }) => !outcome), 'the card');
const pathsOf = (ada: SoftPerson): readonly string[] => (ada.app.org()?.secrets ?? []).map(({ path }) => path).toSorted();
const refusal = (ada: SoftPerson, code: string): Promise<unknown> => until(ada.app, () => ada.app.org()?.refused.find((one) => one.code === code), code);
const list = array(bytesUpTo(65_536), 100);

test('INV-PROPOSAL-GESTURE: five values are one card and one gesture', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.proposeAll(of('prod/a', 'prod/b', 'prod/c', 'prod/d', 'prod/e'));
  const card = await cardOf(ada);
  expect(card.items.map(({ path }) => path)).toEqual(['prod/a', 'prod/b', 'prod/c', 'prod/d', 'prod/e']);
  const gestures = ada.platform.authenticator.gestures;
  await ada.app.approve(card.requestId, card.lease, undefined, () => undefined);
  expect(ada.platform.authenticator.gestures).toBe(gestures + 1);
  expect(pathsOf(ada)).toEqual(['prod/a', 'prod/b', 'prod/c', 'prod/d', 'prod/db', 'prod/e']);
  expect(ada.app.org()?.inbox[0]?.outcome?.kind).toBe('stored');
});

test('INV-PROPOSAL-SHOWN: one that replaces a version stands first, and is named as unusual', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.proposeAll(of(...Array.from({ length: 40 }, (_, at) => `prod/new-${at}`), 'prod/db'));
  const card = await cardOf(ada);
  expect(card.items).toHaveLength(41);
  expect(card.items[0]).toMatchObject({ path: 'prod/db', version: 2 });
  expect(card.unusual).toContain('replaces version 1 of prod/db');
  for (const { path } of card.items) expect(card.lines.some((line) => line.startsWith(`store: ${path} version `))).toBe(true);
});

const none = new Uint8Array(0);
const changed: readonly (readonly [string, (each: readonly Uint8Array[]) => readonly Uint8Array[]])[] = [
  ['in another order', (each) => each.toReversed()],
  ['one less', (each) => each.slice(1)],
  ['one more', (each) => [...each, ...each.slice(1)]],
  ['one swapped', ([one = none, two = none]) => [one, encode(secretPutCodec, { ...decode(secretPutCodec, two, 65_536), description: 'another' })]],
];
test.each(changed)('INV-PROPOSAL-LIST: another list at the relay than the machine signed is refused: %s', async (_what, change) => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.proposeAll(of('prod/a', 'prod/b'), { tamper: (encoded) => encode(list, change(decode(list, encoded, 65_536))) });
  await refusal(ada, 'E_BIND');
  expect(ada.app.org()?.inbox).toEqual([]);
});

test('INV-PROPOSAL-LIST: what is swapped at the relay after the card was shown is not signed', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.proposeAll(of('prod/a', 'prod/b'));
  const card = await cardOf(ada);
  const bodies: string[] = [];
  ada.platform.wire = async (url, _init, pass) => (url.endsWith('/v1/blobs/get') ? (bodies.push(url), pass()) : pass());
  await ada.app.approve(card.requestId, card.lease, undefined, () => undefined);
  expect(bodies).toHaveLength(1); // bodies and wraps are looked for, the list is not read again
  expect(pathsOf(ada)).toEqual(['prod/a', 'prod/b', 'prod/db']);
});

test('INV-PROPOSAL-LIST: one path twice, one under another policy, another version than the next, another author', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.proposeAll(of('prod/a', 'prod/a'));
  await refusal(ada, 'E_FIELD');
  await laptop.proposeAll(of('prod/a', 'prod/b'), { after: ([one, two]) => (one && two ? [one, { ...two, ver: 2 }] : []) });
  await refusal(ada, 'E_VERSION');
  await laptop.proposeAll(of('prod/a', 'prod/b'), { after: (puts) => puts.map((put, at) => (at === 1 ? { ...put, policyEh: put.body } : put)) });
  await refusal(ada, 'E_POLICY_CHANGED');
  await laptop.proposeAll(of('prod/a', 'prod/b'), {
    after: (puts) => puts.map(({ proposedBy, ...put }, at) => (at === 0 && proposedBy ? { ...put, proposedBy } : put)),
  });
  await refusal(ada, 'E_BIND');
  expect(ada.app.org()?.inbox).toEqual([]);
});

test('INV-PROPOSAL-WHOLE: somebody stores one of them before the gesture: nothing is signed', async () => {
  await using world = await softWorld();
  const { ada, laptop } = await ready(world);
  await laptop.proposeAll(of('prod/a', 'prod/b'));
  const card = await cardOf(ada);
  await ada.app.putSecret({ path: 'prod/b', value: value('mine'), description: '' });
  const gestures = ada.platform.authenticator.gestures;
  await expect(ada.app.approve(card.requestId, card.lease, undefined, () => undefined)).rejects.toMatchObject({ failure: { code: 'E_ID_REUSED' } });
  expect(ada.platform.authenticator.gestures).toBe(gestures);
  expect(pathsOf(ada)).toEqual(['prod/b', 'prod/db']);
});
