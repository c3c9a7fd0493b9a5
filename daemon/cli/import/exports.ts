// What password managers export: Bitwarden as JSON and CSV, 1Password as 1PUX and CSV (spec/19-import.md §formats).
import { parse } from 'csv-parse/sync';
import { strFromU8, unzipSync } from 'fflate';
import { z } from 'zod';
import { type Candidate, type Source, malformed } from './source.ts';
import { parseTree } from './trees.ts';

/** A vault of 10,000 items has about 10 MB. */
export const maxExportBytes = 33_554_432;
const maxItems = 10_000;
/** Of one item: more than a secret can have, and few enough to find each a name. */
const maxFields = 200;

const text = z.string().max(1_048_576).nullish();
const bitwarden = z.looseObject({
  folders: z.array(z.looseObject({ id: text, name: text })).optional(),
  collections: z.array(z.looseObject({ id: text, name: text })).nullish(),
  items: z
    .array(
      z.looseObject({
        name: text,
        folderId: text,
        collectionIds: z.array(text).nullish(),
        notes: text,
        login: z.looseObject({ username: text, password: text, totp: text }).nullish(),
        sshKey: z.looseObject({ privateKey: text }).nullish(),
        fields: z.array(z.looseObject({ name: text, value: z.unknown(), type: z.number() })).nullish(),
      }),
    )
    .max(maxItems),
});

const encryptedNext = 'export again as .json (not .json (Encrypted)) into a folder on tmpfs, such as $XDG_RUNTIME_DIR, and delete it afterwards';
const leftover: Source['next'] = () => ['FILE holds everything in the clear: delete it now, and empty the trash; the password manager still has its own copy'];

export function bitwardenSource(json: string): Source {
  const tree = parseTree(json, 'JSON');
  if (typeof tree === 'object' && tree !== null && 'encrypted' in tree && tree.encrypted !== false)
    throw malformed('E_IMPORT_ENCRYPTED', 'this export of Bitwarden is encrypted', undefined, encryptedNext);
  const parsed = bitwarden.safeParse(tree);
  if (!parsed.success)
    throw malformed('E_IMPORT_FORMAT', `this is no export of Bitwarden: ${parsed.error.issues[0]?.path.map(String).join('.') ?? 'the file'}`);
  const { folders = [], collections, items } = parsed.data;
  const nameOf = new Map([...folders, ...(collections ?? [])].map(({ id, name }) => [id ?? '', name ?? '']));
  return {
    candidates: items.flatMap(({ name, folderId, collectionIds, notes, login, sshKey, fields }) => {
      const folder = nameOf.get(folderId ?? collectionIds?.[0] ?? '') ?? '';
      // 0 text, 1 hidden, 2 yes or no, 3 a link to another field
      const own = (fields ?? []).flatMap((field) =>
        field.type <= 1 && typeof field.value === 'string' ? [[field.name ?? 'field', field.value] as const] : [],
      );
      return candidateOf(
        [...folder.split('/'), name ?? 'item'],
        [['username', login?.username], ['password', login?.password], ['totp', login?.totp], ['private_key', sshKey?.privateKey], ['notes', notes], ...own],
      );
    }),
    next: leftover,
    notes: ['cards, identities and attachments are not taken'],
  };
}

const onePassword = z.looseObject({
  accounts: z.array(
    z.looseObject({
      vaults: z.array(
        z.looseObject({
          attrs: z.looseObject({ name: text }).optional(),
          items: z
            .array(
              z.looseObject({
                state: text,
                overview: z.looseObject({ title: text }),
                details: z.looseObject({
                  loginFields: z.array(z.looseObject({ value: text, designation: text })).nullish(),
                  password: text,
                  notesPlain: text,
                  sections: z.array(z.looseObject({ fields: z.array(z.looseObject({ title: text, value: z.looseObject({}).nullish() })).nullish() })).nullish(),
                }),
              }),
            )
            .max(maxItems),
        }),
      ),
    }),
  ),
});

