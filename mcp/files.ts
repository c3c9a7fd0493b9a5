// Files with values: in memory, for this user only, gone at their time and with the session (spec/13-mcp.md §files).
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeMemoryFolder } from '../sdk/memory-folder.ts';
import type { Session } from './session.ts';

/** Throws error where there is no place in memory: never on a disk. */
export function placeFile({ env, onEnd }: Session, name: string, content: Uint8Array, ttlMs: number): string {
  const folder = makeMemoryFolder(env, 'mcp');
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
  content.fill(0);
  const remove = (): void => {
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  };
  const forget = onEnd(remove);
  const timer = setTimeout(() => {
    remove();
    forget();
  }, ttlMs);
  timer.unref();
  return path;
}
