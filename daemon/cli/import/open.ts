// Which form a file has, and what it holds; refused before anything is sent where it could not be rewritten safely (spec/19-import.md §formats).
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { secretShape } from '../plaintext/judge.ts';
import { readRaw } from '../plaintext/read.ts';
import { usage } from '../terminal/arguments.ts';
import { printable } from '../terminal/text.ts';
import { ownProgram } from '../up/launcher.ts';
import type { World } from '../terminal/world.ts';
import { type Source, malformed } from './source.ts';
import { awsSource, dotenvSource, gitSource, npmSource, quotedIfNeeded } from './text-files.ts';

export const formats = ['dotenv', 'aws', 'npm', 'git', 'docker', 'kubeconfig', 'json', 'yaml', 'vault', 'bitwarden', '1pux', 'csv', 'pass', 'file'] as const;
export type Format = (typeof formats)[number];

export interface Opened {
  readonly path: string;
  readonly format: Format;
  readonly source: Source;
  /** Undefined for a folder. */
  readonly bytes?: Uint8Array;
  readonly text?: string;
}

/** Configuration is smaller; exports of a password manager may be larger. */
const maxBytes = 1_048_576;
const exported: readonly Format[] = ['vault', 'bitwarden', 'csv'];

export async function openSource(path: string, asked: Format | undefined, world: World): Promise<Opened> {
  const opened = await openAny(path, asked, world);
  return { ...opened, source: withoutOddNames(opened.source) };
}

/** A token in the place of a name would become a path, which all of the organisation can read for ever. */
function withoutOddNames(source: Source): Source {
  const candidates = source.candidates.filter(({ segments, content }) =>
    [...segments, ...(content.kind === 'fields' ? Object.keys(content.fields) : [])].every((name) => secretShape(name) === undefined),
  );
  const odd = source.candidates.length - candidates.length;
  return odd === 0 ? source : { ...source, candidates, notes: [...(source.notes ?? []), `${odd} left out: what should be the name has the shape of a secret`] };
}

async function openAny(path: string, asked: Format | undefined, world: World): Promise<Opened> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    const { passSource } = await import('./pass.ts');
    return { path, format: 'pass', source: passSource(path, world.env) };
  }
  const large = asked === '1pux' || asked === 'csv' || asked === 'bitwarden' || /\.(?:1pux|csv|json)$/i.test(path);
  const read = readRaw(path, large ? (await import('./exports.ts')).maxExportBytes : maxBytes);
  if (read.kind !== 'bytes')
    throw malformed(
      'E_IMPORT_FILE',
      `${printable(path)}: ${whyNot[read.kind]}`,
      undefined,
      read.kind === 'link' ? 'name the file that it leads to' : undefined,
    );
  const { bytes } = read;
  if (asked === '1pux' || (asked === undefined && bytes[0] === 0x50 && bytes[1] === 0x4b)) {
    const { onePuxSource } = await import('./exports.ts');
    return { path, format: '1pux', source: onePuxSource(bytes), bytes };
  }
  const text = textOf(bytes, path);
  const format = asked ?? detect(path, text);
  if (bytes.length > maxBytes && !exported.includes(format)) throw malformed('E_IMPORT_FILE', `${printable(path)}: ${whyNot['too large']}`);
  return { path, format, source: await sourceOf(format, text, path), bytes, text };
}

const whyNot = {
  missing: 'there is no such file',
  link: 'a link: rewriting would replace the link and leave the file',
  unreadable: 'cannot be read',
  'not a file': 'is no file',
  'too large': 'is larger than any file of its kind',
  binary: 'is no text',
} as const;

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed('E_IMPORT_FORMAT', `${printable(path)} is no UTF-8 text`);
  }
}

function detect(path: string, text: string): Format {
  const name = basename(path);
  if (/^\.env|\.env$|^\.envrc$/.test(name)) return 'dotenv';
  if (name === '.npmrc') return 'npm';
  if (name === '.git-credentials' || path.endsWith('/git/credentials')) return 'git';
  if (/^\s*aws_secret_access_key\s*=/im.test(text)) return 'aws';
  if (/^users:/m.test(text) && /^kind:\s*Config\s*$/m.test(text)) return 'kubeconfig';
  if (/\.csv$/i.test(name)) return 'csv';
  if (/\.ya?ml$/i.test(name)) return 'yaml';
  if (/^\s*-----BEGIN [A-Z0-9 ]*PRIVATE KEY/.test(text)) return 'file';
  if (/\.json$/i.test(name) || /^\s*[{[]/.test(text)) return detectJson(text);
  throw malformed('E_IMPORT_FORMAT', `${printable(name)}: the form is not known`, undefined, `--format ${formats.join('|')}`);
}

function detectJson(text: string): Format {
  if (/"auths"\s*:/.test(text)) return 'docker';
  if (/"encrypted"\s*:\s*(?:true|false)/.test(text.slice(0, 4_096))) return 'bitwarden';
  return /"lease_id"\s*:/.test(text) || /"metadata"\s*:\s*\{[^}]*"created_time"\s*:/.test(text) ? 'vault' : 'json';
}

async function sourceOf(format: Format, text: string, path: string): Promise<Source> {
  switch (format) {
    case 'dotenv':
      return dotenvSource(text);
    case 'aws':
      return awsSource(text, ownProgram());
    case 'npm':
      return npmSource(text);
    case 'git':
      return gitSource(text);
    case 'file':
      return {
        candidates: [{ segments: [basename(path)], line: 1, content: { kind: 'value', value: text }, why: 'the whole file', isTaken: true }],
        next: () => ['FILE is still there: delete it once its programs ask us, e.g. stillvault helper map ssh-agent'],
      };
    case 'json':
    case 'yaml':
      return (await import('./trees.ts')).treeSource(text, format === 'json' ? 'JSON' : 'YAML');
    case 'kubeconfig':
      return (await import('./kubeconfig.ts')).kubeconfigSource(text, ownProgram());
    case 'docker':
      return (await import('./trees.ts')).dockerSource(text);
    case 'vault':
      return (await import('./trees.ts')).vaultSource(text, basename(path).replace(/\.json$/i, ''));
    case 'bitwarden':
      return (await import('./exports.ts')).bitwardenSource(text);
    case 'csv':
      return (await import('./exports.ts')).csvSource(text);
    case '1pux':
    case 'pass':
      throw usage(`--format ${format} does not fit this file`);
  }
}

/** Before anybody is asked: a file that could not be rewritten afterwards. Throws usage: E_IMPORT_UNSAFE. */
export function verifyPlace(path: string, uid: number): void {
  const unsafe = (what: string, next: string): Error => malformed('E_IMPORT_UNSAFE', `${printable(path)} ${what}: nothing was sent`, undefined, next);
  const file = lstatSync(path);
  if (file.uid !== uid) throw unsafe('belongs to another user', 'import it as that user');
  if (file.nlink > 1) throw unsafe('has a second name (hard link), which would keep the values', 'remove the other name');
  // Up to the root: who can rename a folder above it can put another file in its place.
  for (let folder = dirname(path), below = path; folder !== below; [folder, below] = [dirname(folder), folder]) {
    const { mode, uid: owner } = statSync(folder);
    const isOthers = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
    if (isOthers || (owner !== uid && owner !== 0)) throw unsafe('lies in a folder in which others can replace it', `chmod go-w ${quotedIfNeeded(folder)}`);
  }
}

/** Names of a file must mean the same later. */
export function realPath(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}
