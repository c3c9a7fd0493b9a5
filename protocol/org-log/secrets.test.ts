// Secrets in the log: the recipients of a version are exactly those of the policy, versions follow each other (spec/05-org-log.md §secrets; rows 1, 7, 73).
import { describe, expect, test } from 'bun:test';
import { codeOf } from '../../testing/code-of.ts';
import { World, found, textOf } from '../../testing/world.ts';
import { idFrom, makeKit } from '../../testing/world-people.ts';
import { halfOf, shareOf } from '../../testing/world-release.ts';
import { openSecret, rewrapForDevice, rewrapForMachine, sealSecret } from '../custody.ts';
import { type Hash, type SecretId, blobHash } from '../hash.ts';
import { limits } from '../limits.ts';
import { rewrapBatches } from '../rewrap.ts';
import type { RewrapItem, SecretPut } from './bodies.ts';
import { bodyCodecs } from './body-codecs.ts';
import { zeroHash } from './entry.ts';
import { byRecipient } from './apply-secret.ts';
import { secretAt } from './state.ts';

async function org(k = 1): Promise<World> {
  const world = new World('secrets');
  await world.genesis({ withRecovery: true });
  await world.addMember('ben');
  await world.addMember('eve', ['approver']);
  await world.addMember('wil', ['writer']);
  await world.approvers('prod/db', k, ['ada', 'ben']);
  await world.addMachine('laptop');
  await world.addMachine('server');
  return world;
}
const world = await org();
const ada = world.device('ada');
const value = { kind: 'value', value: new TextEncoder().encode('value') } as const;
async function putOf(at: World, path = 'prod/db', changes: Partial<SecretPut> = {}): Promise<SecretPut> {
  const before = secretAt(at.state, path);
  const input = {
    secret: before?.id ?? idFrom<SecretId>(at.random),
    path,
    ver: (before?.put.ver ?? 0) + 1,
    prevVerEh: before?.putEh ?? zeroHash,
    value,
    description: '',
  };
  return { ...(await sealSecret(at.state, input, at.random)).put, ...changes };
}
const judge = async (put: SecretPut, at = world): Promise<string> => codeOf(at.judge(await at.draft('secret.put', put)));
const honest = await putOf(world);

