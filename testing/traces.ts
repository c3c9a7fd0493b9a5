// Looks for a text in bytes in every form in which it could lie there: plain, base64 in all three positions, hex, escaped. Never shipped.

export interface Trace {
  readonly what: string;
  readonly form: string;
}

/** Forms of `text` that would give it away, by name. Short ones are left out where chance would find them. */
export function formsOf(text: string | Uint8Array): ReadonlyMap<string, Uint8Array> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : Buffer.from(text);
  const forms = new Map<string, Buffer>([
    ['plain', bytes],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ['HEX', Buffer.from(bytes.toString('hex').toUpperCase())],
    ['utf16', Buffer.from(bytes.toString(), 'utf16le')],
    ['reversed', Buffer.from(bytes.toReversed())],
  ]);
  for (const offset of [0, 1, 2]) {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first digits hold bits of what came before, the last ones of what comes after.
    const sure = shifted.slice(Math.ceil((offset * 8) / 6), shifted.length - (((offset + bytes.length) * 8) % 6 === 0 ? 0 : 1));
    forms.set(`base64+${offset}`, Buffer.from(sure));
    forms.set(`base64url+${offset}`, Buffer.from(sure.replaceAll('+', '-').replaceAll('/', '_')));
  }
  if (typeof text === 'string') {
    forms.set('url', Buffer.from(encodeURIComponent(text)));
    forms.set('json', Buffer.from(JSON.stringify(text).slice(1, -1)));
    forms.set('json-u', Buffer.from(Array.from(text, (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`).join('')));
    forms.set('html', Buffer.from(Array.from(text, (char) => `&#${char.codePointAt(0)};`).join('')));
  }
  return forms;
}

/** Every secret thing that can be found in `haystack`. */
export function tracesIn(haystack: Uint8Array, secrets: Readonly<Record<string, string | Uint8Array>>): readonly Trace[] {
  const bytes = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.length);
  const lower = Buffer.from(bytes.toString('latin1').toLowerCase(), 'latin1');
  const found: Trace[] = [];
  for (const [what, text] of Object.entries(secrets)) {
    for (const [form, needle] of formsOf(text)) if (bytes.includes(needle)) found.push({ what, form });
    if (typeof text === 'string' && lower.includes(text.toLowerCase())) found.push({ what, form: 'any case' });
  }
  return found;
}
