// One proposal after the other until all values are stored; what was stored before is not stored again (spec/19-import.md §store).
import type { Client, Stored } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { putPatiently } from '../put/patient.ts';
import type { Call } from '../terminal/command.ts';
import { printable } from '../terminal/text.ts';
import type { Put } from './names.ts';
import { type ImportRecord, type Records, tagOf } from './record.ts';

export interface Storing {
  readonly call: Call;
  readonly daemon: Client;
  readonly records: Records;
  readonly description: string;
  readonly timeoutS: number | undefined;
}

/** All stored, each with its version. Throws where people or the daemon said no: what was stored is remembered. */
export async function storeAll({ call, daemon, records, description, timeoutS }: Storing, puts: readonly Put[], start: ImportRecord): Promise<ImportRecord> {
  const { output } = call;
  let record = start;
  const key = record.key ?? '';
  for (const [at, put] of puts.entries()) {
    const tag = tagOf(key, put);
    const position = `${at + 1} of ${puts.length}`;
    if (record.stored.some((done) => done.path === put.path && done.tag === tag)) {
      output.note(`${position} · ${printable(put.path)} is stored already`);
      continue;
    }
    output.note(`${position} · ${printable(put.path)}`);
    const stored = await putOne(call, daemon, put, { description, ...(timeoutS === undefined ? {} : { timeoutS }) });
    if (output.json) output.jsonLine({ event: 'stored', ...stored });
    else output.note(`stored ${printable(stored.path)} version ${stored.version}, countersigned by ${printable(stored.by)}`);
    record = { ...record, stored: [...record.stored.filter(({ path }) => path !== put.path), { path: put.path, version: stored.version, tag }] };
    records.write(record);
  }
  return record;
}

async function putOne(
  call: Call,
  daemon: Client,
  { path, value, fields }: Put,
  terms: { readonly description: string; readonly timeoutS?: number },
): Promise<Stored> {
  const encoder = new TextEncoder();
  const content =
    value === undefined
      ? { fields: Object.fromEntries(Object.entries(fields ?? {}).map(([name, text]) => [name, encoder.encode(text)])) }
      : { value: encoder.encode(value) };
  try {
    return await putPatiently(call, daemon, path, { ...content, ...terms });
  } catch (error) {
    if (!(error instanceof StillvaultError) || error.detail !== 'E_POLICY') throw error;
    throw new StillvaultError(error.code, `no policy covers ${printable(path)}: nobody could approve its use`, {
      detail: error.detail,
      next: 'an admin adds a policy for it in the console, or --to another prefix; then the same command goes on',
    });
  } finally {
    for (const bytes of 'value' in content ? [content.value] : Object.values(content.fields)) bytes.fill(0);
  }
}

/** Before plaintext goes: each is in the log in that version, and this machine may ask for it. Throws error: E_IMPORT_UNREADABLE. */
export async function verifyStored(daemon: Client, record: ImportRecord, puts: readonly Put[]): Promise<void> {
  const known = new Map((await daemon.list()).map((secret) => [secret.path, secret]));
  for (const { path } of puts) {
    const version = record.stored.find((stored) => stored.path === path)?.version;
    const secret = known.get(path);
    if (version === undefined || secret === undefined || secret.version < version)
      throw new StillvaultError('error', `${printable(path)} is not in the log yet: the file was left as it is`, {
        detail: 'E_IMPORT_UNREADABLE',
        next: 'the same command again',
      });
    if (!secret.entitled)
      throw new StillvaultError(
        'policy_forbids',
        `this machine may not ask for ${printable(path)}: with the value gone its programs would stand still, so the file was left as it is`,
        {
          detail: 'E_IMPORT_UNREADABLE',
          next: `stillvault info ${printable(path)}`,
        },
      );
  }
}
