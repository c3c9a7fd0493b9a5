// The recovery kit: words, typing errors, mixed sheets, the drill, and the whole way back (spec/18-recovery.md; design row 78).
import { describe, expect, test } from 'bun:test';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import fc from 'fast-check';
import { combine as shamirCombine } from 'shamir-secret-sharing';
import { codeOf } from '../testing/code-of.ts';
import { seededRandom } from '../testing/seeded.ts';
import { World, everyRole, found, textOf } from '../testing/world.ts';
import { makeDevice, makeKit } from '../testing/world-people.ts';
import { ProtocolError } from './errors.ts';
import { openRecovered, sealSecret } from './custody.ts';
import { openMkWrap } from './org-log/record.ts';
import { type Hash, blobHash } from './hash.ts';
import { verifySignature } from './keys.ts';
import {
  type KitShare,
  combineKit,
  completeWord,
  createKit,
  drillKit,
  formatShare,
  kitId,
  kitKeys,
  openKitMetaKey,
  parseShare,
  shareWords,
  verifyKit,
  wrongWord,
} from './recovery.ts';

const random = seededRandom('kit');
const threeOfFive = await createKit(random, 3, 5);
const sheets = threeOfFive.shares.map(formatShare);
const sheet = (index: number): string => found(sheets[index], 'sheet');
const share = (index: number): KitShare => found(threeOfFive.shares[index], 'share');
const replaced = (text: string, at: number, word: string): string =>
  text
    .split(' ')
    .map((old, index) => (index === at ? word : old))
    .join(' ');

describe('INV-RECOVERY-KIT t shares give the kit, fewer give nothing', () => {
  test('any three of five, in any order, give the keys that the log will name', async () => {
    for (const [a, b, c] of [
      [0, 1, 2],
      [4, 2, 0],
      [3, 1, 4],
    ] as const) {
      const { signer, kem } = await kitKeys(await combineKit([share(a), share(b), share(c)]));
      expect([signer.publicKey, kem.publicKey]).toEqual([threeOfFive.facts.sigKey, threeOfFive.facts.kemKey]);
      const message = random(8);
      await verifySignature(threeOfFive.facts.sigKey, message, await signer.sign(message));
    }
  });
  test('row 78: fewer, one twice, and what two shares would give', async () => {
    expect(await codeOf(combineKit([]))).toBe('E_QUORUM');
    expect(await codeOf(combineKit([share(0), share(1)]))).toBe('E_QUORUM');
    expect(await codeOf(combineKit([share(0), share(1), share(1)]))).toBe('E_KIT_MIX');
    expect(await codeOf(combineKit([share(0), share(1)].map((of) => ({ ...of, t: 2 }))))).toBe('E_KIT_MIX');
  });
  test('shares of two kits, and a forged one', async () => {
    const other = await createKit(random, 3, 5);
    expect(await codeOf(combineKit([share(0), share(1), found(other.shares[2], 'share')]))).toBe('E_KIT_MIX');
    expect(await codeOf(combineKit([share(0), share(1), { ...found(other.shares[2], 'share'), kit: share(0).kit }]))).toBe('E_KIT_MIX');
  });
  test('row 78: whatever t and m are, t − 1 sheets are refused, also where they claim that fewer are enough', async () => {
    const kinds = fc.integer({ min: 2, max: 6 }).chain((t) => fc.record({ t: fc.constant(t), m: fc.integer({ min: t, max: 8 }), seed: fc.nat() }));
    await fc.assert(
      fc.asyncProperty(kinds, async ({ t, m, seed }) => {
        const { shares } = await createKit(seededRandom(`too few ${seed}`), t, m);
        const few = shares.slice(seed % (m - t + 2)).slice(0, t - 1);
        expect(await codeOf(combineKit(few))).toBe('E_QUORUM');
        expect(await codeOf(combineKit(few.map((of) => ({ ...of, t: t - 1 }))))).toBe('E_KIT_MIX');
      }),
      { numRuns: 25 },
    );
  });
  test('row 78: t − 1 sheets leave every secret equally possible, byte for byte', async () => {
    const [one, two] = (await createKit(random, 2, 2)).shares;
    const points = (value: number): Uint8Array[] =>
      [one, two].map((of, index) => Uint8Array.of(index === 0 ? (found(of, 'share').share[0] ?? 0) : value, found(of, 'share').x));
    const secrets = await Promise.all(Array.from({ length: 256 }, async (_, value) => (await shamirCombine(points(value)))[0]));
    expect(new Set(secrets).size).toBe(256);
  });
  test('one of one, one of three, sixteen of sixteen', async () => {
    for (const [t, m] of [
      [1, 1],
      [1, 3],
      [16, 16],
    ] as const) {
      const { facts, shares } = await createKit(random, t, m);
      const parsed = shares.map((of) => parseShare(formatShare(of))).slice(m - t);
      expect((await kitKeys(await combineKit(parsed))).signer.publicKey).toEqual(facts.sigKey);
    }
  });
  test('thresholds that nobody could meet', async () => {
    for (const [t, m] of [
      [0, 1],
      [2, 1],
      [17, 17],
      [1, 17],
      [1.5, 2],
    ] as const)
      expect(await codeOf(createKit(random, t, m))).toBe('E_QUORUM');
  });
  test('every share differs, and names its kit by the public key alone', () => {
    expect(new Set(sheets).size).toBe(5);
    expect(new Set(threeOfFive.shares.map(({ kit }) => kit))).toEqual(new Set([kitId(threeOfFive.facts.sigKey)]));
  });
});

