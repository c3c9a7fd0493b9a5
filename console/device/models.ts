// Models of authenticators that this device's person trusts, from a file that the operator supplies (FIDO metadata statements, or the same in short).
// Kept on this device; nothing is ever fetched (spec/11-enrolment.md §attestation).
import { decodeUtf8, encodeUtf8, toHex } from '../../protocol/bytes.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { DeviceStorage } from '../platform/platform.ts';

export interface AuthenticatorModel {
  /** 32 hex digits. */
  readonly aaguid: string;
  readonly name: string;
  /** DER. */
  readonly roots: readonly Uint8Array[];
}
const modelsMax = { bytes: 2_097_152, count: 2_048, roots: 16, rootBytes: 8_192 } as const;
const recordName = 'authenticator-models';

export async function readModels(storage: DeviceStorage): Promise<readonly AuthenticatorModel[]> {
  const stored = (await storage.read(recordName)).get(recordName);
  return stored ? parseModels(decodeUtf8(stored)) : [];
}

/** Replaces the list. Throws E_FIELD where the text is none, and keeps the one before. */
export async function keepModels(storage: DeviceStorage, text: string): Promise<readonly AuthenticatorModel[]> {
  const models = parseModels(text);
  await storage.write(new Map([[recordName, encodeUtf8(JSON.stringify(models.map(({ roots, ...rest }) => ({ ...rest, roots: roots.map(toBase64) }))))]]));
  return models;
}

/** `[{aaguid, name, roots: [PEM]}]`, one such object, metadata statements of FIDO, or its list with `entries`. */
export function parseModels(text: string): readonly AuthenticatorModel[] {
  check(text.length <= modelsMax.bytes, 'E_LIMIT', 'a list of models too large');
  const value = parseJson(text);
  const entries: unknown = isObject(value) && value['entries'] !== undefined ? value['entries'] : value;
  const models = (Array.isArray(entries) ? entries : [entries]).flatMap((entry: unknown) => modelOf(entry) ?? []);
  check(models.length > 0 && models.length <= modelsMax.count, 'E_FIELD', 'no model of an authenticator in this list, or too many');
  return models.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

// An entry without AAGUID is about another kind of authenticator (U2F, UAF): it names nothing that could come.
function modelOf(entry: unknown): AuthenticatorModel | undefined {
  const outer = object(entry);
  const statement = outer['metadataStatement'] === undefined ? outer : object(outer['metadataStatement']);
  const id = statement['aaguid'] ?? outer['aaguid'];
  if (id === undefined) return undefined;
  const aaguid = parseAaguid(string(id));
  const name =
    string(statement['name'] ?? statement['description'] ?? 'unnamed')
      .replace(/[^\p{L}\p{N} ._()+/-]/gu, '')
      .slice(0, 80) || 'unnamed';
  const roots = statement['roots'] ?? statement['attestationRootCertificates'] ?? [];
  check(Array.isArray(roots) && roots.length <= modelsMax.roots, 'E_FIELD', 'roots are a list of certificates');
  return { aaguid, name, roots: roots.map((root: unknown) => derOf(string(root))) };
}

/** With or without dashes. Throws E_FIELD. */
function parseAaguid(text: string): string {
  const hex = text.trim().toLowerCase().replaceAll('-', '');
  check(/^[0-9a-f]{32}$/.test(hex), 'E_FIELD', 'not an AAGUID: 32 hex digits, with or without dashes');
  return hex;
}

/** As people write it: 8-4-4-4-12. */
export function formatAaguid(aaguid: Uint8Array | string): string {
  const hex = typeof aaguid === 'string' ? aaguid : toHex(aaguid);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function derOf(text: string): Uint8Array {
  const base64 = text.replace(/-----(BEGIN|END) CERTIFICATE-----/g, '').replace(/\s+/g, '');
  check(base64.length <= modelsMax.rootBytes * 2 && /^[A-Za-z0-9+/]+={0,2}$/.test(base64), 'E_FIELD', 'a root that is no certificate');
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('E_FIELD', 'not JSON', { cause });
  }
}
function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function object(value: unknown): Readonly<Record<string, unknown>> {
  check(isObject(value), 'E_FIELD', 'a model is an object');
  return value;
}
function string(value: unknown): string {
  check(typeof value === 'string', 'E_FIELD', 'a text is missing');
  return value;
}
