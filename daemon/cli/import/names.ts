// From names of others to paths and fields that are legal, and where two meet (spec/19-import.md §names, 01-encoding.md §text).
import { usage } from '../terminal/arguments.ts';
import { printable } from '../terminal/text.ts';
import { type Candidate, type Target, malformed } from './source.ts';

const maxPath = 256;
/** As in protocol/limits.ts: fields of one secret, and bytes of all of them. */
const maxFields = 32;
const maxValueBytes = 65_536;

/** One secret to store: its value, or the fields that come together under its path. */
export interface Put {
  readonly path: string;
  readonly value?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly from: readonly Candidate[];
}
export interface Naming {
  readonly prefix: string;
  /** All values become fields of one secret: one card. */
  readonly asFields: boolean;
  /** `old=new` */
  readonly maps: readonly string[];
}

export function isPath(text: string): boolean {
  return text.length <= maxPath && /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?(?:\/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?)*$/.test(text);
}

/** What is not allowed becomes `-`; `undefined` where nothing is left. */
export function segmentOf(text: string): string | undefined {
  const plain = text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|[.-]+$/g, '')
    .slice(0, 100)
    .replace(/[.-]+$/, '');
  return plain === '' ? undefined : plain;
}

function fieldNameOf(text: string): string | undefined {
  const plain = text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9_-]+/g, '_')
    .replace(/^[^A-Za-z_]+/, '')
    .slice(0, 64);
  // To the readers of JSON on its way that is no name of a field, and its value would be lost.
  return plain === '' ? undefined : plain === '__proto__' ? 'proto' : plain;
}

export const nameOf = ({ segments }: Candidate): string => segments.join('/');

/** Where each goes. Throws usage: E_IMPORT_NAME. */
export function targetsOf(candidates: readonly Candidate[], naming: Naming): ReadonlyMap<Candidate, Target> {
  const maps = new Map(naming.maps.map(parseMap));
  const unused = new Set(maps.keys());
  const targets = new Map<Candidate, Target>();
  for (const candidate of candidates) {
    const name = nameOf(candidate);
    const mapped = maps.get(name);
    unused.delete(name);
    targets.set(candidate, mapped ?? (naming.asFields ? fieldTarget(candidate, naming.prefix) : pathTarget(candidate, naming.prefix)));
  }
  const [missing] = unused;
  if (missing !== undefined)
    throw malformed(
      'E_IMPORT_NAME',
      `--map ${printable(missing)}: nothing that is taken has this name`,
      undefined,
      'stillvault import --dry-run shows the names',
    );
  return targets;
}

function parseMap(word: string): readonly [string, Target] {
  const at = word.lastIndexOf('=');
  const [path = '', field, ...more] = word
    .slice(at + 1)
    .replace(/^stillvault:\/\//, '')
    .split('#');
  if (at < 1 || !isPath(path) || more.length > 0 || (field !== undefined && fieldNameOf(field) !== field))
    throw usage('--map takes old=new, such as DB_PASSWORD=prod/db or DB_PASSWORD=prod/db#password');
  return [word.slice(0, at), field === undefined ? { path } : { path, field }];
}

function pathTarget({ segments, line }: Candidate, prefix: string): Target {
  const path = [prefix, ...segments.flatMap((segment) => segmentOf(segment) ?? [])].filter((part) => part !== '').join('/');
  if (path === prefix || !isPath(path)) throw malformed('E_IMPORT_NAME', 'a name of which no path can be made', line, '--map old=new names it');
  return { path };
}

function fieldTarget(candidate: Candidate, prefix: string): Target {
  const field = fieldNameOf(candidate.segments.join('_'));
  if (candidate.content.kind === 'fields') throw usage('--as-fields is for files of single values: here each secret has fields of its own', 'leave it off');
  if (field === undefined) throw malformed('E_IMPORT_NAME', 'a name of which no field can be made', candidate.line, '--map old=new names it');
  return { path: prefix, field };
}

/** What is to be stored, one for each path. Throws usage: E_IMPORT_COLLISION, E_IMPORT_LIMIT. */
export function putsOf(targets: ReadonlyMap<Candidate, Target>): readonly Put[] {
  const puts = new Map<string, { path: string; value?: string; fields?: Record<string, string>; from: Candidate[] }>();
  for (const [candidate, { path, field }] of targets) {
    const put = puts.get(path);
    const collision = (): Error =>
      malformed(
        'E_IMPORT_COLLISION',
        `${nameOf(candidate)} and ${nameOf(put?.from[0] ?? candidate)} would both become ${path}`,
        candidate.line,
        '--map old=new gives one of them another name',
      );
    const { content } = candidate;
    if (content.kind === 'value' && field !== undefined) {
      if (put !== undefined && (put.fields === undefined || Object.hasOwn(put.fields, field))) throw collision();
      if (put === undefined) puts.set(path, { path, fields: { [field]: content.value }, from: [candidate] });
      else {
        put.fields = { ...put.fields, [field]: content.value };
        put.from.push(candidate);
      }
      continue;
    }
    if (put !== undefined) throw collision();
    if (field !== undefined) throw usage(`${nameOf(candidate)} has fields of its own: --map gives it a path without #`);
    puts.set(path, { path, from: [candidate], ...(content.kind === 'value' ? { value: content.value } : { fields: legalFields(content.fields, candidate) }) });
  }
  for (const put of puts.values()) verifySize(put);
  return [...puts.values()];
}

function legalFields(fields: Readonly<Record<string, string>>, candidate: Candidate): Record<string, string> {
  const legal: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) {
    const plain = fieldNameOf(name) ?? 'field';
    let unique = plain;
    for (let count = 2; Object.hasOwn(legal, unique); count++) unique = `${plain.slice(0, 60)}_${count}`;
    if (value !== '') legal[unique] = value;
  }
  if (Object.keys(legal).length === 0) throw malformed('E_IMPORT_NAME', 'a secret whose fields are all empty', candidate.line);
  return legal;
}

function verifySize({ path, value, fields, from }: Put): void {
  const bytes = [value ?? '', ...Object.values(fields ?? {})].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > maxValueBytes) throw malformed('E_IMPORT_LIMIT', `${path} is longer than ${maxValueBytes} bytes`, from[0]?.line, 'leave it out: --except NAME');
  if (Object.keys(fields ?? {}).length > maxFields)
    throw malformed('E_IMPORT_LIMIT', `${path} has more than ${maxFields} fields`, from[0]?.line, 'without --as-fields each becomes a secret of its own');
}
