// Where in a file of a known form the secrets are: line, name, what (spec/19-import.md §places). Values go in and never come out.
import { secretShape, isPlaceholder, judge, shapeAt } from './judge.ts';
import { parseDotenv } from './dotenv.ts';

export interface Spot {
  readonly line: number;
  readonly name: string;
  readonly what: string;
}
export type Finder = (text: string) => readonly Spot[];

export const dotenvSpots: Finder = (text) =>
  parseDotenv(text).values.flatMap(({ name, value, line }) => {
    const found = judge(name, value);
    return found === undefined ? [] : [{ line, name, what: found.what }];
  });

/** `key = value` or `key: value`, with the section before it; comments of any kind passed over. */
export const iniSpots: Finder = (text) => {
  let section = '';
  return linesOf(text).flatMap((words, at) => {
    section = /^\s*\[([^\]"',=]{1,200})\]\s*(?:[#;].*)?$/.exec(words)?.[1] ?? section; // a list of values has quotes and commas
    const [, key, raw] = /^(?![#;])([^\s=:#;]{1,200})\s*[=:]\s*(.{1,4096})/.exec(words.trim()) ?? [];
    if (key === undefined || raw === undefined) return [];
    const found = judge(key.replace(/^.*:/, ''), unquoted(raw));
    return found === undefined ? [] : [{ line: at + 1, name: section === '' ? key : `${section}.${key}`, what: found.what }];
  });
};

/** Any line with the shape of a token. */
export const shapeSpots: Finder = (text) => {
  let isPlain: boolean | undefined; // looked up once: a hostile file is all beginnings of keys
  return linesOf(text).flatMap((words, at) => {
    const what = secretShape(words);
    if (what === undefined || (what === 'private key' && !(isPlain ??= holdsPlainKey(text)))) return [];
    // From what stands before it: a token can end like a name does, in `=` or before a colon.
    const name = /([A-Za-z_][A-Za-z0-9_.-]{0,63})["']?\s*[:=]/.exec(words.slice(0, shapeAt(words)))?.[1] ?? '';
    return [{ line: at + 1, name, what }];
  });
};

/** A private key that no passphrase protects. */
export const keySpots: Finder = (text) => {
  const at = text.search(/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/);
  return at < 0 || !holdsPlainKey(text) ? [] : [{ line: lineAt(text, at), name: '', what: 'private key without a passphrase' }];
};

export const netrcSpots: Finder = (text) => {
  let machine = '';
  return linesOf(text).flatMap((words, at) => {
    if (/^\s*#/.test(words)) return [];
    machine = /\bmachine\s+(\S{1,200})/.exec(words)?.[1] ?? machine;
    const value = /\bpassword\s+(\S+)/.exec(words)?.[1];
    return value === undefined || isPlaceholder(value) ? [] : [{ line: at + 1, name: machine || 'default', what: 'password' }];
  });
};

export const pgpassSpots: Finder = (text) =>
  linesOf(text).flatMap((words, at) => {
    const [host = '', , database = '', user = '', ...rest] = words.replace(/\\./g, '_').split(':');
    const value = rest.join(':');
    return words.startsWith('#') || rest.length === 0 || isPlaceholder(value) ? [] : [{ line: at + 1, name: `${user}@${host}/${database}`, what: 'password' }];
  });

export const gitCredentialSpots: Finder = (text) =>
  linesOf(text).flatMap((words, at) => {
    // The host begins after the last @: one that nobody encoded is of the password.
    const [, scheme, value, host] = /^([a-z]{1,20}):\/\/[^:@/\s]*:([^/\s]+)@([^@/\s]+)/i.exec(words.trim()) ?? [];
    return value === undefined || isPlaceholder(value) ? [] : [{ line: at + 1, name: `${scheme}://${host}`, what: 'password or token' }];
  });

/** npm: `//registry/:_authToken=…`, `_auth=…`, `:_password=…`. */
export const npmrcSpots: Finder = (text) =>
  linesOf(text).flatMap((words, at) => {
    const [, key, value] = /^\s*(?![#;])(\S*?_(?:authToken|auth|password))\s*=\s*(\S+)/.exec(words) ?? [];
    return key === undefined || value === undefined || isPlaceholder(unquoted(value)) ? [] : [{ line: at + 1, name: key, what: 'registry token' }];
  });

/** A table with a column of passwords: what password managers export. */
export const exportSpots: Finder = (text) => {
  const [head = '', ...rows] = linesOf(text);
  const hasPasswords = /(?:^|,)\ufeff?"?(?:login_)?password"?(?:,|$)/i.test(head) && rows.some((row) => row.includes(','));
  return hasPasswords ? [{ line: 1, name: '', what: 'export of a password manager' }] : shapeSpots(text);
};

/** Keys that hold a secret in one kind of file, whatever its value looks like. */
export const treeSpots =
  (parse: (text: string) => unknown, always: RegExp = /(?!)/): Finder =>
  (text) => {
    let tree: unknown;
    try {
      tree = parse(text);
    } catch {
      return shapeSpots(text); // not of its form: what has the shape of a token is one all the same
    }
    const spots: Spot[] = [];
    for (const { path, value } of leavesOf(tree)) {
      const key = path.at(-1) ?? '';
      const isNamed = always.test(key) && value.length >= 4 && !isPlaceholder(value);
      const what = isNamed ? 'credential' : judge(/^\d+$/.test(key) ? (path.at(-2) ?? key) : key, value)?.what;
      if (what === undefined || (what === 'private key' && !holdsPlainKey(value))) continue;
      spots.push({ line: lineOfValue(text, value), name: path.join('.').slice(0, 200), what });
      if (spots.length >= maxSpots) break;
    }
    return spots;
  };

/** Texts of a tree with where they are; bounded, since aliases can make a small file a large tree. */
export function leavesOf(tree: unknown): readonly { readonly path: readonly string[]; readonly value: string }[] {
  const leaves: { path: readonly string[]; value: string }[] = [];
  const walk = (node: unknown, path: readonly string[]): void => {
    if (leaves.length >= maxLeaves || path.length > maxDepth) return;
    if (typeof node === 'string') leaves.push({ path, value: node });
    else if (typeof node === 'object' && node !== null) for (const [key, child] of Object.entries(node)) walk(child, [...path, key]);
  };
  walk(tree, []);
  return leaves;
}
const maxLeaves = 10_000;
const maxDepth = 32;
/** Of one file: who has more has lost it as a whole. */
const maxSpots = 1_000;
const maxLine = 16_384;
const maxKey = 20_000;

/** Encrypted keys say so: in a header, or as the cipher inside. */
function holdsPlainKey(text: string): boolean {
  for (const { 0: begin, 1: kind = '', index } of text.matchAll(/-----BEGIN ((?:[A-Z0-9]{1,20} ){0,4})PRIVATE KEY(?: BLOCK)?-----/g)) {
    const end = text.indexOf('-----END', index);
    if (end < 0) return false;
    const body = text.slice(index + begin.length, Math.min(end, index + maxKey));
    if (kind.includes('ENCRYPTED') || /Proc-Type: 4,ENCRYPTED/.test(body)) continue;
    const digits = body.replace(/^(?:[A-Za-z-]+: .*)$/gm, '').replace(/\\n|[\s"',+]/g, '');
    if (digits.length < 60 || !/^[A-Za-z0-9+/=-]+$/.test(digits)) continue; // a word about keys, not a key
    if (!kind.includes('OPENSSH')) return true;
    const bytes = Buffer.from(digits, 'base64');
    // openssh-key-v1, NUL, then the length and name of the cipher.
    if (bytes.subarray(0, 15).toString('latin1') === 'openssh-key-v1\0' && bytes.subarray(19, 23).toString('latin1') === 'none') return true;
  }
  return false;
}

function linesOf(text: string): readonly string[] {
  return text.split(/\r?\n/).map((line) => line.slice(0, maxLine));
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1[,;]?$/.exec(text)?.[2] ?? text;
}

export function lineAt(text: string, at: number): number {
  return text.slice(0, Math.max(0, at)).split('\n').length;
}

/** The parsers of trees tell no lines: the first place of the value as it is, escaped, or its beginning. */
function lineOfValue(text: string, value: string): number {
  const first = value.split('\n')[0] ?? '';
  const at = [value, JSON.stringify(value).slice(1, -1), first].map((form) => text.indexOf(form)).find((found) => found >= 0);
  return at === undefined ? 1 : lineAt(text, at);
}
