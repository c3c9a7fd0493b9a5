// Puts references where values stood: whole or not at all, and only if nobody changed the file meanwhile (spec/19-import.md §rewrite).
import { closeSync, constants, fchmodSync, fchownSync, fsyncSync, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { secretShape } from '../plaintext/judge.ts';
import { readRaw } from '../plaintext/read.ts';
import { iniSpots } from '../plaintext/spots.ts';
import { printable } from '../terminal/text.ts';
import type { Put } from './names.ts';
import { type Edit, type Piece, malformed } from './source.ts';

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export interface Rewritten {
  readonly text: string;
  /** Where each replacement stands now, in characters. */
  readonly edits: readonly { readonly at: number; readonly text: string; readonly was: readonly Piece[] }[];
}

export function applyEdits(text: string, edits: readonly Edit[]): Rewritten {
  const ordered = [...edits].sort((a, b) => a.from - b.from);
  const parts: string[] = [];
  const placed: { at: number; text: string; was: readonly Piece[] }[] = [];
  let [from, length] = [0, 0];
  for (const edit of ordered) {
    if (edit.from < from) throw malformed('E_IMPORT_SYNTAX', 'two values in one place: the file was left as it is');
    const kept = text.slice(from, edit.from);
    placed.push({ at: length + kept.length, text: edit.text, was: edit.was });
    parts.push(kept, edit.text);
    length += kept.length + edit.text.length;
    from = edit.to;
  }
  return { text: parts.join('') + text.slice(from), edits: placed };
}

/** What is remembered of the layout must hold no value, e.g. of a comment between two keys. Throws E_IMPORT_UNSAFE. */
export function verifyBlind({ edits }: Rewritten, puts: readonly Put[]): void {
  const secrets = puts.flatMap(({ value, fields }) => (value === undefined ? Object.values(fields ?? {}) : [value])).filter((text) => text.length >= 6);
  const kept = edits.flatMap(({ text, was }) => [text, ...was.filter((piece) => typeof piece === 'string')]);
  if (kept.some((text) => secrets.some((secret) => text.includes(secret))))
    throw malformed(
      'E_IMPORT_UNSAFE',
      'a value stands a second time between the lines that would go: the file was left as it is',
      undefined,
      'remove the second one',
    );
  // One that is not taken, such as an old key in a comment: the record would be a copy of it.
  const between = edits.flatMap(({ was }) => was.filter((piece) => typeof piece === 'string'));
  if (between.some((text) => secretShape(text) !== undefined || iniSpots(text.replaceAll(/^[\s#;]+/gm, '')).length > 0))
    throw malformed(
      'E_IMPORT_UNSAFE',
      'another secret stands between the lines that would go: the file was left as it is',
      undefined,
      'move or delete it, then the same command goes on',
    );
}

/** The text as it was, with what `valueOf` gives for each place. */
export function undoEdits(text: string, edits: Rewritten['edits'], valueOf: (piece: Exclude<Piece, string>) => string): string {
  let [out, from] = ['', 0];
  for (const { at, text: now, was } of edits) {
    if (text.slice(at, at + now.length) !== now) throw malformed('E_IMPORT_CHANGED', 'a reference is not where it was put');
    out += text.slice(from, at) + was.map((piece) => (typeof piece === 'string' ? piece : encoded(valueOf(piece), piece.form))).join('');
    from = at + now.length;
  }
  return out + text.slice(from);
}

function encoded(value: string, form: Exclude<Piece, string>['form']): string {
  if (form === 'url') return encodeURIComponent(value);
  if (form === 'double') return value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
  return form === 'basic' || form === 'base64' ? Buffer.from(value).toString('base64') : value;
}

/** Throws E_IMPORT_CHANGED where the file is not what was read, and then leaves it. */
export function replaceFile(path: string, before: Uint8Array, after: Uint8Array, token: string, beforeRename: () => void = () => undefined): void {
  verifySame(path, before);
  const { mode, uid, gid } = lstatSync(path);
  const draft = join(dirname(path), `.${basename(path)}.${token}.stillvault`);
  const fd = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    for (let at = 0; at < after.length;) at += writeSync(fd, after, at);
    fchownSync(fd, uid, gid);
    fchmodSync(fd, mode & 0o7777);
    fsyncSync(fd);
    beforeRename();
    verifySame(path, before);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  syncFolder(dirname(path));
}

function verifySame(path: string, before: Uint8Array): void {
  const now = readRaw(path, before.length);
  if (now.kind !== 'bytes' || Buffer.compare(now.bytes, before) !== 0)
    throw malformed(
      'E_IMPORT_CHANGED',
      `${printable(path)} was changed meanwhile: it was left as it is`,
      undefined,
      'the same command again stores only what is new',
    );
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
