// Vectors of the recovery kit: sheets of words put together, and what a kit opens (spec/18-recovery.md). Never shipped.
import { toHex } from '../../protocol/bytes.ts';
import { openRecovered } from '../../protocol/custody.ts';
import type { ProtocolCode } from '../../protocol/errors.ts';
import { sealMkWraps } from '../../protocol/org-log/record.ts';
import { combineKit, createKit, formatShare } from '../../protocol/recovery.ts';
import { valueHex } from '../run-vectors.ts';
import { seededRandom } from '../seeded.ts';
import type { Vector } from '../vector.ts';
import { World, found } from '../world.ts';
import { logOf } from './logs.ts';
import type { Named } from './primitives.ts';

const spec = '18-recovery.md';

export async function recoveryVectors(): Promise<Named> {
  return [...(await sheets()), ...(await opened())];
}

async function sheets(): Promise<Named> {
  const random = seededRandom('vectors of kits');
  const { facts, shares } = await createKit(random, 2, 3);
  const secret = toHex(await combineKit(shares.slice(0, 2)));
  const [one, two, three] = shares.map(formatShare) as [string, string, string]; // of three
  const alone = await createKit(random, 1, 1);
  const other = (await createKit(random, 2, 3)).shares.map(formatShare);
  const keys = { secret, sigKey: toHex(facts.sigKey), kemKey: toHex(facts.kemKey) };
  const words = two.split(' ');
  const bad = (name: string, code: ProtocolCode, list: readonly string[]): [string, Vector] => [
    `kit-${name}`,
    { name: `kit: ${name.replaceAll('-', ' ')}`, spec: `${spec}#words`, kind: 'kit', shares: list, code },
  ];
  return [
    ['kit-two-of-three', { name: 'kit: two of three sheets', spec: `${spec}#kit`, kind: 'kit', shares: [one, three], ...keys }],
    [
      'kit-first-four-letters',
      {
        name: 'kit: words by their first four letters, in capitals',
        spec: `${spec}#words`,
        kind: 'kit',
        shares: [one, two].map((text) => text.replaceAll(/[a-z]+/g, (word) => word.slice(0, 4).toUpperCase())),
        ...keys,
      },
    ],
    [
      'kit-one-of-one',
      {
        name: 'kit: one sheet',
        spec: `${spec}#kit`,
        kind: 'kit',
        shares: alone.shares.map(formatShare),
        sigKey: toHex(alone.facts.sigKey),
        kemKey: toHex(alone.facts.kemKey),
      },
    ],
    bad('too-few', 'E_QUORUM', [one]),
    bad('one-twice', 'E_KIT_MIX', [one, one]),
    bad('of-two-kits', 'E_KIT_MIX', [one, other[1] ?? '']),
    bad('word-unknown', 'E_KIT_FORMAT', [one, ['stillvault', ...words.slice(1)].join(' ')]),
    bad('word-missing', 'E_KIT_FORMAT', [one, words.slice(1).join(' ')]),
    bad('words-exchanged', 'E_KIT_FORMAT', [one, words.toReversed().join(' ')]),
  ];
}

async function opened(): Promise<Named> {
  const world = new World('vectors of recovered values');
  await world.genesis({ withRecovery: true });
  const [one, two] = [await world.put('prod/one', 'hunter2'), await world.put('prod/two', 'hunter3')];
  const { kem, seed } = found(world.kit, 'kit');
  const wrapOf = (secret: typeof one): Uint8Array => world.blob(found(secret.wraps.find(({ kind }) => kind === 'recovery')?.wrap, 'wrap'));
  const value = valueHex(await openRecovered(world.state.org, one, kem, wrapOf(one), world.blob(one.put.body)));
  const base = { spec: `${spec}#values`, kind: 'recovered', log: 'log-with-kit', now: world.clock.now(), path: 'prod/one', kitSeed: toHex(seed) } as const;
  const [wrap, body] = [toHex(wrapOf(one)), toHex(world.blob(one.put.body))];
  const mk = world.random(32);
  const forKit = { me: '00'.repeat(16), seed: toHex(seed), wraps: toHex(await sealMkWraps(world.state, 1, mk)), mk: toHex(mk) };
  return [
    ['log-with-kit', logOf(world, 'a log of an org with a recovery kit and two secrets')],
    ['recovered-value', { ...base, name: 'a value opened by the kit', wrap, body, value }],
    ['recovered-other-wrap', { ...base, name: 'the wrap of another secret', wrap: toHex(wrapOf(two)), body, code: 'E_WRAP_MIX' }],
    ['recovered-other-body', { ...base, name: 'the body of another secret', wrap, body: toHex(world.blob(two.put.body)), code: 'E_BODY_HASH' }],
    ['recovered-other-kit', { ...base, name: 'another kit', kitSeed: '01'.repeat(32), wrap, body, code: 'E_OPEN' }],
    ['mk-wrap-kit', { name: 'wrap of a metadata key: for the kit', spec: '05-org-log.md#epochs', kind: 'mk-wrap', org: world.state.org, epoch: 1, ...forKit }],
  ];
}
