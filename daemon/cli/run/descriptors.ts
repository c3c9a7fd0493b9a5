// Values in memory that has no name: a program reads them from an inherited descriptor, and they are gone with its last holder (spec/17-run.md §descriptors).
import { closeSync, writeSync } from 'node:fs';
import { StillvaultError } from '../../../sdk/errors.ts';
import { runLibc } from './libc.ts';

/** A descriptor at the beginning of the content, which the program may read as often as it likes. Throws error where the system has no such memory. */
export function openInMemory(content: Uint8Array): Disposable & { readonly fd: number } {
  const fd = runLibc()?.openMemory();
  if (fd === undefined)
    throw new StillvaultError('error', 'this system has no memory without a name for --fd and --stdin; the program was not started', {
      next: 'pass it in a variable or with --file',
    });
  for (let at = 0; at < content.length;) at += writeSync(fd, content, at, content.length - at, at); // at a position: the offset stays 0
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
