// Reads a file that others may have made: no links, no devices, bounded, text only (spec/19-import.md §bounds).
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

export interface ReadFile {
  readonly kind: 'text';
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly uid: number;
}
export type NotRead = { readonly kind: 'missing' | 'link' | 'unreadable' | 'not a file' | 'too large' | 'binary' };

/** The file as it is at one moment; a link at its end is not followed. */
export function readPlain(path: string, maxBytes: number): ReadFile | NotRead {
  const raw = readRaw(path, maxBytes);
  if (raw.kind !== 'bytes') return raw;
  if (raw.bytes.subarray(0, 8_192).includes(0)) return { kind: 'binary' };
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw.bytes);
    return { kind: 'text', text, bytes: raw.bytes, mode: raw.mode, uid: raw.uid };
  } catch {
    return { kind: 'binary' };
  }
}

export type RawFile = { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly mode: number; readonly uid: number };

export function readRaw(path: string, maxBytes: number): RawFile | NotRead {
  let fd: number;
  try {
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return { kind: code === 'ELOOP' ? 'link' : code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable' };
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return { kind: 'not a file' };
    if (stat.size > maxBytes) return { kind: 'too large' };
    const bytes = new Uint8Array(stat.size + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) read = readSync(fd, bytes, length, bytes.length - length, null);
    // It grew meanwhile: the next look will see all of it, or refuse it.
    if (length > stat.size) return { kind: 'unreadable' };
    return { kind: 'bytes', bytes: bytes.subarray(0, length), mode: stat.mode & 0o7777, uid: stat.uid };
  } catch {
    return { kind: 'unreadable' };
  } finally {
    closeSync(fd);
  }
}