export function onePuxSource(bytes: Uint8Array): Source {
  let json: string | undefined;
  try {
    // The directory says how large it becomes, and no more than that is made.
    const files = unzipSync(bytes, { filter: ({ name, originalSize }) => name === 'export.data' && originalSize <= maxExportBytes });
    json = files['export.data'] && strFromU8(files['export.data']);
  } catch {
    throw malformed('E_IMPORT_SYNTAX', 'this is no archive that can be read');
  }
  if (json === undefined) throw malformed('E_IMPORT_FORMAT', 'this archive holds no export.data of 1Password, or one too large');
  const parsed = onePassword.safeParse(parseTree(json, 'JSON'));
  if (!parsed.success)
    throw malformed('E_IMPORT_FORMAT', `export.data is not of the form of 1Password: ${parsed.error.issues[0]?.path.map(String).join('.') ?? ''}`);
  const vaults = parsed.data.accounts.flatMap((account) => account.vaults);
  return {
    candidates: vaults.flatMap(({ attrs, items }) =>
      items
        .filter(({ state }) => state !== 'archived')
        .flatMap(({ overview, details }) =>
          candidateOf(
            [attrs?.name ?? 'vault', overview.title ?? 'item'],
            [
              ...(details.loginFields ?? []).flatMap(({ designation, value }) =>
                designation === 'username' || designation === 'password' ? [[designation, value] as const] : [],
              ),
              ['password', details.password],
              ...(details.sections ?? []).flatMap(({ fields }) => (fields ?? []).flatMap(({ title, value }) => fieldOf(title ?? 'field', value))),
              ['notes', details.notesPlain],
            ],
          ),
        ),
    ),
    next: leftover,
    notes: ['archived items, documents and attachments are not taken'],
  };
}

/** `value` has one key, which is the kind of the field. */
function fieldOf(title: string, value: Readonly<Record<string, unknown>> | null | undefined): readonly (readonly [string, string])[] {
  for (const kind of ['concealed', 'string', 'totp', 'url', 'email', 'creditCardNumber', 'phone', 'menu']) {
    const held = value?.[kind];
    if (typeof held === 'string') return [[title, held]];
  }
  const key: unknown = value?.['sshKey'];
  return typeof key === 'object' && key !== null && 'privateKey' in key && typeof key.privateKey === 'string' ? [['private_key', key.privateKey]] : [];
}

const rows = z.array(z.record(z.string(), z.string())).max(maxItems);

/** Columns of Bitwarden, of 1Password 8, or any with a title, name or url and a password. */
export function csvSource(csv: string): Source {
  const table = rows.safeParse(parseCsv(csv));
  if (!table.success) throw malformed('E_IMPORT_LIMIT', `more than ${maxItems} lines`);
  const names = Object.keys(table.data[0] ?? {});
  const column = (...wanted: readonly string[]): string => names.find((name) => wanted.includes(name.toLowerCase())) ?? '';
  const [title, password] = [column('title', 'name'), column('login_password', 'password')];
  if (title === '' || password === '') throw malformed('E_IMPORT_FORMAT', 'a CSV needs the columns title or name, and password', 1);
  const [folder, user, totp, notes] = [
    column('folder', 'vault'),
    column('login_username', 'username'),
    column('login_totp', 'otpauth', 'totp'),
    column('notes'),
  ];
  return {
    candidates: table.data.flatMap((row) =>
      candidateOf(
        [...(row[folder] ?? '').split('/'), row[title] ?? ''],
        [
          ['username', row[user]],
          ['password', row[password]],
          ['totp', row[totp]],
          ['notes', row[notes]],
          ...(row['fields'] ?? '')
            .split('\n')
            .flatMap((line) => (line.includes(': ') ? [[line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)] as const] : [])),
        ],
      ),
    ),
    next: leftover,
  };
}

function parseCsv(csv: string): unknown {
  try {
    return parse(csv, { bom: true, columns: true, max_record_size: 1_048_576, skip_empty_lines: true, to: maxItems + 1 });
  } catch (error) {
    const line = error instanceof Error && 'lines' in error && typeof error.lines === 'number' ? error.lines : undefined;
    throw malformed('E_IMPORT_SYNTAX', 'this is no CSV', line);
  }
}

/** Nothing for an item without a secret: a username alone is none. */
function candidateOf(segments: readonly string[], given: readonly (readonly [name: string, value: string | null | undefined])[]): readonly Candidate[] {
  if (given.length > maxFields) throw malformed('E_IMPORT_LIMIT', `an item with more than ${maxFields} fields`);
  const fields = new Map<string, string>();
  for (const [name, value] of given) {
    if (!value) continue;
    let unique = name;
    for (let count = 2; fields.has(unique) && fields.get(unique) !== value; count++) unique = `${name}_${count}`;
    fields.set(unique, value);
  }
  const names = [...fields.keys()];
  if (names.every((name) => name === 'username')) return [];
  const content = { kind: 'fields', fields: Object.fromEntries(fields) } as const;
  return [{ segments: segments.filter((segment) => segment !== ''), content, why: names.join(', '), isTaken: true }];
}