describe('INV-SECRET-RECIPIENTS row 73: exactly the recipients of the policy', () => {
  test('an honest version: every approver’s devices, every entitled machine, the kit', async () => {
    expect(await judge(honest)).toBe('accepted');
    expect(honest.wraps.map(({ kind }) => kind)).toEqual(['device', 'device', 'machine', 'machine', 'recovery']);
  });
  const hidden = { kind: 'device', recipient: world.device('eve').id, keyId: world.device('eve').custody.keyId, wrap: zeroHash } as const;
  const tampered: readonly (readonly [what: string, change: (put: SecretPut) => Partial<SecretPut>, code: string])[] = [
    ['a hidden recipient', (put) => ({ wraps: [...put.wraps, hidden].sort(byRecipient) }), 'E_RECIPIENTS'],
    ['a hidden recipient in place of an approver', (put) => ({ wraps: [hidden, ...put.wraps.slice(1)].sort(byRecipient) }), 'E_RECIPIENTS'],
    ['a recipient left out', (put) => ({ wraps: put.wraps.slice(1) }), 'E_RECIPIENTS'],
    ['the kit left out', (put) => ({ wraps: put.wraps.slice(0, -1) }), 'E_RECIPIENTS'],
    ['a recipient twice', (put) => ({ wraps: [found(put.wraps[0], 'wrap'), ...put.wraps] }), 'E_RECIPIENTS'],
    ['recipients out of order', (put) => ({ wraps: put.wraps.toReversed() }), 'E_RECIPIENTS'],
    [
      'row 1: an approver’s key replaced',
      (put) => ({ wraps: put.wraps.map((wrap, index) => (index === 0 ? { ...wrap, keyId: world.device('eve').custody.keyId } : wrap)) }),
      'E_KEY_NOT_IN_LOG',
    ],
    [
      'row 1: a machine’s key replaced',
      (put) => ({ wraps: put.wraps.map((wrap) => (wrap.kind === 'machine' ? { ...wrap, keyId: honest.wraps[0]?.keyId ?? wrap.keyId } : wrap)) }),
      'E_KEY_NOT_IN_LOG',
    ],
    ['a share for somebody else', (put) => ({ shares: [...put.shares, { ...found(put.shares[0], 'share'), member: world.member('eve').id }] }), 'E_RECIPIENTS'],
    ['a share left out', (put) => ({ shares: put.shares.slice(1) }), 'E_RECIPIENTS'],
    ['shares out of order', (put) => ({ shares: put.shares.toReversed() }), 'E_RECIPIENTS'],
    ['another threshold', () => ({ k: 2 }), 'E_QUORUM'],
    ['a share point where everybody holds A', (put) => ({ shares: put.shares.map((share) => ({ ...share, x: 1 })) }), 'E_SHARE_COMMIT'],
    ['another policy', () => ({ policyEh: zeroHash }), 'E_POLICY_CHANGED'],
    ['a machine that does not exist as author', () => ({ proposedBy: idFrom(world.random) }), 'E_UNKNOWN_ID'],
    ['a field twice', () => ({ fields: ['a', 'a'] }), 'E_FIELD'],
    ['a field that is no name', () => ({ fields: ['a b'] }), 'E_TEXT'],
    ['a description that would deceive', () => ({ description: 'a\u202eb' }), 'E_TEXT'],
    ['a path that is none', () => ({ path: 'prod//db' }), 'E_TEXT'],
    ['a path that no policy covers', () => ({ path: 'test/db' }), 'E_POLICY'],
  ];
  test.each(tampered)('%s', async (_what, change, code) => expect(await judge({ ...honest, ...change(honest) })).toBe(code));

  test('two of three: each person one point, none of them zero', async () => {
    const two = await org(2);
    const put = await putOf(two);
    expect(await judge(put, two)).toBe('accepted');
    expect(new Set(put.shares.map(({ x }) => x)).size).toBe(2);
    expect(await judge({ ...put, shares: put.shares.map((share) => ({ ...share, x: 7 })) }, two)).toBe('E_SHARE_COMMIT');
    expect(await judge({ ...put, shares: put.shares.map((share, index) => ({ ...share, x: index })) }, two)).toBe('E_SHARE_COMMIT');
  });
  test('nobody who could approve: nothing is stored', async () => {
    const at = await org();
    await at.append('member.remove', { member: at.member('ben').id, exposed: [] });
    await at.approvers('prod/db', 1, ['eve']);
    const put = await putOf(at);
    await at.append('device.revoke', { device: at.device('eve').id, exposed: [] });
    expect(await judge(put, at)).toBe('E_QUORUM');
    expect(await codeOf(putOf(at))).toBe('E_QUORUM');
  });
});

describe('INV-SECRET-VERSION row 7: versions follow each other and paths belong to one secret', () => {
  test('the second version names the first', async () => {
    const at = await org();
    await at.put('prod/db', 'one');
    const second = await putOf(at);
    expect(await judge(second, at)).toBe('accepted');
    const wrong: readonly (readonly [change: Partial<SecretPut>, code: string])[] = [
      [{ ver: 1, prevVerEh: zeroHash }, 'E_VERSION'],
      [{ ver: 3 }, 'E_VERSION'],
      [{ prevVerEh: zeroHash }, 'E_VERSION'],
      [{ secret: idFrom<SecretId>(at.random) }, 'E_ID_REUSED'],
      [{ path: 'prod/other' }, 'E_ID_REUSED'],
    ];
    for (const [change, code] of wrong) expect(await judge({ ...second, ...change }, at)).toBe(code);
  });
  test('versions never share a half, a salt, a share or a commitment', async () => {
    const at = await org(2);
    const [one, two] = [(await at.put('prod/db', 'same')).put, (await at.put('prod/db', 'same')).put];
    const parts = (put: SecretPut): readonly (Hash | string)[] => [
      put.keyCommitment,
      put.body,
      Buffer.from(put.salt).toString('hex'),
      ...put.shares.map(({ commitment }) => commitment),
      ...put.wraps.map(({ wrap }) => wrap),
    ];
    expect(parts(one).filter((part) => parts(two).includes(part))).toEqual([]);
    const laptop = at.machine('laptop');
    const secret = at.secret('prod/db');
    const before = { ...secret, put: one, putEh: two.prevVerEh, shares: one.shares, wraps: one.wraps };
    expect(await halfOf(at, laptop, secret)).not.toEqual(await halfOf(at, laptop, before));
    expect((await shareOf(at, at.device('ada'), secret)).share).not.toEqual((await shareOf(at, at.device('ada'), before)).share);
  });
  test('a retired secret is gone, its path is free for another, its id is not', async () => {
    const at = await org();
    const first = await at.put('prod/db', 'one');
    await at.append('secret.retire', { secret: first.id });
    expect(secretAt(at.state, 'prod/db')).toBeUndefined();
    expect(await codeOf(at.judge(await at.draft('secret.retire', { secret: first.id })))).toBe('E_UNKNOWN_ID');
    const next = await putOf(at);
    expect(await judge(next, at)).toBe('accepted');
    expect(await judge({ ...next, secret: first.id }, at)).toBe('E_ID_REUSED');
    expect(await judge({ ...next, secret: first.id, ver: 2, prevVerEh: first.putEh }, at)).toBe('E_ID_REUSED');
  });
});

