// What a file to import holds, whatever its form: secrets with a name and a place, and how the file looks without them (spec/19-import.md §source).
import { StillvaultError } from '../../../sdk/errors.ts';
import type { ImportCode } from './codes.ts';

export type Content = { readonly kind: 'value'; readonly value: string } | { readonly kind: 'fields'; readonly fields: Readonly<Record<string, string>> };

export interface Candidate {
  /** Below the prefix: segments as the file has them, not yet legal. */
  readonly segments: readonly string[];
  readonly line?: number;
  readonly content: Content;
  /** Why it is taken, or why it stays unless it is named. */
  readonly why: string;
  readonly isTaken: boolean;
}

/** Where its value goes: `prod/db`, or one field of it. */
export interface Target {
  readonly path: string;
  readonly field?: string;
}

/** A piece of a file as it was: text that is no secret, and places of secrets. */
export type Piece = string | Slot;
export interface Slot {
  readonly path: string;
  readonly field?: string;
  /** `basic`: base64 of the fields username and password with a colon between. */
  readonly form: 'raw' | 'double' | 'url' | 'base64' | 'basic';
}
/** One replacement, in characters of the text. `was` gives what stood there once the values are back. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly was: readonly Piece[];
}

export interface Source {
  readonly candidates: readonly Candidate[];
  /** Absent where the form has no place for a reference: then the file is left, and `next` says what to do with it. */
  readonly rewrite?: (chosen: ReadonlyMap<Candidate, Target>) => readonly Edit[];
  /** What is left to do by hand once all is stored. */
  readonly next: (chosen: ReadonlyMap<Candidate, Target>) => readonly string[];
  /** What cannot be taken, in words. */
  readonly notes?: readonly string[];
}

/** Never with text of the file: it may be the value. */
export function malformed(code: ImportCode, what: string, line?: number, next?: string): StillvaultError {
  return new StillvaultError('usage', line === undefined ? what : `line ${line}: ${what}`, { detail: code, next });
}
