#!/usr/bin/env bun
// The one executable, `stillvault`. The only file that touches the world on behalf of commands; each command loads when it runs.
// Process streams are not used: writing two lines through them costs 7 ms, as much as all the rest of a leased read.
import { fstatSync, readSync, writeSync, writev as writevAsync } from 'node:fs';
import { version } from '../package.json' with { type: 'json' };
import type { Signal, World } from './cli/terminal/world.ts';

/** Of one call, as Linux has it (IOV_MAX). */
const maxPieces = 1_024;

const world: World = {
  env: process.env,
  version,
  uid: process.geteuid?.() ?? -1,
  now: Date.now,
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  write,
  writeSoon,
  readInput,
  isTerminal: (fd) => isCharacterDevice(fd) && process.getBuiltinModule('node:tty').isatty(fd),
  columns: () => process.stderr.columns ?? 80,
  onSignals(signals, listener) {
    const listeners = signals.map((signal): [Signal, () => void] => [signal, () => listener(signal)]);
    for (const [signal, tell] of listeners) process.on(signal, tell);
    return { [Symbol.dispose]: () => listeners.forEach(([signal, tell]) => process.off(signal, tell)) };
  },
  onKeys(listener) {
    const keys = process.stdin;
    const onData = (data: Buffer): void => listener(data.toString('utf8'));
    keys.setRawMode(true).resume().on('data', onData);
    return {
      [Symbol.dispose]: () => {
        keys.off('data', onData).pause().setRawMode(false);
      },
    };
  },
};

const { dispatch } = await import('./cli/dispatch.ts');
process.exit(await dispatch(process.argv.slice(2), world));

function write(fd: 1 | 2, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EAGAIN')
        Bun.sleepSync(1); // whoever shares the pipe made it non-blocking, and it is full
      else if (code === 'EPIPE')
        process.exit(141); // nobody reads any more: as if SIGPIPE had ended us
      else if (fd === 2)
        return; // a closed standard error must not keep data from its reader
      else throw error;
    }
  }
}

async function writeSoon(fd: 1 | 2, pieces: readonly Uint8Array[]): Promise<boolean> {
  let [next, at] = [0, 0]; // so much of the next piece is written
  while (next < pieces.length) {
    const some = pieces.slice(next, next + maxPieces).map((piece, index) => (index === 0 ? piece.subarray(at) : piece));
    const [error, count] = await new Promise<[Error | null, number]>((resolve) => writevAsync(fd, some, (failure, written) => resolve([failure, written])));
    if (!error) for (at += count; next < pieces.length && at >= (pieces[next]?.length ?? 0); next++) at -= pieces[next]?.length ?? 0;
    else if (codeOf(error) === 'EAGAIN') await Bun.sleep(1);
    else if (codeOf(error) === 'EPIPE') return false;
    else if (fd === 2)
      return true; // as above
    else throw error;
  }
  return true;
}

function readInput(maxBytes: number): Uint8Array {
  const buffer = new Uint8Array(maxBytes + 1);
  let size = 0;
  while (size < buffer.length) {
    try {
      const read = readSync(0, buffer, size, buffer.length - size, null);
      if (read === 0) break;
      size += read;
    } catch (error) {
      if (codeOf(error) === 'EOF') break;
      if (codeOf(error) !== 'EAGAIN') throw error;
      Bun.sleepSync(5);
    }
  }
  return buffer.subarray(0, size);
}

/** Cheap no for pipes and files: only then is the terminal module worth its time. */
function isCharacterDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