describe('INV-SECRET-REWRAP wraps are added for those whom policy gives, by a holder, and change nothing else', () => {
  async function lateComers(k = 1): Promise<{ at: World; base: RewrapItem }> {
    const at = await org(k);
    await at.put('prod/db', 'value');
    const secret = at.secret('prod/db');
    await at.addMachine('late');
    await at.addDevice('ada');
    await at.addDevice('ben');
    return { at, base: { secret: secret.id, putEh: secret.putEh, policyEh: secret.put.policyEh, shares: [], wraps: [] } };
  }
  const judgeRewrap = async (at: World, item: RewrapItem, by: Parameters<World['draft']>[2]): Promise<string> =>
    codeOf(at.judge(await at.draft('secret.rewrap', { items: [item] }, by)));

  test('a machine gives a new machine its half, and the value opens with it', async () => {
    const { at, base } = await lateComers();
    const [laptop, late] = [at.machine('laptop'), at.machine('late')];
    const { entry, blob } = await rewrapForMachine(at.state, at.secret('prod/db'), late.id, await halfOf(at, laptop, at.secret('prod/db')));
    at.blobs.set(blobHash(blob), blob);
    await at.append('secret.rewrap', { items: [{ ...base, wraps: [entry] }] }, [laptop]);
    const secret = at.secret('prod/db');
    const ada_ = at.device('ada');
    const opened = await openSecret(
      at.state.org,
      secret,
      [{ member: ada_.member, ...(await shareOf(at, ada_, secret)) }],
      await halfOf(at, late, secret),
      at.blob(secret.put.body),
    );
    expect(opened).toEqual(value);
    expect(await judgeRewrap(at, { ...base, wraps: [entry] }, [laptop])).toBe('E_RECIPIENTS');
  });

  test('k = 1: any approver’s device gives a new approver the share, and its commitment is the one that stands', async () => {
    const { at, base } = await lateComers();
    await at.approvers('prod/db', 1, ['ada', 'ben', 'eve']);
    const body = { ...base, policyEh: found([...at.state.policies.values()][0], 'policy').eh };
    const secret = at.secret('prod/db');
    const { x, share } = await shareOf(at, at.device('ada'), secret);
    const { entry, share: added, blob } = await rewrapForDevice(at.state, secret, at.device('eve').id, x, share);
    at.blobs.set(blobHash(blob), blob);
    expect(await judgeRewrap(at, { ...body, shares: [added], wraps: [entry] }, [at.device('ada')])).toBe('accepted');
    expect(await judgeRewrap(at, { ...body, wraps: [entry] }, [at.device('ada')])).toBe('E_SHARE_COMMIT');
    expect(await judgeRewrap(at, { ...body, shares: [{ ...added, commitment: zeroHash }], wraps: [entry] }, [at.device('ada')])).toBe('E_SHARE_COMMIT');
    expect(await judgeRewrap(at, { ...body, shares: [{ ...added, x: 1 }], wraps: [entry] }, [at.device('ada')])).toBe('E_SHARE_COMMIT');
    expect(await judgeRewrap(at, { ...body, shares: [{ ...added, member: at.member('wil').id }], wraps: [entry] }, [at.device('ada')])).toBe('E_SHARE_COMMIT');
    await at.append('secret.rewrap', { items: [{ ...body, shares: [added], wraps: [entry] }] }, [at.device('ada')]);
    expect(await shareOf(at, at.device('eve'), at.secret('prod/db'))).toEqual({ x, share });
  });

  test('k = 2: only the member’s own device wraps for the member’s new device', async () => {
    const { at, base } = await lateComers(2);
    const secret = at.secret('prod/db');
    const second = found(at.member('ada').devices[1], 'second device');
    const { x, share } = await shareOf(at, at.device('ada'), secret);
    const { entry, blob } = await rewrapForDevice(at.state, secret, second.id, x, share);
    at.blobs.set(blobHash(blob), blob);
    expect(await judgeRewrap(at, { ...base, wraps: [entry] }, [at.device('ben')])).toBe('E_RECIPIENTS');
    await at.append('secret.rewrap', { items: [{ ...base, wraps: [entry] }] }, [at.device('ada')]);
    expect(await shareOf(at, second, at.secret('prod/db'))).toEqual({ x, share });
  });

  test('nothing else', async () => {
    const { at, base } = await lateComers();
    const [laptop, late, second] = [at.machine('laptop'), at.machine('late'), found(at.member('ada').devices[1], 'second')];
    const forMachine = { kind: 'machine', recipient: late.id, keyId: late.kem.keyId, wrap: zeroHash } as const;
    const forDevice = { kind: 'device', recipient: second.id, keyId: second.custody.keyId, wrap: zeroHash } as const;
    const refused: readonly (readonly [what: string, body: RewrapItem, by: Parameters<World['draft']>[2], code: string])[] = [
      ['as it should be', { ...base, wraps: [forMachine] }, [laptop], 'accepted'],
      ['two for one recipient', { ...base, wraps: [forMachine, forMachine] }, [laptop], 'E_RECIPIENTS'],
      ['for somebody whom policy does not give', { ...base, wraps: [{ ...forMachine, recipient: idFrom(at.random) }] }, [laptop], 'E_RECIPIENTS'],
      [
        'for a member who may not approve',
        { ...base, wraps: [{ ...forDevice, recipient: at.device('eve').id, keyId: at.device('eve').custody.keyId }] },
        [at.device('ada')],
        'E_RECIPIENTS',
      ],
      [
        'for somebody who has a wrap',
        { ...base, wraps: [{ ...forMachine, recipient: at.machine('server').id, keyId: at.machine('server').kem.keyId }] },
        [laptop],
        'E_RECIPIENTS',
      ],
      ['to another key', { ...base, wraps: [{ ...forMachine, keyId: laptop.kem.keyId }] }, [laptop], 'E_KEY_NOT_IN_LOG'],
      ['a machine for a device', { ...base, wraps: [forDevice] }, [laptop], 'E_RECIPIENTS'],
      ['a device for a machine', { ...base, wraps: [forMachine] }, [at.device('ada')], 'E_RECIPIENTS'],
      ['by somebody without a wrap', { ...base, wraps: [forMachine] }, [late], 'E_ROLE'],
      ['by two', { ...base, wraps: [forDevice] }, [at.device('ada'), at.device('ben')], 'E_ROLE'],
      ['of another version', { ...base, putEh: zeroHash, wraps: [forMachine] }, [laptop], 'E_VERSION'],
      ['under another policy', { ...base, policyEh: zeroHash, wraps: [forMachine] }, [laptop], 'E_POLICY_CHANGED'],
      ['of an unknown secret', { ...base, secret: idFrom<SecretId>(at.random), wraps: [forMachine] }, [laptop], 'E_UNKNOWN_ID'],
      [
        'with a share that nobody needs',
        { ...base, shares: [{ member: at.member('eve').id, x: 0, commitment: found(at.secret('prod/db').shares[0], 'share').commitment }], wraps: [forDevice] },
        [at.device('ada')],
        'E_SHARE_COMMIT',
      ],
    ];
    for (const [what, body, by, code] of refused) expect([what, await judgeRewrap(at, body, by)]).toEqual([what, code]);
  });

  test('a device never makes the recovery wrap', async () => {
    const at = new World('kit');
    await at.genesis();
    await at.addMachine('laptop');
    await at.put('prod/db', 'value');
    const secret = at.secret('prod/db');
    const kit = await makeKit(at.random);
    await at.append('recovery.set', kit.facts);
    const body = {
      secret: secret.id,
      putEh: secret.putEh,
      policyEh: secret.put.policyEh,
      shares: [],
      wraps: [{ kind: 'recovery', recipient: '00'.repeat(16), keyId: kit.kem.keyId, wrap: zeroHash } as const],
    };
    expect(await judgeRewrap(at, body, [at.device('ada')])).toBe('E_RECIPIENTS');
  });
});

