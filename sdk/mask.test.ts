// No value in what a program prints (spec/13-mcp.md §masking): any value, any split, any listed encoding.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createMask } from './mask.ts';
import { formsOf, minLineBytes, minValueBytes } from './mask-forms.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const mask = (values: readonly (string | Uint8Array)[]) => createMask(values.map((value) => (typeof value === 'string' ? bytesOf(value) : value)));

/** As a program that writes the pieces would be seen. */
function streamed(values: readonly Uint8Array[], text: Uint8Array, cuts: readonly number[]): Uint8Array {
  const stream = createMask(values).stream();
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
  const parts = places.slice(1).map((place, at) => stream.push(text.slice(places[at], place)).slice());
  return Buffer.concat([...parts, stream.end()]);
}

/** Written by other encoders than the mask's own. */
const encodings: Readonly<Record<string, (value: Buffer) => string | Uint8Array>> = {
  raw: (value) => value,
  base64: (value) => value.toString('base64'),
  'base64 without padding': (value) => value.toString('base64').replaceAll('=', ''),
  base64url: (value) => value.toString('base64url'),
  'base64 in lines': (value) => wrapped(value.toString('base64'), 76, '\n'),
  'base64 in lines of CRLF': (value) => wrapped(value.toString('base64'), 64, '\r\n'),
  hex: (value) => value.toString('hex'),
  'hex in capitals': (value) => value.toString('hex').toUpperCase(),
  'hex in lines': (value) => wrapped(value.toString('hex'), 60, '\n'),
  'every byte percent-encoded': (value) => value.toString('hex').replace(/../g, '%$&'),
};
/** Of values that are text. */
const textEncodings: Readonly<Record<string, (value: string) => string>> = {
  encodeURIComponent,
  'encodeURIComponent in small letters': (value) => encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase()),
  'a form': (value) => new URLSearchParams([['', value]]).toString().slice(1),
  JSON: (value) => JSON.stringify(value).slice(1, -1),
  'JSON with escaped slashes': (value) => JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/'),
  'JSON in ASCII': (value) =>
    JSON.stringify(value)
      .slice(1, -1)
      .replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
};
const wrapped = (text: string, columns: number, end: string): string => text.match(new RegExp(`.{1,${columns}}`, 'g'))?.join(end) ?? '';

const values = fc.uint8Array({ minLength: 9, maxLength: 200 });
const around = fc.uint8Array({ maxLength: 120 });
const cuts = fc.array(fc.nat(2_000), { maxLength: 12 });
const contains = (text: Uint8Array, part: string | Uint8Array): boolean => Buffer.from(text).includes(Buffer.from(part));

