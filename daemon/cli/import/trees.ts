// JSON and YAML: nested keys become paths; docker's configuration; Vault's answers (spec/19-import.md §formats).
import { z } from 'zod';
import { isPlaceholder, judge } from '../plaintext/judge.ts';
import { leavesOf, lineAt } from '../plaintext/spots.ts';
import { type Candidate, type Piece, type Source, type Target, malformed } from './source.ts';
import { plainReference, quotedIfNeeded } from './text-files.ts';

/** Throws a coded failure with the line where the parser tells it, never with its message: that quotes the text. */
export function parseTree(text: string, format: 'JSON' | 'YAML'): unknown {
  try {
    return format === 'JSON' ? (Bun.JSONC.parse(text) as unknown) : (Bun.YAML.parse(text) as unknown); // typed as any
  } catch (error) {
    const line = error instanceof Error && 'line' in error && typeof error.line === 'number' ? error.line : undefined;
    throw malformed('E_IMPORT_SYNTAX', `this is no ${format}`, line);
  }
}

export function treeSource(text: string, format: 'JSON' | 'YAML'): Source {
  const tree = parseTree(text, format);
  const candidates = leavesOf(tree).flatMap(({ path, value }): Candidate[] => {
    if (value === '' || isPlaceholder(value)) return [];
    const key = path.at(-1) ?? '';
    const judged = judge(/^\d+$/.test(key) ? (path.at(-2) ?? key) : key, value);
    return [
      {
        segments: path.length === 0 ? ['value'] : path,
        content: { kind: 'value', value },
        why: judged?.what ?? 'looks like no secret',
        isTaken: judged !== undefined,
      },
    ];
  });
  const numbers = numbersOf(tree);
  return {
    candidates,
    next: () => ['FILE still holds them: put references there and read them with stillvault run or inject, or delete it'],
    // 0123 and 1e5 are other texts once they were numbers.
    notes: numbers.length === 0 ? [] : [`numbers are not taken, since their digits may change: ${numbers.slice(0, 5).join(', ')}; put them in quotes`],
  };
}

function numbersOf(tree: unknown): readonly string[] {
  const found: string[] = [];
  const walk = (node: unknown, path: readonly string[]): void => {
    if (path.length > 32 || found.length > 100) return;
    const key = path.at(-1) ?? '';
    if (typeof node === 'number' && judge(key, 'Zq7-long-enough') !== undefined) found.push(path.join('.').slice(0, 100));
    else if (typeof node === 'object' && node !== null) for (const [name, child] of Object.entries(node)) walk(child, [...path, name]);
  };
  walk(tree, []);
  return found;
}

const dockerConfig = z.looseObject({ auths: z.record(z.string().max(2_048), z.looseObject({ auth: z.string().max(65_536).optional() })) });

/** Each is looked for in the whole text. */
const maxRegistries = 500;