test('only a writer on a device puts: a machine’s key alone replaces nothing', async () => {
  expect(await codeOf(world.judge(await world.draft('secret.put', honest, [world.machine('laptop')])))).toBe('E_ROLE');
  expect(await codeOf(world.judge(await world.draft('secret.put', honest, [ada, world.device('ben')])))).toBe('E_ROLE');
  expect(await codeOf(world.judge(await world.draft('secret.put', { ...honest, proposedBy: world.machine('laptop').id }, [world.device('wil')])))).toBe(
    'accepted',
  );
});

describe('INV-SECRET-BATCH one entry serves many secrets: all of them or none', () => {
  async function many(count: number): Promise<{ at: World; items: RewrapItem[] }> {
    const at = new World('batch');
    await at.genesis();
    const laptop = await at.addMachine('laptop');
    for (let n = 0; n < count; n++) await at.put(`prod/${n}`, `value ${n}`);
    const late = await at.addMachine('late');
    const items: RewrapItem[] = [];
    for (let n = 0; n < count; n++) {
      const secret = at.secret(`prod/${n}`);
      const { entry, blob } = await rewrapForMachine(at.state, secret, late.id, await halfOf(at, laptop, secret));
      at.blobs.set(blobHash(blob), blob);
      items.push({ secret: secret.id, putEh: secret.putEh, policyEh: secret.put.policyEh, shares: [], wraps: [entry] });
    }
    return { at, items };
  }
  test('each gets its wrap, and every value opens with it', async () => {
    const { at, items } = await many(5);
    await at.append('secret.rewrap', { items }, [at.machine('laptop')]);
    const [device, late] = [at.device('ada'), at.machine('late')];
    for (let n = 0; n < 5; n++) {
      const secret = at.secret(`prod/${n}`);
      const share = { member: device.member, ...(await shareOf(at, device, secret)) };
      expect(textOf(await openSecret(at.state.org, secret, [share], await halfOf(at, late, secret), at.blob(secret.put.body)))).toBe(`value ${n}`);
    }
  });
  test('one that is wrong refuses all; a secret stands once; none is no entry', async () => {
    const { at, items } = await many(3);
    const judgeItems = (list: readonly RewrapItem[]): Promise<string> =>
      at.draft('secret.rewrap', { items: list }, [at.machine('laptop')]).then((bytes) => codeOf(at.judge(bytes)));
    const [first, second, third] = [found(items[0], 'item'), found(items[1], 'item'), found(items[2], 'item')];
    expect(await judgeItems([first, { ...second, putEh: zeroHash }, third])).toBe('E_VERSION');
    expect(await judgeItems([first, second, { ...third, wraps: second.wraps }])).toBe('accepted'); // what lies behind a wrap shows when it is opened
    expect(await judgeItems([first, second, first])).toBe('E_FIELD');
    expect(await codeOf(judgeItems([]))).toBe('E_FIELD');
    await at.append('secret.retire', { secret: third.secret });
    expect(await judgeItems(items)).toBe('E_UNKNOWN_ID');
    expect(await judgeItems([first, second])).toBe('accepted');
  });
  test('batches keep the order, and each fits an entry with the longest signature', async () => {
    const { at, items } = await many(1);
    const item = found(items[0], 'item');
    const wrap = found(item.wraps[0], 'wrap');
    const sized = (wraps: number): RewrapItem => ({ ...item, secret: idFrom<SecretId>(at.random), wraps: Array.from({ length: wraps }, () => wrap) });
    const list = [...Array.from({ length: 130 }, () => sized(1)), sized(512), sized(512), ...Array.from({ length: 70 }, () => sized(20))];
    const batches = rewrapBatches(list);
    expect(batches.flat()).toEqual(list);
    expect(batches.slice(0, 3).map((batch) => batch.length)).toEqual([64, 64, 3]);
    for (const batch of batches) {
      expect(batch.length).toBeLessThanOrEqual(limits.rewrapItems);
      expect((await at.draft('secret.rewrap', { items: batch }, [at.machine('laptop')])).length).toBeLessThanOrEqual(limits.entryBytes - 4_096);
    }
    expect(rewrapBatches([])).toEqual([]);
    const codec = bodyCodecs['secret.rewrap'];
    expect(await codeOf(() => codec.toItem({ items: list.slice(0, 64) }))).toBe('accepted');
    expect(await codeOf(() => codec.toItem({ items: list.slice(0, 65) }))).toBe('E_FIELD');
  });
});
