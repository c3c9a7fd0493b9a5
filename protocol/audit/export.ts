// The export: the whole trail as lines of JSON that prove themselves, streamed both ways (spec/15-audit.md §export).
import { fromBase64Url, toBase64Url } from '../bytes.ts';
import { type Codec, count, decode, encode, record, time } from '../codec.ts';
import { ProtocolError, check } from '../errors.ts';
import { type Hash, type MachineId, type OrgId, hash, hashCodec, machineIdCodec, orgIdCodec } from '../hash.ts';
import type { Signer } from '../keys.ts';
import { limits } from '../limits.ts';
import { protocolSuite, protocolVersion } from '../org-log/entry.ts';
import { type Head, type OrgState, activeMachine } from '../org-log/state.ts';
import { compareHead } from '../org-log/verify.ts';
import { headCodec } from '../request.ts';
import { parseEnvelope, signEnvelope, verifyEnvelopeSignature } from '../sign.ts';
import type { Audit, AuditHeads } from './audit.ts';
import { faultOf } from './judge.ts';

/** Parts of a trail in their order: every entry, and each receipt after the entry that was the head when it was written. */
export type AuditPart =
  | { readonly kind: 'entry'; readonly bytes: Uint8Array }
  | { readonly kind: 'receipt'; readonly machine: MachineId; readonly bytes: Uint8Array }
  | { readonly kind: 'missing'; readonly machine: MachineId; readonly code: string };
/** One line of a file each, as JSON. */
export type AuditLine =
  | { readonly kind: 'stillvault-audit'; readonly v: 1; readonly org: string; readonly at: number }
  | { readonly kind: 'entry'; readonly bytes: string }
  | { readonly kind: 'receipt'; readonly machine: string; readonly bytes: string }
  | { readonly kind: 'missing'; readonly machine: string; readonly code: string }
  | { readonly kind: 'end'; readonly bytes: string };

/** A line holds one envelope in base64url. */
export const lineChars: number = Math.ceil((limits.entryBytes * 4) / 3) + 512;

/** What the exporting machine signs: that these lines, in this order, were all. */
export interface ExportEnd {
  readonly org: OrgId;
  readonly machine: MachineId;
  readonly ts: number;
  /** All before the last. */
  readonly lines: number;
  readonly digest: Hash;
  readonly head: Head;
}
interface Versioned {
  readonly v: number;
  readonly suite: number;
}
const endCodec: Codec<ExportEnd & Versioned> = record<ExportEnd & Versioned>({
  v: [1, count],
  suite: [2, count],
  org: [3, orgIdCodec],
  machine: [4, machineIdCodec],
  ts: [5, time],
  lines: [6, count],
  digest: [7, hashCodec],
  head: [8, headCodec],
});

/** Chains lines: `digest` covers every one so far. */
function lineDigest(before: Hash | undefined, line: string): Hash {
  return hash('audit', before === undefined ? ['line', line] : ['line', line, before]);
}

export function lineOf(part: AuditPart): AuditLine {
  switch (part.kind) {
    case 'entry':
      return { kind: 'entry', bytes: toBase64Url(part.bytes) };
    case 'receipt':
      return { kind: 'receipt', machine: part.machine, bytes: toBase64Url(part.bytes) };
    case 'missing':
      return part;
  }
}

async function signEnd(end: ExportEnd, machine: Signer): Promise<AuditLine> {
  const payload = encode(endCodec, { v: protocolVersion, suite: protocolSuite, ...end });
  return { kind: 'end', bytes: toBase64Url(await signEnvelope('attestation', payload, [{ signer: machine }])) };
}

/** Lines of a trail, the header first and the signed end last. */
export async function* exportLines(
  parts: AsyncIterable<AuditPart>,
  by: { readonly org: OrgId; readonly machine: MachineId; readonly sig: Signer; readonly now: () => number; readonly head: () => Head },
): AsyncGenerator<AuditLine, void, undefined> {
  const head = by.head();
  const ts = by.now();
  let lines = 0;
  let digest: Hash | undefined;
  const counted = (line: AuditLine): AuditLine => {
    digest = lineDigest(digest, JSON.stringify(line));
    lines++;
    return line;
  };
  yield counted({ kind: 'stillvault-audit', v: 1, org: by.org, at: ts });
  for await (const part of parts) yield counted(lineOf(part));
  if (digest) yield await signEnd({ org: by.org, machine: by.machine, ts, lines, digest, head }, by.sig);
}

export interface ExportReader {
  /** One line without its newline. What is wrong becomes a finding; only a file that is none, or another organisation’s, throws: E_ENVELOPE, E_SUITE, E_ORG. */
  line(text: string): Promise<void>;
  /** After the last line. */
  finish(): AuditHeads;
}

