// Finding a secret, and what may be stored: names, fields and sizes as the protocol bounds them. Pure; values stay bytes.
import type { ReviewCard, SecretRow } from '../app.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import { verifyFieldName, verifyPath } from '../../protocol/text.ts';
import { pageWords } from '../ui/words-pages.ts';

/** Every part of the query must be found in the name, the description or a field; sorted by name. */
export function findSecrets(secrets: readonly SecretRow[], query: string): readonly SecretRow[] {
  const parts = query
    .toLowerCase()
    .split(/\s+/)
    .filter((part) => part !== '');
  const text = ({ path, description, fields }: SecretRow): string => [path, description, ...fields].join('\n').toLowerCase();
  return secrets.filter((secret) => parts.every((part) => text(secret).includes(part))).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** What is looked at: all, those to renew, those that somebody waits for. */
export type Look = 'all' | 'exposed' | 'waiting';
export function lookAt(secrets: readonly SecretRow[], look: Look): readonly SecretRow[] {
  return look === 'all' ? secrets : secrets.filter((secret) => (look === 'exposed' ? secret.exposed !== undefined : isWaitedFor(secret)));
}

export function isWaitedFor({ waiting, needVersion }: SecretRow): boolean {
  return waiting.length + needVersion.length > 0;
}

/** Secrets whose share this device can give, and the devices that get them. */
export function shareableBy(secrets: readonly SecretRow[]): { readonly rows: readonly SecretRow[]; readonly devices: readonly string[] } {
  const rows = secrets.filter(({ sharable }) => sharable.length > 0);
  return { rows, devices: [...new Set(rows.flatMap(({ sharable }) => sharable))].sort() };
}

export interface Draft {
  readonly path: string;
  readonly description: string;
  readonly kind: 'value' | 'fields';
  readonly value: string;
  readonly fields: readonly { readonly name: string; readonly value: string }[];
}
export const emptyDraft: Draft = {
  path: '',
  description: '',
  kind: 'value',
  value: '',
  fields: [
    { name: 'user', value: '' },
    { name: 'password', value: '' },
  ],
};

/** A new version keeps the shape of the one before. */
export function draftOf(secret: SecretRow): Draft {
  const kind = secret.fields.length > 0 ? 'fields' : 'value';
  return {
    ...emptyDraft,
    path: secret.path,
    description: secret.description,
    kind,
    ...(kind === 'fields' ? { fields: secret.fields.map((name) => ({ name, value: '' })) } : {}),
  };
}

/** As the need wants it; the writer may choose otherwise. */
export function draftOfNeed({ items, need }: Pick<ReviewCard, 'items' | 'need'>): Draft {
  const fields = need?.fields ?? [];
  const path = items[0]?.path ?? '';
  return { ...emptyDraft, path, ...(fields.length > 0 ? { kind: 'fields', fields: fields.map((name) => ({ name, value: '' })) } : {}) };
}

/** What is wrong with the draft, by input; empty where it may be stored. */
export interface DraftErrors {
  readonly path?: string;
  readonly value?: string;
  readonly fields?: readonly (string | undefined)[];
}
export function checkDraft({ path, kind, value, fields }: Draft): DraftErrors {
  const w = pageWords.secrets;
  const total = byteLength(kind === 'value' ? value : fields.map((field) => field.value).join(''));
  const names = fields.map(({ name }) => name);
  const fieldErrors = fields.map(({ name, value: fieldValue }, index) => {
    if (!passes(() => verifyFieldName(name)) || names.indexOf(name) !== index) return w.fieldBad;
    return fieldValue === '' ? w.valueEmpty : undefined;
  });
  return {
    ...(passes(() => verifyPath(path)) ? {} : { path: w.pathBad }),
    ...(total > limits.valueBytes ? { value: w.valueLong } : kind === 'value' && value === '' ? { value: w.valueEmpty } : {}),
    ...(kind === 'fields' && fieldErrors.some((error) => error !== undefined) ? { fields: fieldErrors } : {}),
  };
}

export type EncodedValue =
  | { readonly kind: 'value'; readonly value: Uint8Array }
  | { readonly kind: 'fields'; readonly fields: readonly { readonly name: string; readonly value: Uint8Array }[] };

/** The value as bytes, which the caller wipes with wipeValue once it is sealed. */
export function encodeValue({ kind, value, fields }: Draft): EncodedValue {
  const encoder = new TextEncoder();
  return kind === 'value'
    ? { kind, value: encoder.encode(value) }
    : { kind, fields: fields.map((field) => ({ name: field.name, value: encoder.encode(field.value) })) };
}

export function wipeValue(encoded: EncodedValue): void {
  for (const bytes of encoded.kind === 'value' ? [encoded.value] : encoded.fields.map(({ value }) => value)) bytes.fill(0);
}

const byteLength = (text: string): number => new TextEncoder().encode(text).length;

function passes(verify: () => unknown): boolean {
  try {
    verify();
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