describe('INV-RECOVERY-WORDS a share is 32 words, and a slip of the pen is found', () => {
  test('written and read again, whole or by four letters, in any case, numbered, in lines', () => {
    for (const [index, text] of sheets.entries()) {
      expect(text.split(' ')).toHaveLength(shareWords);
      expect(parseShare(text)).toEqual(share(index));
    }
    const numbered = sheet(0)
      .split(' ')
      .map((word, index) => `${index + 1}. ${word.slice(0, 4).toUpperCase()}`);
    expect(parseShare(numbered.join('\n'))).toEqual(share(0));
  });
  test('every word exchanged for another is noticed', () => {
    for (let at = 0; at < shareWords; at++) {
      const old = found(sheet(1).split(' ')[at], 'word');
      const wrong = found(wordlist[(wordlist.indexOf(old) + 1) % wordlist.length], 'word');
      expect(() => parseShare(replaced(sheet(1), at, wrong))).toThrow('E_KIT_FORMAT');
    }
  });
  test('two neighbours exchanged, a word too many or too few, something else', async () => {
    const words = sheet(2).split(' ');
    const at = words.findIndex((word, index) => word !== words[index + 1]);
    const swapped = replaced(replaced(sheet(2), at, found(words[at + 1], 'word')), at + 1, found(words[at], 'word'));
    for (const text of [swapped, `${sheet(2)} abandon`, words.slice(1).join(' '), '', 'svt1_abc', `${sheet(2)} ${' '.repeat(2_000)}`])
      expect(await codeOf(() => parseShare(text))).toBe('E_KIT_FORMAT');
  });
  test('it says which word, and never what the words were', () => {
    const text = replaced(sheet(3), 6, 'stillvault');
    const error = (() => {
      try {
        return parseShare(text);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(ProtocolError);
    expect(String(error)).toContain('word 7');
    for (const word of text.split(' ').filter((one) => one.length > 4)) expect(String(error)).not.toContain(word);
  });
});

describe('who is stuck is told which word to look at', () => {
  const others = (text: string, at: number): string => replaced(text, at, text.split(' ')[at] === 'zoo' ? 'zone' : 'zoo');
  test('one wrong word, wherever it stands', () => {
    for (const at of [0, 27, 28, 31]) expect(wrongWord(others(sheet(0), at))).toBe(at + 1);
  });
  test('two neighbours exchanged, a word that is none, all right', () => {
    const words = sheet(2).split(' ');
    const at = words.findIndex((word, index) => word !== words[index + 1]);
    expect(wrongWord(replaced(replaced(sheet(2), at, found(words[at + 1], 'word')), at + 1, found(words[at], 'word')))).toBe(at + 1);
    expect(wrongWord(replaced(sheet(2), 4, 'stillvault'))).toBe(5);
    expect(wrongWord('too few')).toBeUndefined();
  });
  test('words are completed from the list', () => {
    expect(completeWord('aban')).toEqual(['abandon']);
    expect(completeWord('Zo')).toEqual(['zone', 'zoo']);
    expect([completeWord(''), completeWord('xyz')]).toEqual([[], []]);
  });
});

describe('INV-RECOVERY-DRILL a drill proves the kit and changes nothing', () => {
  async function org(): Promise<{ at: World; wraps: () => Uint8Array }> {
    const at = new World('drill');
    await at.genesis();
    await at.append('recovery.set', { ...threeOfFive.facts, delayMs: 3_600_000 });
    await at.rotate();
    return { at, wraps: () => at.blob(found([...at.rotations.values()].at(-1), 'rotation').wraps) };
  }
  test('three shares of the kit that the log names', async () => {
    const { at, wraps } = await org();
    const before = at.state;
    await drillKit(at.state, [share(4), share(0), share(2)], wraps());
    expect(at.state).toBe(before);
  });
  test('a kit that was replaced, none at all, and a metadata key that the kit was left out of', async () => {
    const { at, wraps } = await org();
    const three = [share(0), share(1), share(2)];
    expect(await codeOf(drillKit({ ...at.state, mkCommitment: '00'.repeat(32) as Hash }, three, wraps()))).toBe('E_MK_EPOCH');
    const { recovery: _, ...without } = at.state;
    expect(await codeOf(drillKit(without, three, wraps()))).toBe('E_RECOVERY');
    const [alone, late] = [new World('drill'), await kitKeys(await combineKit(three))];
    await alone.genesis();
    await alone.rotate();
    await alone.append('recovery.set', { ...threeOfFive.facts, delayMs: 0 });
    const blob = alone.blob(found([...alone.rotations.values()][0], 'rotation').wraps);
    expect(await codeOf(openKitMetaKey(alone.state.org, 1, late, blob))).toBe('E_REVOKED');
    await at.append('recovery.set', (await makeKit(at.random)).facts);
    expect(await codeOf(drillKit(at.state, three, wraps()))).toBe('E_KIT_MIX');
  });
});

describe('INV-RECOVERY-VALUES the kit alone opens what was stored while it stood', () => {
  test('the whole way back: paper, log, new device, values sealed anew', async () => {
    const at = new World('the whole way');
    await at.genesis();
    await at.addMachine('laptop');
    await at.put('prod/before', 'stored before the kit');
    await at.append('recovery.set', { ...threeOfFive.facts, delayMs: 3_600_000 });
    await at.rotate();
    await at.put('prod/db', 'hunter2');

    // Everything is lost but three sheets, and what the relay holds.
    const kit = await kitKeys(await combineKit([sheet(0), sheet(3), sheet(4)].map(parseShare)));
    const { wraps } = found([...at.rotations.values()].at(-1), 'rotation');
    expect(await openKitMetaKey(at.state.org, 1, kit, at.blob(wraps))).toEqual(found(at.mk.get(1), 'metadata key'));
    verifyKit(at.state, kit);
    const voice = { voice: { ref: { kind: 'recovery', id: '00'.repeat(16) } as const, signer: kit.signer } };
    const phone = await makeDevice(at.random, at.member('ada').id, 'new phone');
    await at.append('recovery.use', { reason: 'lost', member: { member: phone.member, name: 'ada', roles: everyRole }, device: phone.facts }, [voice, phone]);
    at.clock.advance(3_600_000);
    await at.append('recovery.finish', { use: at.state.head.eh }, [voice, phone]);

    const secret = at.secret('prod/db');
    const wrap = at.blob(
      found(
        secret.wraps.find(({ kind }) => kind === 'recovery'),
        'wrap',
      ).wrap,
    );
    const value = await openRecovered(at.state.org, secret, kit.kem, wrap, at.blob(secret.put.body));
    expect(textOf(value)).toBe('hunter2');
    const { put, blobs } = await sealSecret(
      at.state,
      { secret: secret.id, path: secret.path, ver: 2, prevVerEh: secret.putEh, value, description: '' },
      at.random,
    );
    for (const blob of blobs) at.blobs.set(blobHash(blob), blob);
    await at.append('secret.put', put, [phone]);
    expect(at.secret('prod/db').wraps.some(({ recipient }) => recipient === phone.id)).toBe(true);
    const old = at.secret('prod/before');
    expect(await codeOf(openRecovered(at.state.org, old, kit.kem, wrap, at.blob(old.put.body)))).toBe('E_NOT_ENTITLED');
  });
  test('another kit, another secret’s wrap, another body', async () => {
    const at = new World('values');
    await at.genesis({ withRecovery: true });
    const [one, two] = [await at.put('prod/one', '1'), await at.put('prod/two', '2')];
    const wrapOf = (secret: typeof one): Uint8Array =>
      at.blob(
        found(
          secret.wraps.find(({ kind }) => kind === 'recovery'),
          'wrap',
        ).wrap,
      );
    const kit = found(at.kit, 'kit');
    const [body, other] = [at.blob(one.put.body), at.blob(two.put.body)];
    expect(textOf(await openRecovered(at.state.org, one, kit.kem, wrapOf(one), body))).toBe('1');
    expect(await codeOf(openRecovered(at.state.org, one, (await makeKit(at.random)).kem, wrapOf(one), body))).toBe('E_OPEN');
    expect(await codeOf(openRecovered(at.state.org, one, kit.kem, wrapOf(two), body))).toBe('E_WRAP_MIX');
    expect(await codeOf(openRecovered(at.state.org, one, kit.kem, wrapOf(one), other))).toBe('E_BODY_HASH');
  });
  test('the kit gets every new metadata key, and a device’s wrap is not its', async () => {
    const at = new World('epochs');
    await at.genesis({ withRecovery: true });
    await at.rotate();
    const blob = at.blob(found([...at.rotations.values()][0], 'rotation').wraps);
    const kit = found(at.kit, 'kit');
    expect(await openMkWrap(at.state.org, 1, '00'.repeat(16), kit.kem, blob)).toEqual(found(at.mk.get(1), 'key'));
    expect(await codeOf(openMkWrap(at.state.org, 1, at.device('ada').id, kit.kem, blob))).toBe('E_OPEN');
  });
});
