// What is remembered of an import until it is confirmed: names, places and layout, never a value (spec/19-import.md §record).
import { createHash, createHmac } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { printable } from '../terminal/text.ts';
import { quoted } from '../up/launcher.ts';
import type { Put } from './names.ts';
import { malformed } from './source.ts';

export interface ImportRecord {
  readonly version: 1;
  readonly file: string;
  readonly at: string;
  readonly key?: string;
  readonly stored: readonly { readonly path: string; readonly version: number; readonly tag?: string }[];
  readonly undo?: { readonly after: string; readonly edits: readonly Edit[] };
}
/** What stood at `at`: text as it was, and what a secret has by now. */
interface Edit {
  readonly at: number;
  readonly text: string;
  readonly was: readonly (string | { readonly path: string; readonly field?: string; readonly form: 'raw' | 'double' | 'url' | 'base64' | 'basic' })[];
}

const path = z.string().min(1).max(4_096);
const piece = z.union([
  z.string(),
  z.strictObject({ path, field: z.string().max(64).exactOptional(), form: z.enum(['raw', 'double', 'url', 'base64', 'basic']) }),
]);
const record: z.ZodType<ImportRecord> = z.strictObject({
  version: z.literal(1),
  file: path,
  at: z.string().max(40),
  /** Only while values are being stored: with it `tag` tells whether a value is the one that was stored. */
  key: z.string().max(64).exactOptional(),
  stored: z.array(z.strictObject({ path, version: z.int().min(1), tag: z.string().max(64).exactOptional() })).max(10_000),
  /** Once the file is rewritten: what it is now, and what stood where. */
  undo: z
    .strictObject({ after: z.string().length(64), edits: z.array(z.strictObject({ at: z.int().min(0), text: z.string(), was: z.array(piece) })) })
    .exactOptional(),
});

export interface Records {
  of(file: string): ImportRecord | undefined;
  write(record: ImportRecord): void;
  remove(file: string): void;
  all(): readonly ImportRecord[];
}

export function createRecords(dataFolder: string): Records {
  const folder = `${dataFolder}/import`;
  const nameOf = (file: string): string => `${folder}/${createHash('sha256').update(file).digest('hex').slice(0, 32)}.json`;
  return {
    of: (file) => read(nameOf(file)),
    write(value) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const name = nameOf(value.file);
      writeFileSync(`${name}.new`, `${JSON.stringify(value)}\n`, { mode: 0o600, flush: true });
      chmodSync(`${name}.new`, 0o600);
      renameSync(`${name}.new`, name);
    },
    remove: (file) => rmSync(nameOf(file), { force: true }),
    all() {
      try {
        return readdirSync(folder).flatMap((name) => (name.endsWith('.json') ? (read(`${folder}/${name}`) ?? []) : []));
      } catch {
        return []; // nothing was imported yet
      }
    },
  };
}

function read(name: string): ImportRecord | undefined {
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = record.safeParse(parseJson(text));
  // Not taken for absent: values would be stored twice.
  if (!parsed.success) throw malformed('E_IMPORT_UNDO', `the record ${printable(name)} cannot be understood`, undefined, `look at it, then rm ${quoted(name)}`);
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Keyed, and the key goes when the file is rewritten: a bare hash would let anyone who reads the record guess weak passwords. */
export function tagOf(key: string, { path: where, value, fields }: Put): string {
  return createHmac('sha256', Buffer.from(key, 'base64'))
    .update(JSON.stringify([where, value ?? Object.entries(fields ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))]))
    .digest('hex');
}
