// Two-sided custody: what people hold, what machines hold, and that neither is anything alone (spec/07-custody.md; rows 6, 8, 31, 67, 72).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { World, found, textOf } from '../testing/world.ts';
import { idFrom } from '../testing/world-people.ts';
import { halfOf, shareOf } from '../testing/world-release.ts';
import { concat } from './bytes.ts';
import { type SecretValue, openMachineHalf, openSecret, openShare, sealSecret, verifyShare } from './custody.ts';
import { type SecretId, blobHash } from './hash.ts';
import { limits } from './limits.ts';
import { zeroHash } from './org-log/entry.ts';
import type { Secret } from './org-log/state.ts';
import { openOnce } from './seal.ts';

async function org(k: number, names = ['ada', 'ben', 'eve']): Promise<World> {
  const world = new World(`custody ${k}`);
  await world.genesis();
  for (const name of names.slice(1)) await world.addMember(name);
  await world.approvers('prod/db', k, names);
  await world.addMachine('laptop');
  await world.put('prod/db', 'the value');
  return world;
}
type Share = Awaited<ReturnType<typeof shareOf>> & { readonly member: ReturnType<World['member']>['id'] };
const sharesOf = async (world: World, names: readonly string[], secret = world.secret('prod/db')): Promise<Share[]> =>
  Promise.all(names.map(async (name) => ({ member: world.member(name).id, ...(await shareOf(world, world.device(name), secret)) })));
async function openWith(
  world: World,
  shares: readonly Share[],
  change: { readonly secret?: Secret; readonly b?: Uint8Array; readonly body?: Uint8Array } = {},
): Promise<SecretValue> {
  const secret = world.secret('prod/db');
  return openSecret(
    world.state.org,
    change.secret ?? secret,
    shares,
    change.b ?? (await halfOf(world, world.machine('laptop'), secret)),
    change.body ?? world.blob(secret.put.body),
  );
}
const two = await org(2);
const one = await org(1);

describe('INV-CUSTODY-BOTH k people and a machine, and nobody less', () => {
  test('any two of three people and the machine have the value', async () => {
    for (const names of [
      ['ada', 'ben'],
      ['eve', 'ada'],
      ['ben', 'eve'],
      ['ada', 'ben', 'eve'],
    ])
      expect(textOf(await openWith(two, await sharesOf(two, names)))).toBe('the value');
  });
  test('k = 1: any one of them', async () => {
    for (const name of ['ada', 'ben', 'eve']) expect(textOf(await openWith(one, await sharesOf(one, [name])))).toBe('the value');
  });
  test('k − 1 people with the machine: nothing', async () => {
    const [share] = await sharesOf(two, ['ada']);
    expect(await codeOf(openWith(two, []))).toBe('E_QUORUM');
    expect(await codeOf(openWith(two, [found(share, 'share')]))).toBe('E_QUORUM');
    expect(await codeOf(openWith(one, []))).toBe('E_QUORUM');
  });
  test('row 70: one person twice, or with two devices: still one', async () => {
    const at = await org(2);
    await at.addDevice('ada');
    const [share] = await sharesOf(at, ['ada']);
    expect(await codeOf(openWith(at, [found(share, 'share'), found(share, 'share')]))).toBe('E_QUORUM');
  });
  test('fewer shares than k combined in spite of that: another key, whatever is tried', async () => {
    const [share] = await sharesOf(two, ['ada']);
    const secret = two.secret('prod/db');
    const lowered = { ...secret, put: { ...secret.put, k: 1 } };
    expect(await codeOf(openWith(two, [found(share, 'share')], { secret: lowered }))).toBe('E_KEY_COMMIT');
  });
  test('rows 48, 65: a machine’s key alone: its half opens nothing', async () => {
    const secret = one.secret('prod/db');
    const b = await halfOf(one, one.machine('laptop'), secret);
    for (const key of [b, new Uint8Array(32)])
      expect(await codeOf(openOnce(key, ['body', one.state.org, secret.id, 1, secret.put.policyEh], one.blob(secret.put.body)))).toBe('E_OPEN');
    expect(await codeOf(openWith(one, [{ member: one.member('ada').id, x: 0, share: b }]))).toBe('E_SHARE_COMMIT');
  });
  test('row 67: any number of approvers without a machine: no half, no value', async () => {
    const all = await sharesOf(two, ['ada', 'ben', 'eve']);
    for (const b of [new Uint8Array(32), found(all[0], 'share').share, two.random(32)]) expect(await codeOf(openWith(two, all, { b }))).toBe('E_KEY_COMMIT');
  });
  test('row 34: what the relay holds is none of it in plain', async () => {
    const { put } = one.secret('prod/db');
    const [share] = await sharesOf(one, ['ada']);
    const b = await halfOf(one, one.machine('laptop'), one.secret('prod/db'));
    const blobs = [put.body, ...put.wraps.map(({ wrap }) => wrap)].map((hash) => Buffer.from(one.blob(hash)));
    for (const plain of [Buffer.from('the value'), Buffer.from(found(share, 'share').share), Buffer.from(b)])
      for (const blob of blobs) expect(blob.includes(plain)).toBe(false);
  });
});

