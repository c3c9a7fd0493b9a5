// Text with references: `{{ stillvault://path#field }}` anywhere, or one reference alone (spec/13-mcp.md §references).
import { type Value, parseReference } from '../sdk/client.ts';
import { StillvaultError } from '../sdk/errors.ts';
import { bounds } from './bounds.ts';
import { type Item, nameOf } from './desk.ts';

/** Pieces of text, and between them what is put in. */
export interface Template {
  readonly parts: readonly (string | Item)[];
  readonly items: readonly Item[];
}

/** Throws usage. */
export function parseTemplate(text: string): Template {
  if (Buffer.byteLength(text) > bounds.templateBytes) throw new StillvaultError('usage', `longer than ${bounds.templateBytes} bytes`);
  const parts = /^stillvault:\/\/[^\s{}]+$/.test(text)
    ? [parseReference(text)]
    : text.split(/(\{\{\s*stillvault:\/\/[^\s{}]+\s*\}\})/).map((part, at) => (at % 2 === 0 ? part : parseReference(part.slice(2, -2).trim())));
  const items = parts.filter((part) => typeof part !== 'string');
  const stray = parts.find((part) => typeof part === 'string' && part.includes('stillvault://'));
  if (stray !== undefined) throw new StillvaultError('usage', 'a reference inside of other text is written {{ stillvault://path#field }}');
  return { parts, items };
}

export type Encode = (text: string) => string;

/** Throws where a value is missing, or no text where text is needed. */
export function fill({ parts }: Template, values: readonly Value[], encode: Encode = (text) => text): string {
  return parts.map((part) => (typeof part === 'string' ? part : encode(textOf(valueOf(values, part))))).join('');
}

export function valueOf(values: readonly Value[], item: Item): Value {
  const value = values.find((candidate) => nameOf(candidate) === nameOf(item));
  if (value === undefined) throw new StillvaultError('error', `the daemon released no value for ${nameOf(item)}`, { next: 'stillvault doctor' });
  return value;
}

/** Throws where bytes are no text: a changed value would be a wrong one. */
export function textOf(value: Value): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value.bytes);
  } catch {
    throw new StillvaultError('error', `${nameOf(value)} is no text, and text is needed here`);
  }
}
