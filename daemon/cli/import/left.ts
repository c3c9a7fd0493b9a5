// Where the plaintext still lies after an import, as far as a program can know (spec/19-import.md §left).
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gitText, inGit } from '../plaintext/git.ts';
import { lineAt } from '../plaintext/spots.ts';
import type { Put } from './names.ts';

/** Too short to say that it is the same one. */
const minLength = 6;

export function leftovers(
  path: string,
  textNow: string | undefined,
  puts: readonly Put[],
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const git = gitText(inGit(path, env));
  const copies = copiesOf(path);
  return [
    ...(textNow === undefined ? [] : stillIn(textNow, puts)),
    ...(git === undefined ? [] : [`git: ${git}: the values stay in the history of every clone; change them at their source`]),
    ...(copies.length === 0 ? [] : [`copies of editors and others: ${copies.join(', ')}: delete them`]),
    'backups, snapshots and free blocks of the disk: change (rotate) the values that matter at their source',
  ];
}

/** The same value in a comment or in another variable. */
function stillIn(text: string, puts: readonly Put[]): readonly string[] {
  return puts.flatMap(({ path, value, fields }) =>
    [value ?? '', ...Object.entries(fields ?? {}).flatMap(([name, field]) => (name === 'username' ? [] : [field]))].flatMap((secret) => {
      const at = secret.length < minLength ? -1 : text.indexOf(secret);
      return at < 0 ? [] : [`line ${lineAt(text, at)} of the file itself still holds the value of ${path}, e.g. in a comment: edit it`];
    }),
  );
}

function copiesOf(path: string): readonly string[] {
  const name = basename(path);
  const isCopy = (other: string): boolean =>
    other !== name &&
    (other === `#${name}#` ||
      other === `.#${name}` ||
      ((other.startsWith(`${name}~`) || other.startsWith(`${name}.`) || other.startsWith(`.${name}.`)) &&
        /(?:~|\.(?:sw[a-p]|bak|backup|orig|old|save|tmp|rej|stillvault)\d*)$/.test(other)));
  try {
    return readdirSync(dirname(path))
      .filter(isCopy)
      .map((other) => join(dirname(path), other));
  } catch {
    return [];
  }
}
