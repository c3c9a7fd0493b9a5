// Keeps spec/, tests and vectors in step: every invariant (`**[INV-…]**` at the start of a line of spec/*.md) names its test and every
// test its clause; every vector has the schema, and its code exists.
import { posix } from 'node:path';
import { z } from 'zod';
import { protocolCodes } from '../protocol/errors.ts';
import { type Finding, isTest, lineOf, projectFiles, report, textOf } from './tree.ts';

type Clause = { readonly id: string; readonly file: string; readonly line: number };

const vectorSchema = z.looseObject({ name: z.string().min(1), spec: z.string().min(1), code: z.enum(protocolCodes).optional() });

/** Invariants without test or stated twice, and tests that name an invariant which no clause states. */
export function verifyInvariants(specs: ReadonlyMap<string, string>, tests: ReadonlyMap<string, string>): readonly Finding[] {
  const clauses = [...specs].flatMap(([file, text]) => findIds(file, text, /^\*\*\[(INV-[A-Z0-9-]+)\]\*\*/gm));
  const uses = [...tests].flatMap(([file, text]) => findIds(file, text, /\b(INV-[A-Z0-9]+(?:-[A-Z0-9]+)*)\b/g));
  const [stated, tested] = [new Map(clauses.map((clause) => [clause.id, clause])), new Set(uses.map(({ id }) => id))];
  return [
    ...clauses.filter((clause) => stated.get(clause.id) !== clause).map(({ id, ...at }) => ({ ...at, what: `states ${id} a second time` })),
    ...clauses.filter(({ id }) => !tested.has(id)).map(({ id, ...at }) => ({ ...at, what: `${id} has no test: name it in a *.test.ts` })),
    ...uses.filter(({ id }) => !stated.has(id)).map(({ id, ...at }) => ({ ...at, what: `${id} is no clause of spec/*.md` })),
  ];
}

/** A vector file against its schema; accept has no code, reject has exactly one known code, `spec` names an existing file. */
export function verifyVector(file: string, text: string, specs: ReadonlySet<string>): readonly Finding[] {
  const parsed = vectorSchema.safeParse(parseJson(text));
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => ({ file, what: `${path.join('.') || 'file'}: ${message}` }));
  const { spec, code } = parsed.data;
  const kind = file.split('/').includes('reject') ? 'reject' : 'accept';
  return [
    ...(kind === 'reject' && code === undefined ? [{ file, what: 'a rejected vector names its code' }] : []),
    ...(kind === 'accept' && code !== undefined ? [{ file, what: 'an accepted vector has no code' }] : []),
    ...(specs.has(posix.join('spec', spec.replace(/^spec\//, '').split(/[#§ ]/)[0] ?? '')) ? [] : [{ file, what: `spec: no file ${spec}` }]),
  ];
}

function findIds(file: string, text: string, pattern: RegExp): readonly Clause[] {
  return [...text.matchAll(pattern)].map(({ 1: id = '', index }) => ({ id, file, line: lineOf(text, index) }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const textsOf = (paths: readonly string[]): ReadonlyMap<string, string> => new Map(paths.map((path) => [path, textOf(path) ?? '']));

if (import.meta.main) {
  const files = projectFiles();
  const specs = textsOf(files.filter((path) => /^spec\/.*\.md$/.test(path)));
  // The tests of the tools make up invariants.
  const tests = textsOf(files.filter((path) => isTest(path) && !path.startsWith('tools/')));
  const vectors = files.filter((path) => /^spec\/vectors\/.*\.json$/.test(path));
  const findings = [...verifyInvariants(specs, tests), ...vectors.flatMap((path) => verifyVector(path, textOf(path) ?? '', new Set(specs.keys())))];
  report('spec', findings, `${specs.size} files, ${vectors.length} vectors`);
}
