// The store contract: every store of the relay passes this one suite (spec/08-relay.md §store). A PostgreSQL store is one more line in `stores`.
import { afterAll, describe, expect, test } from 'bun:test';
import type { Hash, Mail, MailboxId, OrgId, StreamId, StreamRecord } from '../../protocol/wire.ts';
import { blobHash } from '../../protocol/wire.ts';
import { type TestKey, at, chain, createKey, noHash, randomBytes, randomId, temporaryDir } from '../test-world.ts';
import { openSqliteStore } from './sqlite.ts';
import { type Store, type StoreQuotas, appendsPerJoinKey } from './store.ts';

interface StoreUnderTest {
  readonly name: string;
  readonly create: (quotas: StoreQuotas) => Promise<Store & AsyncDisposable>;
}

const dirs = new DisposableStack();
afterAll(() => dirs.dispose());
const stores: readonly StoreUnderTest[] = [
  {
    name: 'sqlite',
    create: (quotas) => {
      const store = openSqliteStore(dirs.use(temporaryDir()).path, quotas);
      return Promise.resolve({ ...store, [Symbol.asyncDispose]: () => store.close() });
    },
  },
];

const plenty: StoreQuotas = { orgBytes: 1e9, orgRecords: 1e6, orgMails: 1e6, orgKeys: 1e3 };
const maxBytes = 4_000_000;
const now = 1_800_000_000_000;

async function signUp(store: Store): Promise<TestKey> {
  const key = await createKey();
  expect(await store.admit({ org: key.org, keyId: key.keyId, nonce: randomBytes(16), nonceUntil: now + 1_000, now, firstKey: key.publicKey })).toBe('admitted');
  return key;
}
function mailTo(mailbox: MailboxId, bytes = 10, ttlS = 60): Mail {
  return { mailbox, body: randomBytes(bytes), ttlS };
}

