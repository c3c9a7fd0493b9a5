// The file that a filled template becomes: private from its first byte, whole or not there (spec/17-run.md §templates).
import { accessSync, closeSync, constants, fsyncSync, linkSync, lstatSync, openSync, realpathSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { usage } from '../terminal/arguments.ts';
import { printable } from '../terminal/text.ts';

export interface Target {
  readonly path: string;
  write(content: Uint8Array): void;
}

/** Undefined for standard output. Looked at before anybody is asked. Throws usage. */
export function openTarget(path: string | undefined, template: string | undefined, force: boolean): Target | undefined {
  if (path === undefined || path === '-') return undefined;
  const name = printable(path);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !force) throw usage(`${name} exists`, 'add --force to replace it');
  if (found !== undefined && !found.isFile()) throw usage(`${name} is no plain file: a device, a folder and a link are never replaced`);
  if (template !== undefined && isSame(path, template)) throw usage(`${name} is the template itself`);
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch {
    throw usage(`${printable(dirname(path))} is no folder that can be written`);
  }
  return { path, write: (content) => replace(path, content, force) };
}

function isSame(path: string, template: string): boolean {
  try {
    return realpathSync(path) === realpathSync(template);
  } catch {
    return false;
  }
}

/** Beside its place first, then there at once: nobody reads half of it, and what came there meanwhile stays unless --force. */
function replace(path: string, content: Uint8Array, force: boolean): void {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const file = openSync(draft, 'wx', 0o600);
  try {
    for (let at = 0; at < content.length;) at += writeSync(file, content, at);
    fsyncSync(file);
    if (force) renameSync(draft, path);
    else linkSync(draft, path);
  } finally {
    closeSync(file);
    rmSync(draft, { force: true });
  }
}
