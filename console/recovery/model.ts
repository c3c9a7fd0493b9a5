// Of the kit's pages, what can be said without a screen: words as they are typed, which two are asked back, choices. Pure.
import { type KitShare, completeWord, formatShare, parseShare, shareWords } from '../../protocol/recovery.ts';
import type { KitTerms } from './contract.ts';

export interface Typed {
  /** Words so far, the one that is being typed not among them. */
  readonly words: number;
  /** Offered for the word that is being typed. */
  readonly suggestions: readonly string[];
  /** Place, from 1, of the first word that is not on the list. */
  readonly unlisted?: number;
  /** All of them are there, and on the list. */
  readonly isWhole: boolean;
}

/** What a person has typed so far. A word counts once a space follows, or once it can be no other. */
export function readTyped(text: string): Typed {
  const all = text.toLowerCase().match(/[a-z]+/g) ?? [];
  const isOpen = /[a-z]$/i.test(text);
  const last = isOpen ? (all.at(-1) ?? '') : '';
  const candidates = completeWord(last, 5);
  const isLastWhole = isListed(last);
  const finished = isOpen && !isLastWhole ? all.slice(0, -1) : all;
  const wrong = finished.findIndex((word) => !isListed(word));
  const isHopeless = wrong < 0 && last !== '' && candidates.length === 0;
  const unlisted = wrong >= 0 ? wrong + 1 : isHopeless ? all.length : undefined;
  return {
    words: finished.length,
    suggestions: isLastWhole || candidates.length > 4 ? [] : candidates,
    ...(unlisted === undefined ? {} : { unlisted }),
    isWhole: unlisted === undefined && finished.length === shareWords && all.length === shareWords,
  };
}

function isListed(word: string): boolean {
  const [first, ...others] = completeWord(word, 2);
  return first !== undefined && (first === word || (word.length === 4 && others.length === 0));
}

/** The text with its last word finished. */
export function completed(text: string, word: string): string {
  return `${text.replace(/[a-z]+$/i, '')}${word} `;
}

export type Judged =
  | { readonly kind: 'share'; readonly share: KitShare }
  | { readonly kind: 'twice' }
  | { readonly kind: 'other-kit'; readonly kit: string; readonly first: string }
  | { readonly kind: 'checksum' };

/** A whole sheet beside those that were typed before. */
export function judgeSheet(text: string, known: readonly KitShare[]): Judged {
  let share: KitShare;
  try {
    share = parseShare(text);
  } catch {
    return { kind: 'checksum' };
  }
  const [first] = known;
  if (first && first.kit !== share.kit) return { kind: 'other-kit', kit: share.kit, first: first.kit };
  return known.some(({ x }) => x === share.x) ? { kind: 'twice' } : { kind: 'share', share };
}

export function wordsOf(share: KitShare): readonly string[] {
  return formatShare(share).split(' ');
}

/** Two places, from 1, that are asked back: others on each sheet, and nothing that the person could know before. */
export function askedBack({ share }: KitShare): readonly [number, number] {
  const [a = 0, b = 0] = share;
  const first = a % shareWords;
  const second = (first + 1 + (b % (shareWords - 1))) % shareWords;
  return first < second ? [first + 1, second + 1] : [second + 1, first + 1];
}

/** Whether what was typed is that word, whole or by its first four letters. */
export function isWord(share: KitShare, place: number, typed: string): boolean {
  const word = wordsOf(share)[place - 1] ?? '';
  const text = typed.trim().toLowerCase();
  return text === word || (text.length === 4 && word.startsWith(text));
}

export const delays = { none: 0, day: 86_400_000, three: 259_200_000, week: 604_800_000 } as const;
export type DelayName = keyof typeof delays;
const kinds = { one: [1, 1], two: [2, 3], three: [3, 5] } as const;

export type Kind = keyof typeof kinds | 'own';

/** Undefined where the numbers are none that a kit can have. */
export function termsOf(kind: Kind, own: { readonly t: number; readonly m: number }, delay: DelayName): KitTerms | undefined {
  const [t, m] = kind === 'own' ? [own.t, own.m] : kinds[kind];
  const isPossible = Number.isInteger(t) && Number.isInteger(m) && t >= 1 && t <= m && m <= 16;
  return isPossible ? { t, m, delayMs: delays[delay] } : undefined;
}

/** The console's address for this kit: what the QR code on a sheet holds. */
export function kitAddress(origin: string, org: string, relay: string): string {
  return `${origin}/#/recovery/${org}/${encodeURIComponent(relay)}`;
}

/** Groups of four, as they are printed and typed. */
export function inFours(hex: string): string {
  return hex.replace(/.{4}(?=.)/g, '$& ');
}
