// How a value may look in what a program prints: the byte strings that sdk/mask.ts looks for (spec/13-mcp.md §masking). No dependencies.
import { encodeBase64 } from './base64.ts';

export interface Form {
  readonly bytes: Uint8Array;
  /** Line breaks may stand anywhere inside: encoders wrap base64 and hex. */
  readonly wraps: boolean;
  /** Base64 whose last character holds bits of the value and of what follows: that character and the padding belong to it. */
  readonly open: boolean;
}

/** Shorter values are not looked for: masking a digit wherever it stands would tell the digit, and nothing else could be read. */
export const minValueBytes = 4;
/** A shorter line of a value, such as a closing brace, is no secret by itself. */
export const minLineBytes = 8;

/** Each form once. */
export function formsOf(values: Iterable<Uint8Array>): readonly Form[] {
  const forms = new Map<string, Form>();
  const add = (bytes: Uint8Array, { wraps = false, open = false } = {}): void => {
    const key = `${wraps}${open}${asKey.decode(bytes)}`;
    if (bytes.length >= minValueBytes && !forms.has(key)) forms.set(key, { bytes, wraps, open });
    // Too short for two pieces of which a line break leaves one whole.
    if (wraps && bytes.length < 2 * minValueBytes) for (const broken of withBreak(bytes)) add(broken, { open });
  };
  for (const value of values) {
    for (const ends of lineEnds(value)) add(ends);
    for (const part of [value, withoutEnd(value), ...linesOf(value)]) {
      if (part.length < minValueBytes) continue;
      add(part.slice()); // a copy: whoever gave the value wipes it
      for (const text of new Set(textForms(part))) add(utf8.encode(text));
      for (const offset of [0, 1, 2]) {
        const { text, open } = base64At(part, offset);
        add(utf8.encode(text), { wraps: true, open });
        add(utf8.encode(text.replaceAll('+', '-').replaceAll('/', '_')), { wraps: true, open });
      }
      const hex = Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join('');
      add(utf8.encode(hex), { wraps: true });
      add(utf8.encode(hex.toUpperCase()), { wraps: true });
    }
  }
  return [...forms.values()];
}

const utf8 = new TextEncoder();
/** One character for each byte, another for another. */
const asKey = new TextDecoder('latin1');

/** As a terminal writes it, and as a file of another system has it. */
function lineEnds(value: Uint8Array): readonly Uint8Array[] {
  if (!value.includes(10)) return [];
  const body = withoutEnd(value);
  const plain = body.filter((byte, at) => byte !== 13 || body[at + 1] !== 10);
  return [plain, Uint8Array.from([...plain].flatMap((byte) => (byte === 10 ? [13, 10] : [byte])))];
}

/** A shell leaves the line break at the end off, and so does whoever trims what they read. */
function withoutEnd(value: Uint8Array): Uint8Array {
  let end = value.length;
  while (value[end - 1] === 10 || value[end - 1] === 13) end--;
  return value.subarray(0, end);
}

function withBreak(bytes: Uint8Array): readonly Uint8Array[] {
  const breaks = [[10], [13, 10]];
  return [...bytes.keys()].slice(1).flatMap((at) => breaks.map((end) => Uint8Array.of(...bytes.subarray(0, at), ...end, ...bytes.subarray(at))));
}

/** The key of a private key file is printed line by line, indented, or with other line ends. */
function linesOf(value: Uint8Array): readonly Uint8Array[] {
  if (!value.includes(10) && !value.includes(13)) return [];
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at <= value.length; at++) {
    if (at < value.length && value[at] !== 10 && value[at] !== 13) continue;
    const line = trimmed(value.subarray(start, at));
    if (line.length >= minLineBytes) lines.push(line);
    start = at + 1;
  }
  return lines;
}

function trimmed(line: Uint8Array): Uint8Array {
  const isBlank = (byte: number | undefined): boolean => byte === 32 || byte === 9;
  let [start, end] = [0, line.length];
  while (start < end && isBlank(line[start])) start++;
  while (end > start && isBlank(line[end - 1])) end--;
  return line.subarray(start, end);
}

/** Those of its characters in base64 that depend on nothing else, where it starts `offset` bytes after a group of three. */
function base64At(value: Uint8Array, offset: number): { readonly text: string; readonly open: boolean } {
  const padded = new Uint8Array(offset + value.length);
  padded.set(value, offset);
  const bits = padded.length * 8;
  return { text: encodeBase64(padded).slice(Math.ceil((offset * 8) / 6), Math.floor(bits / 6)), open: bits % 6 !== 0 };
}

/** In URLs, forms and JSON, as the usual encoders write them. */
function textForms(value: Uint8Array): readonly string[] {
  const chars = Array.from(value, (byte) => String.fromCharCode(byte)).join('');
  const special = [/[^A-Za-z0-9\-_.!~*'()]/g, /[^A-Za-z0-9\-_.~]/g, /[^A-Za-z0-9\-_.~/]/g, /[^A-Za-z0-9\-_.*]/g, /[^A-Za-z0-9\-_.]/g, /[^A-Za-z0-9]/g, /[^]/g];
  const url = special.map((which) => chars.replace(which, percent));
  const forms = [...url, ...url.map((text) => text.replaceAll('%20', '+'))];
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(value);
  const json = JSON.stringify(text).slice(1, -1);
  const slashed = json.replaceAll('/', '\\/');
  const ascii = [json, slashed].map((form) => escaped(form, /[^\x00-\x7f]/g));
  const html = escaped(json, /[<>&\u2028\u2029]/g);
  const wide = [escaped(slashed, /[<>&'\u007f-\uffff]/g), escaped(json, /[<>&'\u007f-\uffff]/g)];
  const jsonForms = [json, slashed, ...ascii, html, ...wide];
  return [...forms, ...forms.map(lowerPercent), ...jsonForms, ...jsonForms.map((form) => form.replace(/\\u[0-9a-f]{4}/g, upperEscape))];
}

const percent = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
const lowerPercent = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
const upperEscape = (code: string): string => `\\u${code.slice(2).toUpperCase()}`;
const escaped = (text: string, which: RegExp): string => text.replace(which, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