/** Reads an export into an audit. The organisation is the reader's own knowledge, never the file's word. */
export function createExportReader(org: OrgId, audit: Audit): ExportReader {
  let at: number | undefined;
  let lines = 0;
  let digest: Hash | undefined;
  let isEnded = false;

  async function take(text: string): Promise<void> {
    check(text.length <= lineChars, 'E_LIMIT', 'a line beyond its size');
    const line = parseLine(text);
    check(!isEnded, 'E_AUDIT_GAP', 'lines after the end');
    if (line.kind === 'end') {
      isEnded = true;
      return verifyEnd(audit.state, fromText(line.bytes), lines, digest);
    }
    digest = lineDigest(digest, text);
    lines++;
    check((line.kind === 'stillvault-audit') === (lines === 1), 'E_ENVELOPE', 'an export begins with its header, and has one');
    if (line.kind === 'stillvault-audit') {
      at = line.at;
      check(line.org === org, 'E_ORG', 'the export of another organisation');
    } else if (line.kind === 'missing')
      audit.missing(line.machine as MachineId, line.code); // told, not trusted
    else if (line.kind === 'entry') await audit.entry(fromText(line.bytes));
    else await audit.receipt(line.machine as MachineId, fromText(line.bytes)); // compared with the receipt’s own
  }

  return {
    line: async (text) => {
      try {
        await take(text);
      } catch (error) {
        if (lines <= 1 && error instanceof ProtocolError && /^E_(?:ENVELOPE|ORG|SUITE)$/.test(error.code)) throw error;
        audit.finding(faultOf(error));
      }
    },
    finish: () => {
      if (!isEnded) audit.finding({ code: 'E_AUDIT_GAP', why: 'the export ends before its signed end: lines are missing' });
      return audit.finish(Math.max(at ?? 0, audit.state?.ts ?? 0)); // never before its own log: that would excuse what is missing
    },
  };
}

/** By a machine that is active at the end of this very log, over all lines. Throws E_SIGNATURE, E_SUITE, E_ORG, E_AUDIT_GAP, E_HEAD_AHEAD. */
async function verifyEnd(state: OrgState | undefined, bytes: Uint8Array, lines: number, digest: Hash | undefined): Promise<void> {
  check(state !== undefined, 'E_LOG_STALE', 'an export without a log');
  const envelope = parseEnvelope('attestation', bytes, limits.approvalBytes);
  const keyId = envelope.signatures[0]?.keyId;
  const holder = keyId && state.keys.get(keyId);
  const machine = holder?.kind === 'machine' && envelope.signatures.length === 1 ? activeMachine(state, holder.id as MachineId) : undefined; // a machine holder's id
  check(machine !== undefined && machine.keyIds.sig === keyId, 'E_SIGNATURE', 'the end is not signed by a machine of this organisation');
  await verifyEnvelopeSignature(envelope, 0, machine.sigKey);
  const end = decode(endCodec, envelope.payload, limits.approvalBytes);
  check(end.v === protocolVersion && end.suite === protocolSuite, 'E_SUITE', 'another version or suite');
  check(end.org === state.org && end.machine === machine.machine, 'E_ORG', 'the end of another export');
  const seen = compareHead((seq) => (seq === state.head.seq ? state.head.eh : end.head.seq < state.head.seq ? end.head.eh : undefined), state.head, end.head);
  check(seen !== 'ahead', 'E_HEAD_AHEAD', 'the machine that made it had more entries than are here');
  check(end.lines === lines && end.digest === digest, 'E_AUDIT_GAP', 'lines were taken away, added, changed or moved after the export was made');
}

function parseLine(text: string): AuditLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('E_ENVELOPE', 'a line that is no JSON', { cause });
  }
  check(isRecord(value), 'E_ENVELOPE', 'a line that is no object');
  const names = Object.keys(value).join();
  const { kind, v, org, at, machine, code, bytes } = value;
  const isText = (field: unknown): field is string => typeof field === 'string';
  if (kind === 'stillvault-audit') {
    check(v === 1, 'E_SUITE', 'an export of another version');
    if (names === 'kind,v,org,at' && isText(org) && typeof at === 'number') return { kind, v, org, at };
  }
  if ((kind === 'entry' || kind === 'end') && names === 'kind,bytes' && isText(bytes)) return { kind, bytes };
  if (kind === 'receipt' && names === 'kind,machine,bytes' && isText(machine) && isText(bytes)) return { kind, machine, bytes };
  if (kind === 'missing' && names === 'kind,machine,code' && isText(machine) && isText(code)) return { kind, machine, code };
  throw new ProtocolError('E_ENVELOPE', 'a line of no known kind');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fromText(text: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw new ProtocolError('E_ENVELOPE', 'bytes that are no base64url', { cause });
  }
}
