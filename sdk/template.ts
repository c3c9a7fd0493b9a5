// Text with references, `{{ stillvault://path#field | json }}` anywhere or one reference alone (spec/17-run.md §templates). No dependencies.
import { type Value, parseReference } from './client.ts';
import { encodeBase64 } from './base64.ts';
import { StillvaultError } from './errors.ts';

export type Item = ReturnType<typeof parseReference>;
export interface Placeholder {
  readonly item: Item;
  /** Counted from 1. */
  readonly line: number;
  /** How the value is written; undefined: byte for byte. */
  readonly form: Form | undefined;
}
export interface Template {
  /** Pieces of text, and between them what is put in. */
  readonly parts: readonly (string | Placeholder)[];
  /** Each secret once. */
  readonly items: readonly Item[];
}

/** What may stand after `|`. */
export const forms = ['json', 'yaml', 'shell', 'url', 'base64'] as const;
export type Form = (typeof forms)[number];

/** Throws usage with the line's number: whatever holds `stillvault://` and is no reference would be written as it is. */
export function parseTemplate(text: string): Template {
  const alone = /^stillvault:\/\/[^\s{}|]+(?=\r?\n?$)/.exec(text)?.[0];
  const parts: (string | Placeholder)[] = [];
  let line = 1;
  for (const [at, piece] of (alone === undefined ? text.split(/(\{\{\s*stillvault:\/\/[^{}]*\}\})/) : ['', alone, text.slice(alone.length)]).entries()) {
    if (at % 2 === 1) parts.push(placeholder(piece, line));
    else if (piece !== '') {
      const stray = piece.indexOf('stillvault://');
      if (stray >= 0) throw wrong(line + breaksIn(piece.slice(0, stray)), 'a reference inside of other text is written {{ stillvault://path#field }}');
      parts.push(piece);
    }
    line += breaksIn(piece);
  }
  const items = new Map(parts.flatMap((part) => (typeof part === 'string' ? [] : [[nameOf(part.item), part.item] as const])));
  return { parts, items: [...items.values()] };
}

function placeholder(piece: string, line: number): Placeholder {
  const [, reference, form] = /^(?:\{\{)?\s*(stillvault:\/\/[^\s|{}]+)\s*(?:\|\s*([a-z0-9]+)\s*)?(?:\}\})?$/.exec(piece) ?? [];
  if (reference === undefined)
    throw wrong(line, 'not a reference: write {{ stillvault://path }}, {{ stillvault://path#field }} or {{ stillvault://path | json }}');
  const known = forms.find((name) => name === form);
  if (form !== undefined && known === undefined) throw wrong(line, `a value can be written as ${forms.join(', ')}, or without | as it is`);
  let item;
  try {
    item = parseReference(reference);
  } catch {
    throw wrong(line, 'not a reference: write stillvault://path or stillvault://path#field');
  }
  return { item, line, form: known };
}

/** As bytes: a value that is no text stays as it is. Throws where a value is missing, or cannot be written in the form that was asked. */
export function fillTemplate({ parts }: Template, values: readonly Value[]): Uint8Array {
  return concat(parts.map((part) => (typeof part === 'string' ? utf8.encode(part) : written(part, valueOf(values, part.item)))));
}

export function valueOf(values: readonly Value[], item: Item): Value {
  const value = values.find((candidate) => nameOf(candidate) === nameOf(item));
  if (value === undefined) throw new StillvaultError('error', `the daemon released no value for ${nameOf(item)}`, { next: 'stillvault doctor' });
  return value;
}

export function nameOf({ path, field }: Item): string {
  return field === undefined ? path : `${path}#${field}`;
}

/** Throws where bytes are no text: a changed value would be a wrong one. */
export function textOf(value: Value): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value.bytes);
  } catch {
    throw new StillvaultError('error', `${nameOf(value)} is no text, and text is needed here`);
  }
}

function written({ form }: Placeholder, value: Value): Uint8Array {
  if (form === undefined) return value.bytes.slice();
  if (form === 'base64') return utf8.encode(encodeBase64(value.bytes));
  return utf8.encode(inForm(form, textOf(value), value));
}

export function inForm(form: Form, text: string, of: Item): string {
  switch (form) {
    case 'json':
    case 'yaml': // a string of JSON is one of YAML, once what YAML cannot hold as it is is escaped
      return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
    case 'shell':
      if (text.includes('\0')) throw new StillvaultError('error', `${nameOf(of)} holds a NUL, which no word of a shell can`);
      return `'${text.replaceAll("'", `'\\''`)}'`;
    case 'url':
      return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
    case 'base64':
      return encodeBase64(utf8.encode(text));
  }
}

const utf8 = new TextEncoder();
const breaksIn = (text: string): number => text.split('\n').length - 1;

function wrong(line: number, what: string): StillvaultError {
  return new StillvaultError('usage', `line ${line}: ${what}; nobody was asked`);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
    part.fill(0);
  }
  return all;
}
