// Back to how the file was, with values that people release once more; or the end of that possibility (spec/19-import.md §undo).
import type { Value } from '../../../sdk/client.ts';
import { readRaw } from '../plaintext/read.ts';
import { usage } from '../terminal/arguments.ts';
import type { Call } from '../terminal/command.ts';
import { counted, printable } from '../terminal/text.ts';
import { awaitPeople } from '../terminal/waiting.ts';
import { verifyPlace } from './open.ts';
import type { ImportRecord, Records } from './record.ts';
import { digestOf, replaceFile, undoEdits } from './rewrite.ts';
import { type Slot, malformed } from './source.ts';
import { plainReference, quotedIfNeeded } from './text-files.ts';

/** As in protocol/limits.ts: one request, one card. */
const maxItems = 16;
const maxBytes = 1_048_576;

export async function undoImport(call: Call, records: Records, path: string | undefined): Promise<number> {
  const { world, output } = call;
  const record = recordOf(records, path);
  const { undo } = record;
  if (undo === undefined) {
    records.remove(record.file);
    output.note(`${printable(record.file)} was not changed yet: only the record of what was stored is gone; stillvault ls shows it`);
    return 0;
  }
  verifyPlace(record.file, world.uid);
  const read = readRaw(record.file, maxBytes);
  const slots = undo.edits.flatMap(({ was }) => was.filter((piece) => typeof piece !== 'string'));
  if (read.kind !== 'bytes' || digestOf(read.bytes) !== undo.after)
    throw malformed(
      'E_IMPORT_CHANGED',
      `${printable(record.file)} was changed since: put the values back by hand`,
      undefined,
      `stillvault get ${printable(referencesOf(slots)[0] ?? '')}`,
    );
  const values = await fetchAll(call, record, slots);
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(read.bytes);
  const valueOf = ({ path: where, field, form }: Slot): string =>
    form === 'basic'
      ? `${held(values, `${where}#username`)}:${held(values, `${where}#password`)}`
      : held(values, field === undefined ? where : `${where}#${field}`);
  replaceFile(record.file, read.bytes, new TextEncoder().encode(undoEdits(text, undo.edits, valueOf)), Buffer.from(world.random(6)).toString('hex'));
  records.remove(record.file);
  if (output.json) output.jsonLine({ event: 'undone', file: record.file });
  else output.note(`${printable(record.file)} holds its values in the clear again; they are stored as well`);
  return 0;
}

export async function confirmImport({ output }: Call, records: Records, path: string | undefined): Promise<number> {
  const record = recordOf(records, path);
  if (record.undo === undefined)
    throw malformed('E_IMPORT_UNDO', `the import of ${printable(record.file)} is not complete`, undefined, `stillvault import ${quotedIfNeeded(record.file)}`);
  records.remove(record.file);
  if (output.json) output.jsonLine({ event: 'confirmed', file: record.file });
  else output.note(`confirmed: ${printable(record.file)} keeps its references, and nothing is remembered of how it was`);
  return 0;
}

function recordOf(records: Records, path: string | undefined): ImportRecord {
  const [only, ...more] = path === undefined ? records.all() : [];
  const record = path === undefined ? only : records.of(path);
  if (more.length > 0)
    throw usage(`${more.length + 1} imports are not confirmed: which file?`, [only, ...more].map((one) => printable(one?.file ?? '')).join(' · '));
  if (record === undefined)
    throw malformed('E_IMPORT_UNDO', path === undefined ? 'no import waits to be confirmed' : `no import of ${printable(path)} is remembered`);
  return record;
}

async function fetchAll(call: Call, record: ImportRecord, slots: readonly Slot[]): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  const references = referencesOf(slots);
  call.output.note(`undo asks for ${counted(references.length, 'value')}`);
  for (let at = 0; at < references.length; at += maxItems) {
    const items = references.slice(at, at + maxItems).map((reference) => {
      const [path = '', field] = reference.split('#');
      return field === undefined ? { path } : { path, field };
    });
    const released = await awaitPeople(call, (waiting) => call.client().release({ items, reason: 'undo an import: write the values back' }, waiting));
    try {
      for (const value of released.values) values.set(plainReference(value), textOf(value, record));
    } finally {
      for (const { bytes } of released.values) bytes.fill(0);
    }
  }
  return values;
}

function textOf({ path, version, bytes }: Value, { stored }: ImportRecord): string {
  if (stored.find((one) => one.path === path)?.version !== version)
    throw malformed(
      'E_IMPORT_UNDO',
      `${printable(path)} has a newer version than this file had: nothing was changed`,
      undefined,
      `stillvault get ${printable(path)}`,
    );
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

function referencesOf(slots: readonly Slot[]): readonly string[] {
  return [...new Set(slots.flatMap((slot) => (slot.form === 'basic' ? [`${slot.path}#username`, `${slot.path}#password`] : [plainReference(slot)])))];
}

function held(values: ReadonlyMap<string, string>, reference: string): string {
  const value = values.get(reference);
  if (value === undefined) throw malformed('E_IMPORT_UNDO', `no value came for ${printable(reference)}: nothing was changed`);
  return value;
}
