// One change of one file, and its exact reverse (spec/13-mcp.md §init). Text in, text out.
import { StillvaultError } from '../../../sdk/errors.ts';
import { type Json, type Path, depthOf, valueAt, withValue, withoutValue } from './json-text.ts';

export type Edit = { readonly file: string } & (
  | {
      readonly kind: 'member';
      readonly path: Path;
      readonly value: Json;
      /** Whether what stands there already was written by us. */ readonly isOurs: (value: Json) => boolean;
    }
  | { readonly kind: 'item'; readonly path: Path; readonly value: Json; readonly isOurs: (value: Json) => boolean }
  | { readonly kind: 'toml'; readonly table: string; readonly lines: readonly string[] }
  | { readonly kind: 'text'; readonly lines: readonly string[] }
  | { readonly kind: 'file'; readonly text: string; readonly mode: number }
);

/** In whole files of ours. */
export const fileMark = 'stillvault init';

/** The text with the change in it; the same text where it is there already. Undefined: there is no file. Throws usage where others wrote there. */
export function applied(edit: Edit, before: string | undefined): string {
  switch (edit.kind) {
    case 'member': {
      const text = nonEmpty(before);
      const there = valueAt(text, edit.path);
      if (there !== undefined && !edit.isOurs(there)) throw taken(edit.path.join('.'));
      return sameJson(there, edit.value) ? text : withValue(text, edit.path, edit.value);
    }
    case 'item': {
      const text = reverted(edit, nonEmpty(before), edit.path.length);
      return sameJson(ourItem(edit, nonEmpty(before))?.value, edit.value) ? nonEmpty(before) : withValue(text, [...edit.path, '-'], edit.value);
    }
    case 'toml': {
      const plain = withoutBlock(before ?? '', hash);
      const text = withBlock(plain, hash, [`[${edit.table}]`, ...edit.lines]);
      verifyToml(edit.table, plain, text);
      return text;
    }
    case 'text':
      return withBlock(withoutBlock(before ?? '', angle), angle, edit.lines);
    case 'file':
      if (before !== undefined && before !== edit.text && !before.includes(fileMark)) throw taken('it');
      return edit.text;
  }
}

/** The text without the change. `depth`: so much of the path was there before. Undefined: the file was ours. */
export function reverted(edit: Edit, text: string, depth: number): string {
  switch (edit.kind) {
    case 'member': {
      const there = valueAt(text, edit.path);
      return there === undefined || !edit.isOurs(there) ? text : withoutValue(text, outermost(text, edit.path, depth));
    }
    case 'item': {
      const item = ourItem(edit, text);
      return item === undefined ? text : withoutValue(text, outermost(text, [...edit.path, item.at], depth));
    }
    case 'toml':
      return withoutBlock(text, hash);
    case 'text':
      return withoutBlock(text, angle);
    case 'file':
      return text.includes(fileMark) ? '' : text;
  }
}

/** How much of its place is there before the change. */
export function depthBefore(edit: Edit, before: string | undefined): number {
  return edit.kind === 'member' || edit.kind === 'item' ? depthOf(nonEmpty(before), edit.path) : 0;
}

/** What we created for the change goes too, unless somebody put more into it. */
function outermost(text: string, path: Path, depth: number): Path {
  for (let length = Math.min(depth + 1, path.length); length < path.length; length++) {
    const inner = path.slice(length).reduce<{ readonly value: Json | undefined; readonly isAlone: boolean }>(
      ({ value, isAlone }, key) => {
        const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
        return { value: entries.find(([name]) => name === key)?.[1], isAlone: isAlone && entries.length === 1 };
      },
      { value: valueAt(text, path.slice(0, length)), isAlone: true },
    );
    if (inner.isAlone) return path.slice(0, length);
  }
  return path;
}

function ourItem({ path, isOurs }: Extract<Edit, { readonly kind: 'item' }>, text: string): { readonly at: string; readonly value: Json } | undefined {
  const items = valueAt(text, path);
  const at = Array.isArray(items) ? items.findIndex(isOurs) : -1;
  return at < 0 || !Array.isArray(items) ? undefined : { at: String(at), value: items[at] as Json }; // cast: it is an item of a JSON array
}

const nonEmpty = (text: string | undefined): string => (text === undefined || text.trim() === '' ? '{}\n' : text);
const sameJson = (a: Json | undefined, b: Json): boolean => a !== undefined && JSON.stringify(a) === JSON.stringify(b);

interface Marks {
  readonly begin: string;
  readonly end: string;
}
const about = 'stillvault init … --undo removes this';
const hash: Marks = { begin: `# stillvault: begin (${about})`, end: '# stillvault: end' };
const angle: Marks = { begin: `<!-- stillvault: begin (${about}) -->`, end: '<!-- stillvault: end -->' };

/** After one line break, whether the text ended with one or not: so that taking it out again is exact. */
function withBlock(text: string, { begin, end }: Marks, lines: readonly string[]): string {
  return `${text}${text === '' ? '' : '\n'}${[begin, ...lines, end].join('\n')}\n`;
}

function withoutBlock(text: string, { begin, end }: Marks): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) return text;
  return text.slice(0, from).replace(/\n$/, '') + text.slice(to + end.length).replace(/^\r?\n/, '');
}

/** The host must read the same as before, and our table. */
function verifyToml(table: string, before: string, after: string): void {
  const read = (text: string): unknown => {
    try {
      return Bun.TOML.parse(text);
    } catch {
      throw new StillvaultError('usage', 'this is no TOML that can be changed safely');
    }
  };
  const at = (value: unknown): unknown => table.split('.').reduce<unknown>((inner, key) => (isTable(inner) ? inner[key] : undefined), value);
  if (at(read(before)) !== undefined) throw taken(table);
  if (at(read(after)) === undefined) throw new StillvaultError('usage', 'this TOML cannot be changed safely');
}

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

function taken(what: string): StillvaultError {
  return new StillvaultError('usage', `${what} is there already, and not ours`, { next: 'move it away, or name it otherwise' });
}
