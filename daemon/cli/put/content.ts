// Where a value to store comes from: standard input, a file, or a person who types it (spec/10-local-api.md §put).
import { readFileSync, statSync } from 'node:fs';
import { usage } from '../terminal/arguments.ts';
import type { Output } from '../terminal/output.ts';
import { promptTwice } from '../terminal/prompt.ts';
import { printable, unreadable } from '../terminal/text.ts';
import type { World } from '../terminal/world.ts';

export interface Reading {
  readonly world: World;
  readonly output: Output;
  readonly stripNewline: boolean;
}

/** As in protocol/limits.ts: all fields of a secret together. The daemon refuses it too. */
const maxValueBytes = 65_536;
const fieldName = /^[^\s=#/]{1,128}$/u;

/** Throws usage for an empty value or one too long. */
export async function readValue(path: string, reading: Reading): Promise<Uint8Array> {
  return checked(printable(path), reading.world.isTerminal(0) ? await typed(`value of ${printable(path)}`, reading) : piped(reading));
}

/** `user=@file`, `password=-`, `password`. Throws usage. */
export async function readFields(words: readonly string[], reading: Reading): Promise<Readonly<Record<string, Uint8Array>>> {
  const sources = words.map(parseField);
  const names = new Set(sources.map(({ name }) => name));
  if (names.size < sources.length) throw usage('a field is given twice');
  if (sources.filter(({ from }) => from === 'input').length > 1) throw usage('only one field can come from standard input');
  const fields: [string, Uint8Array][] = [];
  for (const { name, from, file } of sources) {
    const bytes = from === 'file' ? readFile(file) : from === 'input' ? piped(reading) : await typed(`field ${name}`, reading);
    fields.push([name, checked(`field ${name}`, bytes)]);
  }
  if (fields.reduce((sum, [, bytes]) => sum + bytes.length, 0) > maxValueBytes) throw tooLong('all fields together');
  return Object.fromEntries(fields);
}

function parseField(word: string): { readonly name: string; readonly from: 'file' | 'input' | 'prompt'; readonly file: string } {
  const at = word.indexOf('=');
  const [name, source] = at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
  if (!fieldName.test(name)) throw usage('a field has a name without spaces, =, # and /, such as --field password');
  if (at < 0) return { name, from: 'prompt', file: '' };
  if (source === '-') return { name, from: 'input', file: '' };
  if (source.startsWith('@') && source.length > 1) return { name, from: 'file', file: source.slice(1) };
  // The text is not repeated: it may be the value, and is in the shell's history now.
  throw usage(
    `field ${name}: a value on the command line is seen by every program; if that was a real one, change it`,
    `--field ${name} asks, --field ${name}=@file reads a file`,
  );
}

async function typed(what: string, { world, output }: Reading): Promise<Uint8Array> {
  if (!world.isTerminal(0) || output.noInput)
    throw usage(`no value for ${what}: --no-input and no standard input`, 'pipe it in, or give a file: --field NAME=@file');
  return promptTwice(world, what);
}

function piped({ world, output, stripNewline }: Reading): Uint8Array {
  if (world.isTerminal(0)) throw usage('standard input is the terminal: a value would be shown while typed', 'leave off =- and it is asked for');
  const bytes = world.readInput(maxValueBytes);
  const ends = bytes.at(-1) === 0x0a;
  if (stripNewline) return ends ? bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1) : bytes;
  if (ends && bytes.indexOf(0x0a) === bytes.length - 1)
    output.note('the value ends with a newline, and it is kept; if echo added it: Ctrl-C, and again with --strip-newline');
  return bytes;
}

function readFile(file: string): Uint8Array {
  try {
    if (statSync(file).size > maxValueBytes) throw tooLong('a value');
    return readFileSync(file);
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code !== 'usage' ? unreadable(file, error) : error;
  }
}

function checked(what: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw usage(`${what} is empty: nothing is stored`);
  if (bytes.length > maxValueBytes) throw tooLong(what);
  return bytes;
}

function tooLong(what: string): Error {
  return usage(`${what} is longer than ${maxValueBytes} bytes`);
}
