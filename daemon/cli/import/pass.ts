// A pass store, read by the program pass itself: first line the value, `key: value` lines fields (spec/19-import.md §formats).
import { lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { StillvaultError } from '../../../sdk/errors.ts';
import { type Candidate, type Content, type Source, malformed } from './source.ts';

const maxEntries = 2_000;
const maxBytes = 262_144;

export function isPassStore(folder: string): boolean {
  return lstatSync(join(folder, '.gpg-id'), { throwIfNoEntry: false })?.isFile() === true;
}

export function passSource(folder: string, env: Readonly<Record<string, string | undefined>>): Source {
  const names = entriesIn(folder);
  return {
    candidates: names.map((name): Candidate => ({ segments: name.split('/'), content: contentOf(show(folder, name, env)), why: 'pass', isTaken: true })),
    next: () => ['the pass store is still there: once all works, git rm or delete it; its git history keeps the encrypted files'],
  };
}

/** Names as pass knows them; links are not followed. */
function entriesIn(root: string): readonly string[] {
  const names: string[] = [];
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && entry.name !== '.git') folders.push(path);
      if (entry.isFile() && entry.name.endsWith('.gpg')) names.push(relative(root, path).slice(0, -4));
      if (names.length > maxEntries) throw malformed('E_IMPORT_LIMIT', `more than ${maxEntries} entries: import one of its folders`);
    }
  return names.sort();
}

function show(folder: string, name: string, env: Readonly<Record<string, string | undefined>>): string {
  if (name.startsWith('-')) throw malformed('E_IMPORT_NAME', 'an entry begins with -: pass would take it for an option');
  try {
    const { stdout, exitCode } = Bun.spawnSync(['pass', 'show', name], {
      env: { ...env, PASSWORD_STORE_DIR: folder, PASSWORD_STORE_ENABLE_EXTENSIONS: 'false' },
      stdio: ['inherit', 'pipe', 'inherit'], // gpg may ask at the terminal
      maxBuffer: maxBytes,
    });
    if (exitCode === 0) return stdout.toString('utf8');
  } catch (error) {
    throw new StillvaultError('error', 'pass cannot be started: it reads its store for us', {
      next: 'install pass and gpg',
      detail: 'E_IMPORT_UNREADABLE',
      cause: error,
    });
  }
  throw new StillvaultError('error', `pass could not show an entry of ${folder}: its own words are above`, {
    next: 'pass show <entry>',
    detail: 'E_IMPORT_UNREADABLE',
  });
}

function contentOf(text: string): Content {
  const [value = '', ...lines] = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const fields: Record<string, string> = {};
  const notes: string[] = [];
  for (const line of lines) {
    const [, key, held] = /^([^\s:][^:]{0,63}?)\s*:\s+(.+)$/.exec(line) ?? [];
    const name = line.startsWith('otpauth://') ? 'otpauth' : key;
    if (name === undefined || Object.hasOwn(fields, name) || name === 'password') notes.push(line);
    else fields[name] = name === 'otpauth' ? line : (held ?? '');
  }
  const rest = notes.join('\n').trim();
  if (rest !== '') fields['notes'] = rest;
  return Object.keys(fields).length === 0 ? { kind: 'value', value } : { kind: 'fields', fields: { ...(value === '' ? {} : { password: value }), ...fields } };
}
