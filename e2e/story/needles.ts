// One word in every form in which it could lie in a file or on a wire.

/** Plain, base64 and base64url at each of the three offsets, hex, percent-encoded, JSON-escaped, UTF-16. */
export function formsOf(word: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(word, 'utf8');
  const forms = new Map<string, Buffer>([
    ['plain', bytes],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ['HEX', Buffer.from(bytes.toString('hex').toUpperCase())],
    ['percent', Buffer.from([...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''))],
    ['uri', Buffer.from(encodeURIComponent(word))],
    ['json', Buffer.from(JSON.stringify(word).slice(1, -1))],
    ['\\u', Buffer.from([...word].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''))],
    ['utf-16', Buffer.from(word, 'utf16le')],
  ]);
  for (const offset of [0, 1, 2]) {
    // The digits at the ends also depend on the neighbours: they are left out.
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = padded.toString(encoding).replace(/=+$/, '');
      forms.set(`${encoding}+${offset}`, Buffer.from(text.slice(offset === 0 ? 0 : offset + 1, text.length - 1)));
    }
  }
  return forms;
}

/** `what in which form, where` for every hit. */
export function findNeedles(words: Readonly<Record<string, string>>, places: Readonly<Record<string, readonly Uint8Array[]>>): readonly string[] {
  const hits: string[] = [];
  for (const [where, pieces] of Object.entries(places)) {
    for (const [what, word] of Object.entries(words)) {
      for (const [form, needle] of formsOf(word))
        if (pieces.some((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.length).includes(needle))) hits.push(`${what} as ${form} in ${where}`);
    }
  }
  return hits;
}
