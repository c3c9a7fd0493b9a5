// Which secret a helper asks for: ~/.config/stillvault/helpers.json, written by `stillvault helper map` (spec/14-helpers.md §mapping).
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { usage } from '../cli/terminal/arguments.ts';
import { parseReference } from '../../sdk/client.ts';

export const kinds = ['git', 'docker', 'kubectl', 'aws', 'ssh-agent', 'askpass', 'terraform', 'cargo', 'keyring', 'openclaw', 'systemd'] as const;
export type Kind = (typeof kinds)[number];

/** One line, since most contracts are lines. */
const line = (max: number): z.ZodType<string> =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}]*$/u);
/** How an entry asks. */
export interface Terms {
  readonly reference: string;
  readonly username?: string;
  /** git only: send the value with this scheme where git can (`Bearer`). */
  readonly authtype?: string;
  readonly ttlS?: number;
  readonly uses?: number;
  readonly scope?: 'process' | 'exe' | 'machine';
  readonly waitS?: number;
}
export interface Entry extends Terms {
  readonly kind: Kind;
  /** In the words of its kind, normalised: a URL, a host, a profile, a public key, `unit/credential`. */
  readonly match: string;
}
export type Mapping = readonly Entry[];

const entry: z.ZodType<Entry> = z.strictObject({
  kind: z.enum(kinds),
  match: line(2_048),
  reference: line(512).refine(isReference, 'not a reference'),
  username: line(256).exactOptional(),
  authtype: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,31}$/)
    .exactOptional(),
  ttlS: z.int().min(1).max(86_400).exactOptional(),
  uses: z.int().min(1).max(100_000).exactOptional(),
  scope: z.enum(['process', 'exe', 'machine']).exactOptional(),
  waitS: z.int().min(1).max(900).exactOptional(),
});
const file = z.strictObject({ version: z.literal(1), entries: z.array(entry).max(1_000) });

/** A mapping of 1,000 entries has about 300 KB. */
const maxBytes = 1_048_576;

type Environment = Readonly<Record<string, string | undefined>>;

export function configFolder(env: Environment): string {
  const config = env['XDG_CONFIG_HOME'];
  return `${config?.startsWith('/') ? config : `${env['HOME'] ?? ''}/.config`}/stillvault`;
}

export function mappingPath(env: Environment): string {
  return `${configFolder(env)}/helpers.json`;
}

/** Empty where there is no file. Throws usage where it cannot be understood: then nothing is known to be somebody else's. */
export function loadMapping(env: Environment): Mapping {
  const path = mappingPath(env);
  const text = readIfThere(path);
  if (text === undefined) return [];
  const next = `mend or remove ${path}`;
  if (Buffer.byteLength(text) > maxBytes) throw usage(`the mapping of the helpers is larger than ${maxBytes} bytes`, next);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw usage('the mapping of the helpers is no JSON', next);
  }
  const parsed = file.safeParse(json);
  if (parsed.success) return parsed.data.entries;
  const issue = parsed.error.issues[0];
  throw usage(
    `the mapping of the helpers is not of version 1: ${issue?.path.map(String).join('.') || 'the file'}: ${issue?.message ?? 'not of this shape'}`,
    next,
  );
}

/** Whole or not at all, and readable by this user only: it tells which secrets there are. */
export function saveMapping(env: Environment, entries: Mapping): void {
  const path = mappingPath(env);
  const parsed = file.safeParse({ version: 1, entries });
  if (!parsed.success) throw usage(`this cannot be mapped: ${parsed.error.issues[0]?.message ?? 'not of this shape'}`);
  writePrivate(path, `${JSON.stringify(parsed.data, undefined, 2)}\n`);
}

function writePrivate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  writeFileSync(draft, text, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}
