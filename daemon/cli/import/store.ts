// Proposals of as many values as one request takes, until all are stored; what was stored before is not stored again (spec/19-import.md §store).
import type { Client } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { type Put as Sent, batchesOf, putTogether } from '../put/batches.ts';
import type { Call } from '../terminal/command.ts';
import { counted, printable } from '../terminal/text.ts';
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
  const tags = new Map(puts.map((put) => [put.path, tagOf(record.key ?? '', put)]));
  const isStored = ({ path }: Put): boolean => record.stored.some((done) => done.path === path && done.tag === tags.get(path));
  for (const put of puts.filter(isStored)) output.note(`${printable(put.path)} is stored already`);
  const open = puts.filter((put) => !isStored(put));
  let done = 0;
  for (const batch of batchesOf(open, bytesOf)) {
    output.note(`${open.length === batch.length ? '' : `${done + 1} to ${done + batch.length} of `}${counted(open.length, 'secret')}: one gesture of a writer`);
    const sent = batch.map((put) => ({ ...sentOf(put), description }));
    try {
      await putTogether(call, daemon, sent, timeoutS === undefined ? {} : { timeoutS }, ({ path, version }) => {
        const tag = tags.get(path);
        record = { ...record, stored: [...record.stored.filter((other) => other.path !== path), { path, version, ...(tag === undefined ? {} : { tag }) }] };
        records.write(record);
      });
    } catch (error) {
      if (!(error instanceof StillvaultError) || error.detail !== 'E_POLICY') throw error;
      const next = 'an admin adds a policy for it in the console, or --to another prefix; then the same command goes on';
      throw new StillvaultError(error.code, error.message, { detail: error.detail, next });
    } finally {
      for (const { value, fields = {} } of sent) for (const bytes of [value, ...Object.values(fields)]) bytes?.fill(0);
    }
    done += batch.length;
  }
  return record;
}

const encoder = new TextEncoder();

function sentOf({ path, value, fields = {} }: Put): Sent {
  if (value !== undefined) return { path, value: encoder.encode(value) };
  return { path, fields: Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, encoder.encode(text)])) };
}

/** At most: a character of UTF-16 is up to three bytes. */
function bytesOf({ value, fields = {} }: Put): number {
  return [value ?? '', ...Object.entries(fields).flat()].reduce((sum, { length }) => sum + 3 * length, 0);
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
