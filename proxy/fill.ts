// Puts values into the head of a request: headers, Basic credentials, path and query (spec/16-proxy.md §filling).
import { type Header, type RequestHead, valuesOf } from './head.ts';
import { fillText, placeholdersIn } from './placeholders.ts';
import { ProxyError } from './proxy-error.ts';

/** The values of these placeholders towards this request's host; throws where one may not go there. */
export type Use = (placeholders: readonly string[]) => Promise<ReadonlyMap<string, string>>;

export async function fillHead(head: RequestHead, use: Use): Promise<RequestHead> {
  const texts = [head.target, ...head.headers.flatMap(([, value]) => [value, basicOf(value)?.text ?? ''])];
  const wanted = texts.flatMap(placeholdersIn);
  if (wanted.length === 0) return head;
  const values = await use(wanted);
  return {
    ...head,
    target: fillText(head.target, values, encodeURIComponent),
    headers: head.headers.map(([name, value]): Header => [name, filledValue(name, value, values)]),
  };
}

function filledValue(name: string, value: string, values: ReadonlyMap<string, string>): string {
  const basic = basicOf(value);
  if (basic === undefined) return fillText(value, values, (text) => headerText(name, text));
  if (placeholdersIn(basic.text).length === 0) return value;
  const text = fillText(basic.text, values, (filled) => Buffer.from(filled).toString('latin1'));
  return `${basic.scheme} ${Buffer.from(text, 'latin1').toString('base64')}`;
}

/** What is in `Basic dXNlcjpwYXNz`, its bytes as latin1. */
function basicOf(value: string): { readonly scheme: string; readonly text: string } | undefined {
  const [, scheme, coded] = /^(basic) +([A-Za-z0-9+/_-]+={0,2})$/i.exec(value) ?? [];
  return scheme === undefined || coded === undefined ? undefined : { scheme, text: Buffer.from(coded, 'base64').toString('latin1') };
}

/** ASCII only: a host that reads other bytes in its own way would answer them in a form that no mask knows. */
function headerText(name: string, text: string): string {
  if (!/[^\t\x20-\x7e]/.test(text)) return text;
  throw new ProxyError('E_PROXY_VALUE', `the value for the header ${name} holds a line break, or letters that headers have no rule for`);
}

/** Of a request that tells no other coding. */
export const isCoded = (headers: readonly Header[]): boolean => valuesOf(headers, 'content-encoding').some((coding) => coding.toLowerCase() !== 'identity');