describe('INV-CUSTODY-BIND everything belongs to one version of one secret', () => {
  test('row 6: the body of another secret, or a changed one', async () => {
    const at = await org(1);
    const other = await at.put('prod/other', 'other');
    const shares = await sharesOf(at, ['ada']);
    expect(await codeOf(openWith(at, shares, { body: at.blob(other.put.body) }))).toBe('E_BODY_HASH');
    const body = at.blob(at.secret('prod/db').put.body).slice();
    body[9] = (body[9] ?? 0) ^ 1;
    expect(await codeOf(openWith(at, shares, { body }))).toBe('E_BODY_HASH');
  });
  test('row 8: wraps of one version with the entry of the next', async () => {
    const at = await org(1);
    const before = at.secret('prod/db');
    const after = await at.put('prod/db', 'newer');
    const [ada, laptop] = [at.device('ada'), at.machine('laptop')];
    const wrapOf = (secret: Secret, id: string): Uint8Array =>
      at.blob(
        found(
          secret.wraps.find(({ recipient }) => recipient === id),
          'wrap',
        ).wrap,
      );
    expect(await codeOf(openShare(at.state.org, after, ada.member, ada.id, ada.custody, wrapOf(before, ada.id)))).toBe('E_WRAP_MIX');
    expect(await codeOf(() => openMachineHalf(at.state.org, after, laptop.id, laptop.kem, wrapOf(before, laptop.id)))).toBe('E_WRAP_MIX');
  });
  test('row 8: a doctored log does not help: the place is in the wrap', async () => {
    const at = await org(1);
    const before = at.secret('prod/db');
    const after = await at.put('prod/db', 'newer');
    const [ada, laptop] = [at.device('ada'), at.machine('laptop')];
    const mixed = { ...after, wraps: before.wraps };
    const wrapOf = (id: string): Uint8Array =>
      at.blob(
        found(
          before.wraps.find(({ recipient }) => recipient === id),
          'wrap',
        ).wrap,
      );
    expect(await codeOf(openShare(at.state.org, mixed, ada.member, ada.id, ada.custody, wrapOf(ada.id)))).toBe('E_OPEN');
    expect(await codeOf(() => openMachineHalf(at.state.org, mixed, laptop.id, laptop.kem, wrapOf(laptop.id)))).toBe('E_OPEN');
  });
  test('a wrap opens for its device only', async () => {
    const secret = one.secret('prod/db');
    const [ada, ben] = [one.device('ada'), one.device('ben')];
    const wrap = one.blob(
      found(
        secret.wraps.find(({ recipient }) => recipient === ada.id),
        'wrap',
      ).wrap,
    );
    expect(await codeOf(openShare(one.state.org, secret, ada.member, ada.id, ben.custody, wrap))).toBe('E_OPEN');
    expect(await codeOf(openShare(one.state.org, secret, ben.member, ada.id, ada.custody, wrap))).toBe('E_OPEN');
    expect(await codeOf(openShare(one.state.org, secret, ada.member, ben.id, ada.custody, wrap))).toBe('E_WRAP_MIX');
    expect(await codeOf(openShare(one.state.org, secret, idFrom(one.random), ada.id, ada.custody, wrap))).toBe('E_NOT_ELIGIBLE');
    expect(await codeOf(openShare(one.state.org, secret, ada.member, idFrom(one.random), ada.custody, wrap))).toBe('E_NOT_ENTITLED');
  });
  test('row 31: a share that is not the committed one', async () => {
    const secret = two.secret('prod/db');
    const [share] = await sharesOf(two, ['ada']);
    const good = found(share, 'share');
    const wrong: readonly Share[] = [
      { ...good, share: good.share.map((byte, index) => (index === 0 ? byte ^ 1 : byte)) },
      { ...good, x: good.x === 1 ? 2 : 1 },
      { ...good, member: two.member('ben').id },
      { ...good, share: good.share.subarray(1) },
      { ...good, share: concat(good.share, Uint8Array.of(0)) },
      { ...good, member: idFrom(two.random) },
    ];
    for (const bad of wrong) {
      expect(await codeOf(() => verifyShare(two.state.org, secret, bad.member, bad.x, bad.share))).toBe('E_SHARE_COMMIT');
      expect(await codeOf(openWith(two, [bad, ...(await sharesOf(two, ['eve']))]))).toBe('E_SHARE_COMMIT');
    }
  });
  test('rows 31, 72: a doctored key commitment, salt, or half', async () => {
    const secret = one.secret('prod/db');
    const shares = await sharesOf(one, ['ada']);
    const doctored: readonly Partial<Secret['put']>[] = [{ keyCommitment: zeroHash }, { salt: one.random(32) }];
    for (const put of doctored) expect(await codeOf(openWith(one, shares, { secret: { ...secret, put: { ...secret.put, ...put } } }))).toBe('E_KEY_COMMIT');
    expect(await codeOf(openWith(one, shares, { b: one.random(32) }))).toBe('E_KEY_COMMIT');
  });
});

