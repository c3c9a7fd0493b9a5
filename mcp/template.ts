// Text with references as the tools take it: bounded, and each value encoded for the place where it stands (spec/13-mcp.md §references).
import type { Value } from '../sdk/client.ts';
import { StillvaultError } from '../sdk/errors.ts';
import { type Template, inForm, parseTemplate as parse, textOf, valueOf } from '../sdk/template.ts';
import { bounds } from './bounds.ts';

/** Throws usage. */
export function parseTemplate(text: string): Template {
  if (Buffer.byteLength(text) > bounds.templateBytes) throw new StillvaultError('usage', `longer than ${bounds.templateBytes} bytes`);
  return parse(text);
}

export type Encode = (text: string) => string;

/** In the form that the reference asks for, then as the place needs it. Throws where a value is missing, or no text where text is needed. */
export function fill({ parts }: Template, values: readonly Value[], encode: Encode = (text) => text): string {
  const put = (part: Exclude<Template['parts'][number], string>): string => {
    const text = textOf(valueOf(values, part.item));
    return encode(part.form === undefined ? text : inForm(part.form, text, part.item));
  };
  return parts.map((part) => (typeof part === 'string' ? part : put(part))).join('');
}