describe('INV-MCP-MASK a value that is printed', () => {
  for (const [name, encode] of Object.entries(encodings))
    test(`as ${name}, anywhere, written in any pieces`, () => {
      fc.assert(
        fc.property(values, around, around, cuts, (value, before, after, places) => {
          const form = encode(Buffer.from(value));
          const text = Buffer.concat([before, Buffer.from('\n'), Buffer.from(form), Buffer.from('\n'), after]);
          const seen = streamed([value], text, places);
          expect(contains(seen, form)).toBe(false);
          expect(contains(seen, '[masked]')).toBe(true);
        }),
        { numRuns: 60 },
      );
    });

  for (const [name, encode] of Object.entries(textEncodings))
    test(`as ${name}`, () => {
      fc.assert(
        fc.property(fc.string({ minLength: 4, maxLength: 60, unit: 'binary' }), around, cuts, (value, before, places) => {
          const form = encode(value);
          const seen = streamed([bytesOf(value)], Buffer.concat([before, Buffer.from(`"${form}"`)]), places);
          expect(contains(seen, `"${form}"`)).toBe(false);
          expect(contains(seen, '[masked]')).toBe(true);
        }),
        { numRuns: 60 },
      );
    });

  test('inside a longer text in base64, at each of the three offsets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 60 }), around, around, cuts, fc.boolean(), (value, before, after, places, url) => {
        const text = Buffer.concat([before, value, after]).toString(url ? 'base64url' : 'base64');
        const first = Math.ceil((before.length * 4) / 3);
        const determined = text.slice(first, Math.floor(((before.length + value.length) * 4) / 3));
        const seen = streamed([value], Buffer.from(text), places);
        expect(contains(seen, determined)).toBe(false);
        expect(contains(seen, '[masked]')).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('is masked whole: of base64 the last character and the padding too', () => {
    for (const value of ['hunter22', 'hunter222', 'hunter2222']) {
      expect(mask([value]).text(`a ${btoa(value)} b`)).toBe('a [masked] b');
      expect(mask([value]).text(btoa(value))).toBe('[masked]');
    }
  });

  test('among others, that overlap it or begin alike, is one', () => {
    const seen = mask(['abcdefgh', 'efghijkl', 'abcdefghij', 'ijklmnop']);
    expect(seen.text('<abcdefghijklmnop>')).toBe('<[masked]>');
    expect(seen.text('<abcdefg>')).toBe('<abcdefg>');
    expect(seen.text('<abcdefghi>')).toBe('<[masked]i>');
    expect(seen.text('<abcdefghabcdefgh>')).toBe('<[masked][masked]>');
  });

  test('of several overlapping values, whatever the split: always the same text, and no byte of a value', () => {
    const small = fc.uint8Array({ minLength: 4, maxLength: 7, max: 2 }); // few letters, so that they overlap
    fc.assert(
      fc.property(fc.array(small, { minLength: 1, maxLength: 4 }), fc.uint8Array({ maxLength: 80, max: 2 }), cuts, (secret, text, places) => {
        const seen = streamed(secret, text, places);
        expect(seen).toEqual(Buffer.from(createMask(secret).bytes(text)));
        // Every byte that an occurrence covers is gone, every other one is left.
        const kept = [...text].filter((_, at) => !secret.some((value) => covers(value, text, at)));
        expect(textOf(seen).replaceAll('[masked]', '')).toBe(textOf(Uint8Array.from(kept)));
      }),
      { numRuns: 400 },
    );
  });

  test('written in long pieces, with beginnings of values everywhere: the same text', () => {
    const small = fc.uint8Array({ minLength: 4, maxLength: 30, max: 3 });
    const places = fc.array(fc.nat(20_000), { maxLength: 6 });
    const repeated = fc.tuple(
      fc.array(fc.tuple(fc.nat(3), fc.nat(30), fc.uint8Array({ maxLength: 3, max: 3 })), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 20 }),
    );
    fc.assert(
      fc.property(fc.array(small, { minLength: 1, maxLength: 4 }), repeated, places, (secret, [spots, times], where) => {
        const block = Buffer.concat(spots.flatMap(([which, length, rest]) => [(secret[which % secret.length] ?? rest).subarray(0, length), rest]));
        const text = Buffer.concat(Array.from({ length: times }, () => block));
        const kept = [...text].filter((_, at) => !secret.some((value) => covers(value, text, at)));
        expect(textOf(streamed(secret, text, where)).replaceAll('[masked]', '')).toBe(textOf(Uint8Array.from(kept)));
        const stream = createMask(secret).stream();
        expect(Buffer.concat([...stream.pieces(text), stream.end()])).toEqual(Buffer.from(createMask(secret).bytes(text)));
      }),
      { numRuns: 200 },
    );
  });

  test('every form, anywhere among pieces of forms: no byte of it is left', () => {
    const value = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 40 }), fc.stringMatching(/^[ab/ +]{4,40}$/).map(bytesOf));
    const spots = fc.array(fc.tuple(fc.nat(), fc.nat(60), fc.uint8Array({ maxLength: 4 })), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), spots, cuts, (secret, all, places) => {
        const forms = formsOf(secret);
        const text = Buffer.concat(all.flatMap(([which, length, noise]) => [(forms[which % forms.length]?.bytes ?? noise).subarray(0, length), noise]));
        const covered = new Uint8Array(text.length);
        for (const { bytes } of forms) for (let at = text.indexOf(bytes); at >= 0; at = text.indexOf(bytes, at + 1)) covered.fill(1, at, at + bytes.length);
        const left = Buffer.from(
          Buffer.from(streamed(secret, text, places))
            .toString('latin1')
            .replaceAll('[masked]', ''),
          'latin1',
        );
        expect(left.length).toBeLessThanOrEqual(covered.filter((byte) => byte === 0).length);
      }),
      { numRuns: 300 },
    );
  });

  test('line by line: indented, with other line ends, or only some of its lines', () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n';
    const seen = mask([key]);
    expect(seen.text(key)).toBe('[masked]');
    expect(seen.text(key.replaceAll('\n', '\r\n'))).not.toMatch(/MIIE|BKcw/);
    expect(seen.text(key.replaceAll(/^/gm, '    '))).not.toMatch(/MIIE|BKcw/);
    expect(seen.text('grep: MIIEvQIBADANBgkqhkiG9w0BAQEFAASC')).toBe('grep: [masked]');
    const head = Buffer.from(key).toString('base64').slice(0, 120); // as `base64 | head -c 120`
    expect(seen.text(head)).not.toContain(Buffer.from('MIIEvQIBADANBgkqhkiG9w0B').toString('base64'));
    expect(JSON.stringify({ key }).length).toBeGreaterThan(seen.text(JSON.stringify({ key })).length + 100);
  });

  test('base64 that comes letter by letter: the last one, which holds bits of the value, and its padding too', () => {
    for (const value of ['abcd', 'correct horse', 'correct horses', 'correct horse b']) {
      const stream = mask([value]).stream();
      let shown = '';
      for (const letter of Buffer.from(value).toString('base64')) shown += textOf(stream.push(bytesOf(letter)));
      expect(shown + textOf(stream.end())).toBe('[masked]');
    }
  });

  test('short lines on a terminal, which writes CR LF; without the line break at the end; in a short piece of base64 that a line break divides', () => {
    const words = 'Äpfel\nFluß\nStein\n';
    expect(mask([words]).text(words.replaceAll('\n', '\r\n'))).toBe('[masked]\r\n');
    expect(mask([words.replaceAll('\n', '\r\n')]).text(words)).toBe('[masked]\n');
    expect(mask(['hunter2\n']).text('PASS=hunter2;')).toBe('PASS=[masked];');
    expect(mask(['hunter2\n']).text('hunter2\r\n')).toBe('[masked]\r\n');
    for (const value of ['abcd', 'abcde', 'abcdef'])
      for (let before = 48; before < 64; before++) {
        const coded = Buffer.from(`${'x'.repeat(before)}${value}${'y'.repeat(40)}`).toString('base64');
        for (const end of ['\n', '\r\n']) expect(mask([value]).text(coded.replace(/.{76}/g, `$&${end}`))).toContain('[masked]');
      }
  });

  test('in 64 KiB of one line, and a page of text without it stays as it is', () => {
    const value = Buffer.from(Array.from({ length: 65_536 }, (_, at) => 33 + ((at * 7_919) % 90)));
    const page = 'nothing to see here, '.repeat(2_000);
    const text = Buffer.concat([Buffer.from(page), value, Buffer.from(page), Buffer.from(value.toString('base64')), Buffer.from(page)]);
    const seen = textOf(streamed([value], text, [1_000, 50_000, 60_001, 99_999]));
    expect(seen).toBe(`${page}[masked]${page}[masked]${page}`);
  });
});