/** `auth` of a registry goes; what asks in its place is the helper. */
export function dockerSource(text: string): Source {
  const parsed = dockerConfig.safeParse(parseTree(text, 'JSON'));
  if (!parsed.success) throw malformed('E_IMPORT_FORMAT', 'this is no configuration of docker with auths');
  interface Auth {
    readonly registry: string;
    readonly user: string;
    readonly from: number;
    readonly to: number;
    readonly was: (target: Target) => readonly Piece[];
  }
  const places = new Map<Candidate, Auth>();
  const auths = Object.entries(parsed.data.auths);
  if (auths.length > maxRegistries) throw malformed('E_IMPORT_LIMIT', `more than ${maxRegistries} registries`);
  for (const [registry, { auth }] of auths) {
    if (auth === undefined || auth === '') continue;
    const [user, ...rest] = Buffer.from(auth, 'base64').toString('utf8').split(':');
    const password = rest.join(':');
    const member = new RegExp(`"auth"(\\s*:\\s*)"${RegExp.escape(auth)}"`).exec(text);
    const isExact = Buffer.from(`${user}:${password}`).toString('base64') === auth;
    if (user === undefined || password === '' || member === null || !isExact || text.indexOf(auth, member.index + member[0].length) >= 0) continue;
    // With the comma that would be left over: the one after it, else the one before.
    const after = /^\s*,/.exec(text.slice(member.index + member[0].length))?.[0] ?? '';
    const before = after === '' ? (/,\s*$/.exec(text.slice(0, member.index))?.[0] ?? '') : '';
    const candidate: Candidate = {
      segments: ['docker', registry.replace(/^https?:\/\//, '')],
      line: lineAt(text, member.index),
      content: { kind: 'fields', fields: { username: user, password } },
      why: 'registry login',
      isTaken: true,
    };
    places.set(candidate, {
      registry,
      user,
      from: member.index - before.length,
      to: member.index + member[0].length + after.length,
      was: ({ path }) => [`${before}"auth"${member[1] ?? ': '}"`, { path, form: 'basic' }, `"${after}`],
    });
  }
  return {
    candidates: [...places.keys()],
    rewrite: (chosen) =>
      [...chosen].flatMap(([candidate, target]) => {
        const place = places.get(candidate);
        return place === undefined ? [] : [{ from: place.from, to: place.to, text: '', was: place.was(target) }];
      }),
    next: (chosen) => [
      ...[...chosen].flatMap(([candidate, target]) => {
        const place = places.get(candidate);
        return place === undefined
          ? []
          : [`stillvault helper map docker ${quotedIfNeeded(place.registry)} ${plainReference(target)} --username ${quotedIfNeeded(place.user)}`];
      }),
      'stillvault helper install docker',
    ],
  };
}

const values = z.record(z.string().min(1).max(256), z.unknown());
/** An answer of Vault: KV 1 has the values in `data`, KV 2 in `data.data` beside `data.metadata`. */
const answer = z.looseObject({
  data: z.union([z.looseObject({ data: values.nullable(), metadata: z.looseObject({}) }), values]),
  path: z.string().max(512).optional(),
});

/** One answer, a list of them, or an object of path → answer. The answers do not tell their path. */
export function vaultSource(text: string, name: string): Source {
  const tree = parseTree(text, 'JSON');
  const one = answer.safeParse(tree);
  const entries: readonly (readonly [string, unknown])[] = one.success
    ? [[one.data.path ?? name, tree]]
    : Array.isArray(tree)
      ? tree.map((item: unknown, at) => [pathIn(item) ?? `${name}-${at + 1}`, item] as const)
      : Object.entries(typeof tree === 'object' && tree !== null ? tree : {});
  const notes: string[] = [];
  const candidates = entries.flatMap(([path, item], at): Candidate[] => {
    const parsed = answer.safeParse(item);
    if (!parsed.success) throw malformed('E_IMPORT_FORMAT', `item ${at + 1} is no answer of vault kv get -format=json`);
    const { data } = parsed.data;
    const inner = values.nullable().safeParse('metadata' in data && 'data' in data ? data['data'] : data);
    if (!inner.success) throw malformed('E_IMPORT_FORMAT', `item ${at + 1} has values that are no object`);
    const held = inner.data;
    if (held === null) {
      notes.push(`item ${at + 1} was deleted in Vault: nothing to take`);
      return [];
    }
    // Vault keeps any JSON; what is no text is kept as the JSON that Vault gave.
    const fields = Object.fromEntries(Object.entries(held).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]));
    return Object.keys(fields).length === 0 ? [] : [{ segments: path.split('/'), content: { kind: 'fields', fields }, why: 'Vault KV', isTaken: true }];
  });
  if (candidates.length === 0 && notes.length === 0) throw malformed('E_IMPORT_FORMAT', 'this holds no answer of vault kv get -format=json');
  return { candidates, next: () => ['FILE still holds them in the clear: delete it; they are also still in Vault'], notes };
}

function pathIn(item: unknown): string | undefined {
  return typeof item === 'object' && item !== null && 'path' in item && typeof item.path === 'string' ? item.path : undefined;
}
