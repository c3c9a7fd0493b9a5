// The files of a plan: what they would become, the diff, the writing, and what is remembered for the way back (spec/13-mcp.md §init).
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { StillvaultError } from '../../../sdk/errors.ts';
import { type Edit, applied, depthBefore, reverted } from './edit.ts';

export interface FileChange {
  readonly file: string;
  /** Undefined: there is no file. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly mode: number | undefined;
}

/** How a file was before the first init: names and depths, no contents. */
export interface Remembered {
  readonly file: string;
  readonly existed: boolean;
  /** Of each edit: how much of its path was there. */
  readonly depths: readonly number[];
  /** Folders that had to be made. */
  readonly folders: readonly string[];
  /** The whole text, where it had no content. */
  readonly blank?: string;
}
export type Memory = readonly Remembered[];
const memory: z.ZodType<Memory> = z.array(
  z.object({ file: z.string(), existed: z.boolean(), depths: z.array(z.int()), folders: z.array(z.string()), blank: z.string().exactOptional() }),
);

export function planChanges(edits: readonly Edit[], remembered: Memory): { readonly changes: readonly FileChange[]; readonly memory: Memory } {
  const files = [...new Set(edits.map(({ file }) => file))];
  const planned = files.map((file) => {
    const own = edits.filter((edit) => edit.file === file);
    const before = read(file);
    try {
      const known = remembered.find((entry) => entry.file === file);
      const depths = known?.depths ?? own.map((edit) => depthBefore(edit, before));
      const after = own.reduce<string | undefined>((text, edit) => applied(edit, text), before) ?? '';
      const entry = known ?? { file, existed: before !== undefined, depths, folders: missingFolders(file), ...(isBlank(before) ? { blank: before } : {}) };
      if (known === undefined && before !== undefined && !isBlank(before) && own[0]?.kind !== 'file' && undone(own, after, depths) !== before)
        throw new StillvaultError('usage', 'its layout is unusual: it could not be restored exactly');
      return { change: { file, before, after, mode: own.find((edit) => edit.kind === 'file')?.mode }, entry };
    } catch (error) {
      throw error instanceof StillvaultError ? new StillvaultError(error.code, `${file}: ${error.message}; nothing was written`, { next: error.next }) : error;
    }
  });
  return { changes: planned.map(({ change }) => change), memory: planned.map(({ entry }) => entry) };
}

export function planUndo(edits: readonly Edit[], remembered: Memory): readonly FileChange[] {
  return [...new Set(edits.map(({ file }) => file))].flatMap((file) => {
    const before = read(file);
    if (before === undefined) return [];
    const own = edits.filter((edit) => edit.file === file);
    const known = remembered.find((entry) => entry.file === file);
    const rest = undone(own, before, known?.depths ?? own.map((edit) => ('path' in edit ? edit.path.length : 0)));
    const isOurs = own[0]?.kind === 'file' ? rest === '' : known?.existed === false && isBlank(rest);
    const after = isBlank(rest) && known?.blank !== undefined ? known.blank : rest;
    return [{ file, before, after: isOurs ? undefined : after, mode: undefined }];
  });
}

const isBlank = (text: string | undefined): text is string => text !== undefined && /^\s*(?:\{\s*\}\s*)?$/.test(text);

function undone(edits: readonly Edit[], text: string, depths: readonly number[]): string {
  return edits.reduceRight((rest, edit, at) => reverted(edit, rest, depths[at] ?? 0), text);
}

/** All or none is not possible with several files; each is whole. */
export function writeChanges(changes: readonly FileChange[]): void {
  for (const { file, before, after, mode } of changes) {
    if (after === before) continue;
    if (after === undefined) rmSync(file);
    else write(file, after, mode);
  }
}

/** Folders that were made for us, if nothing else came into them. */
export function removeFolders(remembered: Memory): void {
  for (const folder of remembered.flatMap(({ folders }) => folders).sort((a, b) => b.length - a.length)) {
    try {
      rmdirSync(folder);
    } catch {
      // Somebody put something into it.
    }
  }
}

function write(file: string, text: string, mode: number | undefined): void {
  mkdirSync(dirname(file), { recursive: true });
  const target = existsSync(file) ? realpathSync(file) : file; // a link into somebody's dotfiles stays one
  const kept = mode ?? (existsSync(target) ? statSync(target).mode & 0o7777 : 0o600);
  const part = `${target}.stillvault-new`;
  writeFileSync(part, text, { mode: kept, flag: 'w' });
  chmodSync(part, kept);
  renameSync(part, target);
}

function read(file: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw new StillvaultError('usage', `${file} cannot be read as text; nothing was written`);
  }
}

function missingFolders(file: string): string[] {
  const missing: string[] = [];
  for (let folder = dirname(file); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  return missing;
}

export function readMemory(file: string): Memory {
  try {
    return memory.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return []; // what we wrote is recognised without it
  }
}

export function writeMemory(file: string, entries: Memory): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${JSON.stringify(entries)}\n`, { mode: 0o600 });
}

export function memoryFile(data: string, name: string): string {
  return join(data, 'init', `${name}.json`);
}

/** Only the lines that change: the others are none of ours, and may hold other tools' tokens. */
export function diffLines({ before, after }: FileChange): readonly string[] {
  const lines = (text: string | undefined): string[] => (text === undefined || text === '' ? [] : text.replace(/\n$/, '').split('\n'));
  const [old, fresh] = [lines(before), lines(after)];
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end++;
  const removed = old.slice(start, old.length - end).map((line) => `- ${line}`);
  const added = fresh.slice(start, fresh.length - end).map((line) => `+ ${line}`);
  return removed.length + added.length === 0 ? [] : [`@@ line ${start + 1}`, ...removed, ...added];
}