describe.each(stores.map((store) => [store.name, store.create] as const))('%s', (_name, create) => {
  test('admission: an org is created once, a nonce is used once, a stranger is refused', async () => {
    await using store = await create(plenty);
    const key = await createKey();
    const nonce = randomBytes(16);
    const admission = { org: key.org, keyId: key.keyId, nonce, nonceUntil: now + 1_000, now };
    expect(await store.knowsOrg(key.org)).toBe(false);
    expect(await store.admit(admission)).toBe('refused');
    expect(await store.admit({ ...admission, firstKey: key.publicKey })).toBe('admitted');
    expect(await store.knowsOrg(key.org)).toBe(true);
    expect(await store.admit({ ...admission, nonce: randomBytes(16), firstKey: key.publicKey })).toBe('refused');
    expect(await store.admit(admission)).toBe('replayed');
    expect(await store.admit({ ...admission, nonce: randomBytes(16) })).toBe('admitted');
    expect(await store.admit({ ...admission, keyId: (await createKey()).keyId })).toBe('refused');
    expect(await store.findKey(key.org, key.keyId)).toEqual({ publicKey: key.publicKey, grade: 'device', revoked: false });
    expect(await store.findKey(randomId<OrgId>(), key.keyId)).toBeUndefined();
  });

  test('of fifty concurrent sign-ups of one org one is admitted', async () => {
    await using store = await create(plenty);
    const key = await createKey();
    const admit = (): Promise<string> => store.admit({ org: key.org, keyId: key.keyId, nonce: randomBytes(16), nonceUntil: now, now, firstKey: key.publicKey });
    const results = await Promise.all(Array.from({ length: 50 }, admit));
    expect(results.filter((result) => result === 'admitted')).toHaveLength(1);
  });

  test('keys: idempotent, never with another grade, one machine per join key, revoked for good, the last device stays', async () => {
    await using store = await create(plenty);
    const owner = await signUp(store);
    const device = { keyId: owner.keyId, grade: 'device' } as const;
    const [join, machine, other] = [await createKey(owner.org), await createKey(owner.org), await createKey(owner.org)];
    const joinKey = { keyId: join.keyId, publicKey: join.publicKey, grade: 'join', expiresAt: now + 1_000 } as const;
    expect(await store.registerKey(owner.org, joinKey, device, now)).toBe('registered');
    expect(await store.registerKey(owner.org, joinKey, device, now)).toBe('registered');
    expect(await store.registerKey(owner.org, { ...joinKey, grade: 'device' }, device, now)).toBe('differs');
    expect(await store.registerKey(owner.org, { ...joinKey, expiresAt: now + 2_000 }, device, now)).toBe('differs');
    const byJoin = { keyId: join.keyId, grade: 'join' } as const;
    const machineKey = { keyId: machine.keyId, publicKey: machine.publicKey, grade: 'machine' } as const;
    expect(await store.registerKey(owner.org, machineKey, byJoin, now)).toBe('registered');
    expect(await store.registerKey(owner.org, machineKey, byJoin, now)).toBe('registered');
    expect(await store.registerKey(owner.org, { ...machineKey, keyId: other.keyId }, byJoin, now)).toBe('spent');
    expect(await store.revokeKey(owner.org, machine.keyId, owner.keyId, now)).toBe('revoked');
    expect(await store.revokeKey(owner.org, machine.keyId, owner.keyId, now)).toBe('revoked');
    expect((await store.findKey(owner.org, machine.keyId))?.revoked).toBe(true);
    expect(await store.registerKey(owner.org, machineKey, device, now)).toBe('differs');
    expect(await store.admit({ org: owner.org, keyId: machine.keyId, nonce: randomBytes(16), nonceUntil: now, now })).toBe('refused');
    expect(await store.revokeKey(owner.org, other.keyId, owner.keyId, now)).toBe('unknown');
    expect(await store.revokeKey(owner.org, owner.keyId, owner.keyId, now)).toBe('last');
    expect(await store.admit({ org: owner.org, keyId: join.keyId, nonce: randomBytes(16), nonceUntil: now, now: now + 1_000 })).toBe('refused');
  });

  test('INV-RELAY-CAS streams: a record extends the head or is answered with it', async () => {
    await using store = await create(plenty);
    const { org } = await signUp(store);
    const stream = randomId<StreamId>();
    const records = chain(stream, 5);
    const append = async (record: StreamRecord): Promise<readonly [string, number]> => {
      const { kind, head } = await store.append(org, record);
      return [kind, head.seq];
    };
    expect(await append({ ...at(records), seq: 1 })).toEqual(['conflict', -1]);
    expect(await append({ ...at(records), prev: randomId<Hash>() })).toEqual(['conflict', -1]);
    for (const record of records) expect(await append(record)).toEqual(['appended', record.seq]);
    for (const record of records) expect(await append(record)).toEqual(['known', record.seq]);
    const second = at(records, 1);
    expect(await append({ ...second, blob: randomBytes(100) })).toEqual(['conflict', 4]);
    expect(await append({ ...second, prev: noHash })).toEqual(['conflict', 4]);
    expect(await append({ ...second, seq: 5 })).toEqual(['conflict', 4]);
    expect(await append({ ...second, seq: 6, prev: records[4]?.eh ?? noHash })).toEqual(['conflict', 4]);
    expect(await store.readStream(org, stream, 0, 500, maxBytes)).toEqual({ head: { stream, seq: 4, eh: records[4]?.eh ?? noHash }, records });
    expect((await store.readStream(org, stream, 3, 1, maxBytes)).records).toEqual([at(records, 3)]);
    expect((await store.readStream(org, stream, 5, 10, maxBytes)).records).toEqual([]);
    expect((await store.readStream(org, stream, 0, 500, 700)).records).toHaveLength(3);
    expect((await store.readStream(org, randomId<StreamId>(), 0, 500, maxBytes)).head.seq).toBe(-1);
  });

  test('streams: what a join key appends is counted, what it repeats or fails to append is not', async () => {
    await using store = await create(plenty);
    const owner = await signUp(store);
    const join = await createKey(owner.org);
    const joinKey = { keyId: join.keyId, publicKey: join.publicKey, grade: 'join', expiresAt: now + 1_000 } as const;
    await store.registerKey(owner.org, joinKey, { keyId: owner.keyId, grade: 'device' }, now);
    const records = chain(randomId<StreamId>(), appendsPerJoinKey + 1);
    const append = async (index: number): Promise<string> => (await store.append(owner.org, at(records, index), join.keyId)).kind;
    expect(await append(1)).toBe('conflict');
    for (let n = 0; n < appendsPerJoinKey; n++) expect([await append(n), await append(n)]).toEqual(['appended', 'known']);
    expect(await append(appendsPerJoinKey)).toBe('spent');
    expect((await store.append(owner.org, at(records, appendsPerJoinKey))).kind).toBe('appended');
  });

  test('of fifty concurrent records for one place exactly one wins, and the others learn which', async () => {
    await using store = await create(plenty);
    const { org } = await signUp(store);
    const stream = randomId<StreamId>();
    const rivals = Array.from({ length: 50 }, () => at(chain(stream, 1)));
    const results = await Promise.all(rivals.map((record) => store.append(org, record)));
    const winners = results.filter((result) => result.kind === 'appended');
    expect(winners).toHaveLength(1);
    expect(new Set(results.map((result) => result.head.eh)).size).toBe(1);
    expect((await store.readStream(org, stream, 0, 10, maxBytes)).records).toHaveLength(1);
  });

  test('blobs: by hash, in the order asked, absent ones marked, per org', async () => {
    await using store = await create(plenty);
    const [{ org }, stranger] = [await signUp(store), await signUp(store)];
    const blobs = [randomBytes(1), randomBytes(1_000), randomBytes(100_000)];
    const named = new Map(blobs.map((blob) => [blobHash(blob), blob]));
    expect(await store.putBlobs(org, named)).toBe('stored');
    expect(await store.putBlobs(org, named)).toBe('stored');
    const names = [...named.keys()].toReversed();
    expect(await store.getBlobs(org, [...names, randomId<Hash>()], maxBytes)).toEqual([...blobs.toReversed(), undefined]);
    expect(await store.getBlobs(stranger.org, names, maxBytes)).toEqual([undefined, undefined, undefined]);
    expect(await store.getBlobs(org, names, 100_000)).toBe('too large');
  });

  test('INV-RELAY-MAIL in order over several mailboxes, with a cursor, until it expires, per org; ids are never used again', async () => {
    await using store = await create(plenty);
    const [{ org }, stranger] = [await signUp(store), await signUp(store)];
    const [box, otherBox] = [randomId<MailboxId>(), randomId<MailboxId>()];
    const mails = [mailTo(box), mailTo(otherBox), mailTo(box, 10, 5), mailTo(randomId<MailboxId>())];
    const ids = await store.postMail(org, mails, now);
    expect(ids).toEqual([1, 2, 3, 4]);
    const read = async (after: number, limit = 10, at = now, bytes = maxBytes): Promise<readonly number[]> =>
      (await store.readMail(org, [otherBox, box, box], after, limit, at, bytes)).map((mail) => mail.id);
    expect(await store.readMail(org, [box], 0, 1, now, maxBytes)).toEqual([{ id: 1, mailbox: box, body: mails[0]?.body ?? randomBytes(0), postedAt: now }]);
    expect(await read(0)).toEqual([1, 2, 3]);
    expect(await read(1)).toEqual([2, 3]);
    expect(await read(0, 2)).toEqual([1, 2]);
    expect(await read(0, 10, now, 300)).toEqual([1, 2]);
    expect(await read(0, 10, now + 5_000)).toEqual([1, 2]);
    expect(await store.readMail(stranger.org, [box, otherBox], 0, 10, now, maxBytes)).toEqual([]);
    expect(await store.expire(now + 60_000, 100)).toBeGreaterThanOrEqual(4);
    expect(await store.expire(now + 60_000, 100)).toBe(0);
    expect(await store.postMail(org, [mailTo(box)], now)).toEqual([5]);
  });

  test('quotas: what does not fit is refused whole, what expires makes room', async () => {
    await using store = await create({ orgBytes: 20_000, orgRecords: 3, orgMails: 2, orgKeys: 2 });
    const owner = await signUp(store);
    const { org } = owner;
    const records = chain(randomId<StreamId>(), 4);
    const kinds: string[] = [];
    for (const record of records) kinds.push((await store.append(org, record)).kind);
    expect(kinds).toEqual(['appended', 'appended', 'appended', 'quota']);
    const box = randomId<MailboxId>();
    expect(await store.postMail(org, [mailTo(box), mailTo(box), mailTo(box)], now)).toBe('quota');
    expect(await store.readMail(org, [box], 0, 10, now, maxBytes)).toEqual([]);
    expect(await store.postMail(org, [mailTo(box), mailTo(box)], now)).toEqual([1, 2]);
    expect(await store.postMail(org, [mailTo(box)], now)).toBe('quota');
    await store.expire(now + 60_000, 100);
    expect(await store.postMail(org, [mailTo(box)], now)).toEqual([3]);
    const [small, large] = [randomBytes(10), randomBytes(20_000)];
    expect(
      await store.putBlobs(
        org,
        new Map([
          [blobHash(small), small],
          [blobHash(large), large],
        ]),
      ),
    ).toBe('quota');
    expect(await store.getBlobs(org, [blobHash(small)], maxBytes)).toEqual([undefined]);
    expect(await store.putBlobs(org, new Map([[blobHash(small), small]]))).toBe('stored');
    const by = { keyId: owner.keyId, grade: 'device' } as const;
    const results: string[] = [];
    for (const key of [await createKey(), await createKey()])
      results.push(await store.registerKey(org, { keyId: key.keyId, publicKey: key.publicKey, grade: 'machine' }, by, now));
    expect(results).toEqual(['registered', 'quota']);
  });

  test('expiry in small steps removes everything that ended and nothing else', async () => {
    await using store = await create(plenty);
    const { org } = await signUp(store);
    const box = randomId<MailboxId>();
    await store.postMail(org, [...Array.from({ length: 25 }, () => mailTo(box, 10, 1)), mailTo(box, 10, 100)], now);
    for (let gone = 10; gone >= 10;) gone = await store.expire(now + 2_000, 10);
    expect((await store.readMail(org, [box], 0, 100, now, maxBytes)).map((mail) => mail.id)).toEqual([26]);
  });

  test('a store that was closed refuses writes instead of acknowledging them', async () => {
    const store = await create(plenty);
    const { org } = await signUp(store);
    await store.probe();
    await store.close();
    await expect(store.append(org, at(chain(randomId<StreamId>(), 1)))).rejects.toMatchObject({ code: 'E_RELAY_STORE' });
  });
});
