// Options and operands of a command line from a table (spec/10-local-api.md §command-line). Small, since every `get` pays for it.
import { StillvaultError } from '../../../sdk/errors.ts';
import { nearest } from './nearest.ts';

export interface Option {
  readonly about: string;
  /** What its value is called; absent for a switch. */
  readonly takes?: string;
  readonly short?: string;
  readonly repeats?: boolean;
}
export type Options = Readonly<Record<string, Option>>;

/** Taken by every command. */
export const commonOptions: Options = {
  json: { about: 'machine-readable output; waiting is told as one JSON event a line' },
  quiet: { about: 'only data and errors', short: 'q' },
  'no-color': { about: 'no colours; NO_COLOR does the same' },
  'no-input': { about: 'never ask at the terminal; fail instead' },
  help: { about: 'this text', short: 'h' },
};

export interface Arguments {
  readonly operands: readonly string[];
  has(name: string): boolean;
  text(name: string): string | undefined;
  all(name: string): readonly string[];
}

/** Throws usage. With `stopAtOperand`, the first operand ends the options: what follows belongs to another program. */
export function parseArguments(words: readonly string[], own: Options, stopAtOperand = false): Arguments {
  const options: Options = { ...own, ...commonOptions };
  const given = new Map<string, string[]>();
  const operands: string[] = [];
  const rest = [...words];

  const take = (name: string, option: Option, attached: string | undefined): void => {
    const values = given.get(name) ?? [];
    if (option.takes === undefined) {
      if (attached !== undefined) throw usage(`--${name} takes no value`);
    } else {
      const value = attached ?? rest.shift();
      if (value === undefined) throw usage(`--${name} needs a value: ${option.takes}`);
      if (values.length > 0 && option.repeats !== true) throw usage(`--${name} is given twice`);
      values.push(value);
    }
    given.set(name, values);
  };

  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      operands.push(...rest);
      break;
    }
    if (word.startsWith('--')) {
      const [, name = '', attached] = /^--([^=]*)(?:=([^]*))?$/.exec(word) ?? [];
      take(name, options[name] ?? unknown(`--${name}`, options), attached);
    } else if (word.startsWith('-') && word !== '-') {
      takeLetters(word.slice(1), options, take);
    } else {
      operands.push(word);
      if (stopAtOperand) {
        operands.push(...rest);
        break;
      }
    }
  }
  return {
    operands,
    has: (name) => given.has(name),
    text: (name) => given.get(name)?.[0],
    all: (name) => given.get(name) ?? [],
  };
}

/** `-qn`, `-e NAME=ref`, `-eNAME=ref` */
function takeLetters(letters: string, options: Options, take: (name: string, option: Option, attached: string | undefined) => void): void {
  for (let at = 0; at < letters.length; at++) {
    const letter = letters.charAt(at);
    const found = Object.entries(options).find(([, option]) => option.short === letter);
    if (found === undefined) throw usage(`unknown option -${letter}`);
    const [name, option] = found;
    if (option.takes !== undefined) return take(name, option, letters.slice(at + 1) || undefined);
    take(name, option, undefined);
  }
}

function unknown(word: string, options: Options): never {
  const near = nearest(
    word,
    Object.keys(options).map((name) => `--${name}`),
  );
  throw usage(`unknown option ${word}${near === undefined ? '' : `: did you mean ${near}?`}`);
}

export function usage(message: string, next?: string): StillvaultError {
  return new StillvaultError('usage', message, { next });
}
