// Proof that the relay showed two histories: both signed entries, kept beside the state (spec/05-org-log.md §fork).
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeItem } from '../../protocol/codec.ts';
import type { ForkError } from '../../relay-client/judge.ts';

export const forkPath = (stateDir: string): string => join(stateDir, 'fork.cbor');

/** `fork.cbor`: a CBOR array of the two signed entries, ours first. The first proof stays. */
export function keepFork(stateDir: string, { ours, theirs }: ForkError): string {
  const path = forkPath(stateDir);
  if (!existsSync(path)) writeFileSync(path, encodeItem([ours, theirs]), { mode: 0o600, flag: 'wx' });
  return path;
}
