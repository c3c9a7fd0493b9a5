// Records at which the log stopped and that a person decided to pass over, kept with the evidence (spec/05-org-log.md §sync).
import { type Codec, bytesUpTo, decode, encode, record, text, time } from '../../protocol/codec.ts';
import type { ProtocolError } from '../../protocol/errors.ts';
import type { Hash } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { parseEntry } from '../../protocol/org-log/entry.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { parseEnvelope } from '../../protocol/sign.ts';
import { ForkError } from '../../relay-client/judge.ts';
import { type Decision, decisionFor } from '../../relay-client/pass-over.ts';
import type { StopView } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { DeviceStorage } from '../platform/platform.ts';
import { rowOfEntry } from './log-rows.ts';
import { haltName } from './log-store.ts';

interface Kept {
  readonly code: string;
  readonly at: number;
  /** Of a fork, the entries. */
  readonly ours?: Uint8Array;
  readonly theirs?: Uint8Array;
}
const keptCodec: Codec<Kept> = record<Kept>({
  code: [1, text(64)],
  at: [2, time],
  ours: [3, bytesUpTo(limits.entryBytes), 'optional'],
  theirs: [4, bytesUpTo(limits.entryBytes), 'optional'],
});
const prefix = 'passed/';

export async function decisions(storage: DeviceStorage): Promise<readonly Decision[]> {
  return [...(await storage.read(prefix))].map(([name, bytes]) => ({
    record: name.slice(prefix.length) as Hash, // kept under its record below
    code: decode(keptCodec, bytes, 2 * limits.entryBytes + 256).code as ProtocolError['code'], // as decisionFor gave it
  }));
}

/** An explicit act of a person, and of nobody else. Throws E_GONE where there is nothing to decide. */
export async function passOver(storage: DeviceStorage, halted: ProtocolError | undefined, now: number): Promise<void> {
  const decision = decisionFor(halted);
  if (!decision) throw new ConsoleError('E_GONE', 'nothing that a person could decide');
  const both = halted instanceof ForkError ? { ours: halted.ours, theirs: halted.theirs } : {};
  await storage.write(new Map([[prefix + decision.record, encode(keptCodec, { code: decision.code, at: now, ...both })]]), [haltName]);
}

/** What a person has to look at; undefined where no decision helps. */
export function stopOf(state: OrgState | undefined, halted: ProtocolError | undefined): StopView | undefined {
  const decision = decisionFor(halted);
  if (!decision) return undefined;
  const line = (bytes: Uint8Array): string => {
    if (!state) return '';
    const { who, what } = rowOfEntry(state, parseEntry(parseEnvelope('entry', bytes, limits.entryBytes).payload));
    return `${who.join(', ')} ${what}`;
  };
  return { record: decision.record, ...(halted instanceof ForkError ? { ours: line(halted.ours), theirs: line(halted.theirs) } : {}) };
}
