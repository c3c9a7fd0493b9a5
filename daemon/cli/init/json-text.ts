// Changes one place of a JSON text and leaves every other byte: comments, unknown keys, layout (spec/13-mcp.md §init). Reads what hosts
// read: JSON, with comments and trailing commas, and JSON5's bare keys and quotes.
import { StillvaultError } from '../../../sdk/errors.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Path = readonly string[];

type Node = { readonly start: number; readonly end: number } & (
  | { readonly kind: 'object'; readonly parts: readonly { readonly key: string; readonly start: number; readonly value: Node }[] }
  | { readonly kind: 'array'; readonly parts: readonly { readonly key: string; readonly start: number; readonly value: Node }[] }
  | { readonly kind: 'other' }
);
type Container = Extract<Node, { readonly parts: unknown }>;

/** The text as a value; undefined where the path leads nowhere. Throws usage. */
export function valueAt(text: string, path: Path): Json | undefined {
  const node = nodeAt(parse(text), path);
  return node === undefined ? undefined : valueOf(text, node);
}

/** How much of the path is there. */
export function depthOf(text: string, path: Path): number {
  const root = parse(text);
  let depth = 0;
  while (depth < path.length && nodeAt(root, path.slice(0, depth + 1)) !== undefined) depth++;
  return depth;
}

/** With that value as the first of its object, or the new value where it was there. Of an array, `-` puts it first. */
export function withValue(text: string, path: Path, value: Json): string {
  const root = parse(text);
  const depth = depthOf(text, path);
  const found = nodeAt(root, path.slice(0, depth));
  if (found === undefined) throw unusual();
  if (depth === path.length) return text.slice(0, found.start) + indented(value, lineIndent(text, found.start), unitOf(text, root)) + text.slice(found.end);
  if (found.kind === 'other') throw new StillvaultError('usage', `${path.slice(0, depth).join('.')} holds something else than was expected`);
  const [key = '', ...rest] = path.slice(depth);
  const whole = rest.reduceRight<Json>((inner, name) => (name === '-' ? [inner] : { [name]: inner }), value);
  return inserted(text, root, found, key, whole);
}

/** Without what stands there. */
export function withoutValue(text: string, path: Path): string {
  const parent = nodeAt(parse(text), path.slice(0, -1));
  const part = parent?.kind === 'other' ? undefined : parent?.parts.find(({ key }) => key === path.at(-1));
  if (parent === undefined || part === undefined) return text;
  const before = /\s*$/.exec(text.slice(parent.start + 1, part.start))?.[0] ?? '';
  const comma = /^\s*,/.exec(text.slice(part.value.end))?.[0];
  if (comma !== undefined) return text.slice(0, part.start - before.length) + text.slice(part.value.end + comma.length);
  // The last of its object: the space behind it was put there with it, or belongs to what was before.
  const head = text.slice(0, part.start - before.length).replace(/,$/, '');
  const isAlone = head.length === parent.start + 1 && /^\s*$/.test(text.slice(part.value.end, parent.end - 1));
  return head + text.slice(isAlone ? parent.end - 1 : part.value.end);
}

function inserted(text: string, root: Node, into: Container, key: string, value: Json): string {
  const at = into.start + 1;
  const unit = unitOf(text, root);
  const inside = text.slice(at, into.end - 1);
  const outer = lineIndent(text, into.start);
  const breaks = /^[^\S\n]*(\r?\n)/.exec(inside)?.[1];
  const name = into.kind === 'array' ? '' : `${JSON.stringify(key)}: `;
  if (inside.trim() === '' && breaks === undefined) {
    const end = text.includes('\r\n') ? '\r\n' : '\n';
    return `${text.slice(0, at)}${end}${outer}${unit}${name}${indented(value, outer + unit, unit)}${end}${outer}${text.slice(into.end - 1)}`;
  }
  const comma = into.parts.length === 0 ? '' : ',';
  if (breaks === undefined) return `${text.slice(0, at)}${/^\s/.test(inside) ? ' ' : ''}${name}${JSON.stringify(value)}${comma}${text.slice(at)}`;
  const first = into.parts[0];
  const own = first === undefined ? outer + unit : lineIndent(text, first.start);
  return `${text.slice(0, at)}${breaks}${own}${name}${indented(value, own, unit)}${comma}${text.slice(at)}`;
}

const indented = (value: Json, indent: string, unit: string): string => JSON.stringify(value, null, unit).replaceAll('\n', `\n${indent}`);
const lineIndent = (text: string, at: number): string => /^[^\S\n]*/.exec(text.slice(text.lastIndexOf('\n', at - 1) + 1))?.[0] ?? '';

function unitOf(text: string, root: Node): string {
  const first = root.kind === 'other' ? undefined : root.parts[0];
  const unit = first === undefined ? '' : lineIndent(text, first.start);
  return /^(?:\t| {1,8})$/.test(unit) && text.slice(0, first?.start).includes('\n') ? unit : '  ';
}

function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const key of path) node = node === undefined || node.kind === 'other' ? undefined : node.parts.find((part) => part.key === key)?.value;
  return node;
}

function valueOf(text: string, node: Node): Json {
  if (node.kind === 'array') return node.parts.map(({ value }) => valueOf(text, value));
  if (node.kind === 'object') return Object.fromEntries(node.parts.map(({ key, value }) => [key, valueOf(text, value)]));
  const raw = text.slice(node.start, node.end);
  try {
    return JSON.parse(raw.startsWith("'") ? quotedAnew(raw) : raw) as Json; // cast: what JSON.parse makes of a scalar
  } catch {
    return raw;
  }
}

const quotedAnew = (raw: string): string =>
  `"${raw
    .slice(1, -1)
    .replaceAll("\\'", "'")
    .replace(/(?<!\\)"/g, '\\"')}"`;

const maxDepth = 100;
const scalar = /(?:"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'|[^\s,:{}[\]"'/]+)/y;
const space = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;

/** Throws usage where it is none of what hosts read. */
function parse(text: string): Node {
  let at = text.startsWith('\ufeff') ? 1 : 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? '';
    at += found.length;
    return found;
  };
  const node = (depth: number): Node => {
    const start = at;
    const open = text[at];
    if (open !== '{' && open !== '[') {
      if (take(scalar) === '') throw unusual();
      return { kind: 'other', start, end: at };
    }
    if (depth > maxDepth) throw unusual();
    const parts: { key: string; start: number; value: Node }[] = [];
    const close = open === '{' ? '}' : ']';
    at++;
    for (take(space); text[at] !== close; take(space)) {
      const where = at;
      let key = String(parts.length);
      if (open === '{') {
        const raw = take(scalar);
        key = raw.startsWith('"') || raw.startsWith("'") ? String(JSON.parse(raw.startsWith("'") ? quotedAnew(raw) : raw)) : raw;
        take(space);
        if (raw === '' || text[at++] !== ':' || parts.some((part) => part.key === key)) throw unusual();
        take(space);
      }
      parts.push({ key, start: where, value: node(depth + 1) });
      take(space);
      if (text[at] === ',') at++;
      else if (text[at] !== close) throw unusual();
    }
    at++;
    return { kind: open === '{' ? 'object' : 'array', start, end: at, parts };
  };
  take(space);
  try {
    const root = node(0);
    take(space);
    if (at !== text.length) throw unusual();
    return root;
  } catch (cause) {
    throw cause instanceof StillvaultError ? cause : unusual();
  }
}

function unusual(): StillvaultError {
  return new StillvaultError('usage', 'this is no JSON that can be changed safely');
}
