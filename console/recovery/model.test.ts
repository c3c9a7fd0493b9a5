// Words as they are typed from paper, what is asked back, and which kits there can be (spec/18-recovery.md §words).
import { describe, expect, test } from 'bun:test';
import { createKit, formatShare, shareWords } from '../../protocol/recovery.ts';
import { seededRandom } from '../../testing/seeded.ts';
import { found } from '../../testing/world.ts';
import { askedBack, completed, inFours, isWord, judgeSheet, kitAddress, readTyped, termsOf } from './model.ts';

const random = seededRandom('model');
const { shares } = await createKit(random, 2, 3);
const share = (index: number) => found(shares[index], 'share');
const text = (index: number): string => formatShare(share(index));

describe('typing', () => {
  test('a word counts once it can be no other, and is offered before', () => {
    expect(readTyped('')).toEqual({ words: 0, suggestions: [], isWhole: false });
    expect(readTyped('abandon abo')).toEqual({ words: 1, suggestions: ['about', 'above'], isWhole: false });
    expect(readTyped('abandon abou')).toMatchObject({ words: 2, suggestions: [] });
    expect(readTyped('a')).toMatchObject({ words: 0, suggestions: [] }); // too many to choose from
    expect(completed('abandon abo', 'above')).toBe('abandon above ');
  });
  test('a word of three letters that begins another is one only with a space after it', () => {
    expect(readTyped('act').words).toBe(1);
    expect(readTyped('actr')).toMatchObject({ words: 1 });
  });
  test('the first word that is not on the list is named, at once where no word begins so', () => {
    expect(readTyped('abandon stillvault able ')).toMatchObject({ unlisted: 2 });
    expect(readTyped('abandon xq')).toMatchObject({ unlisted: 2 });
  });
  test('a whole sheet, by whole words and by four letters, numbered or not', () => {
    expect(readTyped(text(0))).toMatchObject({ words: shareWords, isWhole: true });
    expect(readTyped(text(0).replace(/\b(\w{4})\w*/g, '$1')).isWhole).toBe(true);
    expect(readTyped(`${text(0)} abandon `).isWhole).toBe(false);
  });
});

test('sheets beside each other: one more, one twice, one of another kit, one with a slip', async () => {
  const other = found((await createKit(random, 2, 3)).shares[0], 'share');
  expect(judgeSheet(text(1), [share(0)])).toEqual({ kind: 'share', share: share(1) });
  expect(judgeSheet(text(0), [share(0)])).toEqual({ kind: 'twice' });
  expect(judgeSheet(formatShare(other), [share(0)])).toEqual({ kind: 'other-kit', kit: other.kit, first: share(0).kit });
  expect(judgeSheet(text(0).split(' ').toReversed().join(' '), [])).toEqual({ kind: 'checksum' });
});

test('two words are asked back: others on every sheet, each by four letters or whole', () => {
  const asked = shares.map(askedBack);
  for (const [a, b] of asked) expect([a >= 1 && b <= shareWords, a < b]).toEqual([true, true]);
  expect(new Set(asked.map(String)).size).toBeGreaterThan(1);
  const word = found(text(0).split(' ')[4], 'word');
  expect([
    isWord(share(0), 5, ` ${word.toUpperCase()} `),
    isWord(share(0), 5, word.slice(0, 4)),
    isWord(share(0), 5, ''),
    isWord(share(0), 5, 'zebrafish'),
  ]).toEqual([true, true, false, false]);
});

test('numbers that no kit can have are none', () => {
  expect(termsOf('two', { t: 0, m: 0 }, 'week')).toEqual({ t: 2, m: 3, delayMs: 604_800_000 });
  for (const own of [
    { t: 0, m: 3 },
    { t: 4, m: 3 },
    { t: 2, m: 17 },
    { t: 1.5, m: 3 },
    { t: Number.NaN, m: 3 },
  ])
    expect(termsOf('own', own, 'day')).toBeUndefined();
});

test('the address on a sheet names org and relay, and nothing else', () => {
  expect(kitAddress('https://vault.example', 'ab'.repeat(32), 'https://relay.example')).toBe(
    `https://vault.example/#/recovery/${'ab'.repeat(32)}/https%3A%2F%2Frelay.example`,
  );
  expect(inFours('0123456789ab')).toBe('0123 4567 89ab');
});