describe('what is no value', () => {
  test('comes at once, not when more comes: a prompt is seen', () => {
    const stream = mask(['correct horse battery staple']).stream();
    expect(textOf(stream.push(bytesOf('Password: ')))).toBe('Password: ');
    expect(textOf(stream.push(bytesOf('correct ')))).toBe('');
    expect(textOf(stream.push(bytesOf('answer: ')))).toBe('correct answer: ');
    expect(textOf(stream.end())).toBe('');
  });

  test('is held back no longer than a value is: an endless repetition does not pile up', () => {
    const stream = mask(['aaaaaaaa']).stream();
    let size = 0;
    for (let at = 0; at < 2_000; at++) size += stream.push(bytesOf('a'.repeat(64))).length;
    expect(textOf(stream.push(bytesOf('b')))).toBe('b');
    expect(size).toBe('[masked]'.length);
  });

  test('without values everything passes', () => {
    expect(mask([]).text('anything')).toBe('anything');
    expect(mask(['']).text('anything')).toBe('anything');
  });

  test('values and lines below the bound are not looked for', () => {
    expect(minValueBytes).toBe(4);
    expect(mask(['123']).text('123')).toBe('123');
    expect(mask(['1234']).text('12345')).toBe('[masked]5');
    expect(minLineBytes).toBe(8);
    expect(mask(['{\n  "a": "b"\n}\n1234567\n12345678']).text('{ 1234567 12345678')).toBe('{ 1234567 [masked]');
  });

  test('the caller may wipe its value: the mask has a copy', () => {
    const value = bytesOf('correct horse');
    const seen = createMask([value]);
    value.fill(0);
    expect(seen.text('correct horse')).toBe('[masked]');
  });
});

function covers(value: Uint8Array, text: Uint8Array, at: number): boolean {
  for (let start = Math.max(0, at - value.length + 1); start <= at; start++)
    if (start + value.length <= text.length && value.every((byte, index) => text[start + index] === byte)) return true;
  return false;
}

test('INV-RUN-MASK with pauses anywhere: at most 3 bytes of the beginning, and everything else as without them', () => {
  const property = fc.property(fc.stringMatching(/^[a-f]{4,40}$/), fc.array(fc.nat(60), { maxLength: 60 }), (value, pauses) => {
    const text = bytesOf(`XX${value}YY${value.slice(0, -1)}ZZ`);
    const stream = mask([value]).stream();
    let shown = '';
    for (const [at, byte] of text.entries()) {
      shown += textOf(stream.push(Uint8Array.of(byte)));
      if (pauses.includes(at)) shown += textOf(stream.idle());
    }
    shown += textOf(stream.end());
    const [, beginning = '-', rest] = /^XX([a-f]*)\[masked\]YY(.*)$/s.exec(shown) ?? [];
    const allowed = value.slice(0, Math.min(3, value.length >> 2));
    if (!value.slice(0, -1).includes(value)) expect(rest).toBe(`${value.slice(0, -1)}ZZ`);
    expect(allowed.startsWith(beginning)).toBe(true);
  });
  fc.assert(property, { numRuns: 300 });
});
