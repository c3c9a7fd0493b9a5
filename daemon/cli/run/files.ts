// Values as files for the time of a run (spec/17-run.md §files): 0600 in a folder in memory; a path that was asked for becomes a link to it.
import { accessSync, constants, lstatSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Value } from '../../../sdk/client.ts';
import { makeMemoryFolder } from '../../../sdk/memory-folder.ts';
import { type Item, valueOf } from '../../../sdk/template.ts';
import { usage } from '../terminal/arguments.ts';
import { printable } from '../terminal/text.ts';
import { type Guard, startGuard } from './guard.ts';

export interface FileWish {
  readonly item: Item;
  /** A variable that gets the path, or the path where a link shall lie. */
  readonly as: { readonly kind: 'variable'; readonly name: string } | { readonly kind: 'link'; readonly path: string };
}
export interface Files {
  /** Variable to path. */
  readonly variables: Readonly<Record<string, string>>;
  readonly guard: Guard;
}

/** `NAME=reference` or `PATH=reference`; what has a slash is a path. Throws usage, before anybody is asked. */
export function parseFileWish(word: string, reference: (name: string, text: string) => Item): FileWish {
  const [, target, text] = /^([^=]+)=([^]+)$/.exec(word) ?? [];
  if (target === undefined || text === undefined) throw usage('--file takes NAME=reference or PATH=reference, such as --file PGPASSFILE=prod/pgpass');
  const item = reference(target, text);
  if (!target.includes('/')) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(target))
      throw usage(`${printable(target)} is no name of a variable; a path has a slash, such as ./${printable(target)}`);
    return { item, as: { kind: 'variable', name: target } };
  }
  const path = resolve(target);
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw usage(`${printable(target)} exists already, and nothing is put in its place`);
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch {
    throw usage(`${printable(dirname(target))} is no folder that can be written`);
  }
  return { item, as: { kind: 'link', path } };
}

/** The guard removes all of it: at its disposal, or when we are killed. */
export async function placeFiles(wishes: readonly FileWish[], values: readonly Value[], env: Readonly<Record<string, string | undefined>>): Promise<Files> {
  const folder = makeMemoryFolder(env, 'run');
  const links = wishes.flatMap(({ as }) => (as.kind === 'link' ? [as.path] : []));
  const guard = startGuard(folder, links); // before anything lies there
  try {
    const variables: Record<string, string> = {};
    for (const [at, { item, as }] of wishes.entries()) {
      const path = join(folder, as.kind === 'variable' ? as.name : `file-${at}`);
      writeFileSync(path, valueOf(values, item).bytes, { mode: 0o600, flag: 'wx' });
      if (as.kind === 'variable') variables[as.name] = path;
      else symlinkSync(path, as.path);
    }
    return { variables, guard };
  } catch (error) {
    await guard[Symbol.asyncDispose]();
    throw error;
  }
}
