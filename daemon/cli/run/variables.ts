// Which variables of a program hold secrets, and its environment once they are released (spec/17-run.md §places).
import { readFileSync } from 'node:fs';
import { type Value, parseReference } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { type Item, nameOf, valueOf } from '../../../sdk/template.ts';
import { usage } from '../terminal/arguments.ts';
import { printable, unreadable } from '../terminal/text.ts';

export type ProgramEnvironment = Readonly<Record<string, string>>;

export interface Variables {
  /** What is no secret. */
  readonly plain: ProgramEnvironment;
  /** Variable to the secret it shall hold. */
  readonly secret: ReadonlyMap<string, Item>;
}

/** What -e says wins over files, files over the environment. Throws usage. */
export function collectVariables(env: Readonly<Record<string, string | undefined>>, given: readonly string[], files: readonly string[]): Variables {
  const plain = new Map<string, string>();
  const secret = new Map<string, Item>();
  const set = (name: string, value: string): void => {
    const isReference = value.startsWith('stillvault://');
    if (isReference) secret.set(name, named(name, value));
    else plain.set(name, value);
    (isReference ? plain : secret).delete(name);
  };
  for (const [name, value] of Object.entries(env)) if (value !== undefined) set(name, value);
  for (const file of files) for (const [name, value] of parseEnvFile(file, readEnvFile(file))) set(name, value);
  for (const word of given) {
    const [, name, reference] = /^([A-Za-z_][A-Za-z0-9_]*)=([^]+)$/.exec(word) ?? [];
    if (name === undefined || reference === undefined) throw usage('-e takes NAME=reference, such as -e PGPASSWORD=prod/db-primary');
    secret.set(name, named(name, reference));
    plain.delete(name);
  }
  return { plain: Object.fromEntries(plain), secret };
}

/** Throws where a value cannot be in an environment at all: rather than a changed one, none. */
export function environmentOf({ plain, secret }: Variables, values: readonly Value[]): ProgramEnvironment {
  return { ...plain, ...Object.fromEntries([...secret].map(([name, item]) => [name, wordOf(valueOf(values, item))])) };
}

/** The runtime decodes arguments as UTF-8 and puts U+FFFD for what is not: such a program would get other arguments than written. Throws usage. */
export function verifyArguments(argv: readonly string[]): void {
  if (!argv.some((word) => word.includes('\ufffd'))) return;
  const written = process.platform === 'linux' ? readFileSync('/proc/self/cmdline') : undefined;
  if (written !== undefined && written.indexOf(Buffer.from(argv.map((word) => `${word}\0`).join(''))) >= 0) return;
  throw usage('an argument of the program is not UTF-8 text and would be changed: pass it in a file');
}

/** Throws usage. */
export function named(name: string, reference: string): Item {
  try {
    return parseReference(reference);
  } catch {
    throw usage(`${printable(name)} is not a reference: write prod/db, prod/db#field or stillvault://prod/db#field`);
  }
}

/** Of a variable or an argument. Throws where the value cannot be one. */
export function wordOf(value: Value): string {
  try {
    if (value.bytes.includes(0)) throw new TypeError('NUL');
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value.bytes);
  } catch {
    throw new StillvaultError('error', `${printable(nameOf(value))} holds bytes that no variable or argument can carry: the program was not started`, {
      next: 'pass it with --file or --fd',
    });
  }
}

function readEnvFile(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** `NAME=value`, `export NAME="value"`, `# comment`; no expansion. Throws usage with the line's number, never its text. */
export function parseEnvFile(file: string, text: string): readonly (readonly [name: string, value: string])[] {
  return text.split(/\r?\n/).flatMap((line, at) => {
    if (/^\s*(?:#|$)/.test(line)) return [];
    const found = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([^\s"'#][^#]*?|))\s*(?:\s#.*)?$/.exec(line);
    if (found === null) throw usage(`${printable(file)} line ${at + 1} is not NAME=value`);
    const [, name = '', double, single, bare = ''] = found;
    return [[name, double === undefined ? (single ?? bare) : double.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))]];
  });
}
