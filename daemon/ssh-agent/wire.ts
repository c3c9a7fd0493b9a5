// Bytes of the SSH agent protocol (RFC 9987 §3, RFC 4251 §5): strings, integers, whole messages. Size before parse.
export type SshCode = 'malformed' | 'unsupported' | 'unbound' | 'refused';

/** Why the agent says FAILURE. The message is for people and holds nothing of the peer's. */
export class SshError extends Error {
  override readonly name = 'SshError';
  readonly code: SshCode;
  constructor(code: SshCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** As OpenSSH's own agent: 256 KiB a message. */
export const maxMessageBytes = 262_144;

export interface Reader {
  byte(): number;
  u32(): number;
  /** A view, no copy. */
  bytes(): Uint8Array;
  text(): string;
  skip(count: number): Uint8Array;
  readonly left: number;
  /** Throws where something is left over. */
  end(): void;
}

/** All methods throw SshError `malformed` where the bytes end too early. */
export function createReader(from: Uint8Array): Reader {
  const view = new DataView(from.buffer, from.byteOffset, from.length);
  let at = 0;
  const take = (count: number): number => {
    if (count > from.length - at) throw new SshError('malformed', 'a message of the agent protocol ends too early');
    at += count;
    return at - count;
  };
  const u32 = (): number => view.getUint32(take(4));
  const skip = (count: number): Uint8Array => {
    const start = take(count);
    return from.subarray(start, start + count);
  };
  const bytes = (): Uint8Array => skip(u32());
  return {
    byte: () => view.getUint8(take(1)),
    u32,
    bytes,
    skip,
    text: () => Buffer.from(bytes()).toString('utf8'),
    get left() {
      return from.length - at;
    },
    end() {
      if (at !== from.length) throw new SshError('malformed', 'a message of the agent protocol has bytes left over');
    },
  };
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

export function string(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return concat(u32(bytes.length), bytes);
}

/** Positive integer: no leading zeros, one where the first bit is set. */
export function mpint(value: Uint8Array): Uint8Array {
  let start = 0;
  while (start < value.length && value[start] === 0) start++;
  const bytes = value.subarray(start);
  return string((bytes[0] ?? 0) >= 0x80 ? concat(new Uint8Array(1), bytes) : bytes);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Cuts whole messages out of a stream. Throws SshError where one claims to be too large. */
export function createFraming(): (chunk: Uint8Array) => readonly Uint8Array[] {
  let pending: Uint8Array = new Uint8Array();
  return (chunk) => {
    pending = pending.length === 0 ? chunk : concat(pending, chunk);
    const messages: Uint8Array[] = [];
    while (pending.length >= 4) {
      const size = new DataView(pending.buffer, pending.byteOffset, 4).getUint32(0);
      if (size === 0 || size > maxMessageBytes) throw new SshError('malformed', 'a message of the agent protocol is too large');
      if (pending.length < 4 + size) break;
      messages.push(pending.slice(4, 4 + size));
      pending = pending.subarray(4 + size);
    }
    return messages;
  };
}