describe('values', () => {
  const seal = async (value: SecretValue): Promise<{ secret: Secret; blobs: readonly Uint8Array[] }> => {
    const { put, blobs } = await sealSecret(
      one.state,
      { secret: idFrom<SecretId>(one.random), path: 'prod/db', ver: 1, prevVerEh: zeroHash, value, description: '' },
      one.random,
    );
    return {
      secret: {
        id: put.secret,
        path: put.path,
        put,
        putEh: zeroHash,
        putTs: 0,
        putBy: one.member('ada').id,
        shares: put.shares,
        wraps: put.wraps,
        retired: false,
      },
      blobs,
    };
  };
  const reopen = async (value: SecretValue): Promise<SecretValue> => {
    const { secret, blobs } = await seal(value);
    for (const blob of blobs) one.blobs.set(blobHash(blob), blob);
    return openWith(one, await sharesOf(one, ['ada'], secret), {
      secret,
      b: await halfOf(one, one.machine('laptop'), secret),
      body: one.blob(secret.put.body),
    });
  };
  test('one value, or named fields, empty ones too, come back as they were', async () => {
    const fields: SecretValue = {
      kind: 'fields',
      fields: [
        { name: 'user', value: new Uint8Array(0) },
        { name: 'password', value: one.random(40) },
      ],
    };
    expect(await reopen(fields)).toEqual(fields);
    expect(await reopen({ kind: 'value', value: new Uint8Array(0) })).toEqual({ kind: 'value', value: new Uint8Array(0) });
  });
  test('INV-CUSTODY-SIZE 64 KiB and not one byte more, fields together', async () => {
    const value = (size: number): SecretValue => ({ kind: 'value', value: new Uint8Array(size) });
    expect(await reopen(value(limits.valueBytes))).toEqual(value(limits.valueBytes));
    expect(await codeOf(seal(value(limits.valueBytes + 1)))).toBe('E_LIMIT');
    const half = { name: 'a', value: new Uint8Array(limits.valueBytes / 2) };
    expect(await codeOf(seal({ kind: 'fields', fields: [half, { ...half, name: 'b' }] }))).toBe('accepted');
    expect(await codeOf(seal({ kind: 'fields', fields: [half, { ...half, name: 'b' }, { name: 'c', value: new Uint8Array(1) }] }))).toBe('E_LIMIT');
  });
  test('nothing is sealed that no machine and no kit could ever open', async () => {
    const [bare, kit] = [new World('no machine'), new World('kit only')];
    await bare.genesis();
    await kit.genesis({ withRecovery: true });
    expect(await codeOf(bare.put('prod/db', 'lost for ever'))).toBe('E_NO_MACHINE');
    expect(await codeOf(kit.put('prod/db', 'in the kit'))).toBe('accepted');
    await bare.addMachine('laptop');
    expect(await codeOf(bare.put('prod/db', 'for the laptop'))).toBe('accepted');
  });
  test('values of one size step look alike', async () => {
    const sizes = await Promise.all(
      [1, 20, 200].map(async (size) => found((await seal({ kind: 'value', value: new Uint8Array(size) })).blobs[0], 'body').length),
    );
    expect(new Set(sizes).size).toBe(1);
  });
  test('fields that are not those of the log are refused', async () => {
    const { secret, blobs } = await seal({ kind: 'fields', fields: [{ name: 'user', value: new Uint8Array(1) }] });
    for (const blob of blobs) one.blobs.set(blobHash(blob), blob);
    const named = { ...secret, put: { ...secret.put, fields: ['password'] } };
    expect(
      await codeOf(
        openWith(one, await sharesOf(one, ['ada'], secret), {
          secret: named,
          b: await halfOf(one, one.machine('laptop'), secret),
          body: one.blob(secret.put.body),
        }),
      ),
    ).toBe('E_FIELD');
  });
  test('no policy, no secret', async () => {
    expect(
      await codeOf(
        sealSecret(
          one.state,
          {
            secret: idFrom<SecretId>(one.random),
            path: 'nowhere',
            ver: 1,
            prevVerEh: zeroHash,
            value: { kind: 'value', value: new Uint8Array(1) },
            description: '',
          },
          one.random,
        ),
      ),
    ).toBe('E_POLICY');
  });
});
