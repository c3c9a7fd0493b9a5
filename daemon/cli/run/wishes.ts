// Everything that a run shall get, and where (spec/17-run.md §places): read and checked before anybody is asked, one request for all of it.
import type { Value } from '../../../sdk/client.ts';
import { type Item, type Template, nameOf, parseTemplate, valueOf } from '../../../sdk/template.ts';
import { type Arguments, type Options, usage } from '../terminal/arguments.ts';
import type { Output } from '../terminal/output.ts';
import { type FileWish, parseFileWish } from './files.ts';
import { type Variables, collectVariables, named, wordOf } from './variables.ts';

export const placeOptions: Options = {
  env: { about: 'variable and the secret that it shall hold', takes: 'NAME=REFERENCE', short: 'e', repeats: true },
  'env-file': { about: 'lines NAME=value; values that are stillvault://… are resolved', takes: 'FILE', repeats: true },
  file: { about: 'file in memory, 0600, gone at the end: its path in a variable, or a link', takes: 'NAME|PATH=REFERENCE', repeats: true },
  fd: { about: 'inherited descriptor: the variable gets /dev/fd/N', takes: 'NAME=REFERENCE', repeats: true },
  stdin: { about: 'the value as standard input', takes: 'REFERENCE' },
  'arg-secrets': { about: 'put values into arguments too; other programs of this user can read those' },
};

export interface Wishes {
  readonly variables: Variables;
  readonly files: readonly FileWish[];
  readonly descriptors: readonly { readonly name: string; readonly item: Item }[];
  readonly stdin: Item | undefined;
  /** Undefined: exactly as written. */
  readonly argv: readonly Template[] | undefined;
  /** Each secret once. */
  readonly items: readonly Item[];
}

/** As in protocol/limits.ts: one request, one card. */
const maxItems = 16;

/** Throws usage. */
export function collectWishes(args: Arguments, env: Readonly<Record<string, string | undefined>>, argv: readonly string[], output: Output): Wishes {
  const variables = collectVariables(env, args.all('env'), args.all('env-file'));
  const files = args.all('file').map((word) => parseFileWish(word, named));
  const descriptors = args.all('fd').map(descriptorWish);
  const reference = args.text('stdin');
  const stdin = reference === undefined ? undefined : named('--stdin', reference);
  const templates = args.has('arg-secrets') ? argv.map((word) => parseTemplate(word)) : undefined;
  if (templates === undefined) noteUntouched(argv, output);
  else if (!templates.some(({ items }) => items.length > 0))
    throw usage('--arg-secrets, and no argument holds a reference: write stillvault://… or {{ stillvault://… }}');
  else output.note('values in arguments can be read by every program of this user while it runs');
  const all = [
    ...variables.secret.values(),
    ...[...files, ...descriptors].map(({ item }) => item),
    ...(stdin ? [stdin] : []),
    ...(templates ?? []).flatMap(({ items }) => items),
  ];
  const items = [...new Map(all.map((item) => [nameOf(item), item])).values()];
  if (items.length > maxItems) throw usage(`${items.length} secrets: one request holds at most ${maxItems}`);
  return { variables, files, descriptors, stdin, argv: templates, items };
}

function descriptorWish(word: string): Wishes['descriptors'][number] {
  const [, name, reference] = /^([A-Za-z_][A-Za-z0-9_]*)=([^]+)$/.exec(word) ?? [];
  if (name === undefined || reference === undefined) throw usage('--fd takes NAME=reference, such as --fd KEY=prod/key: the variable gets /dev/fd/3');
  return { name, item: named(name, reference) };
}

/** Nothing is resolved without being asked for, and nobody shall believe that it was. */
function noteUntouched(argv: readonly string[], output: Output): void {
  const at = argv.findIndex((word) => /^stillvault:\/\/|\{\{\s*stillvault:\/\//.test(word));
  if (at > 0) output.note(`argument ${at} is a reference and stays as it is: use -e, --file or --fd, or --arg-secrets to put the value there`);
}

/** Throws where a value cannot be an argument. */
export function argumentsOf({ argv }: Wishes, written: readonly string[], values: readonly Value[]): readonly string[] {
  if (argv === undefined) return written;
  return argv.map(({ parts }) => parts.map((part) => (typeof part === 'string' ? part : wordOf(valueOf(values, part.item)))).join(''));
}
