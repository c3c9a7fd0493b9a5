// Files with values: in memory, for this user only, gone at their time and with the session (spec/13-mcp.md §files).
import { lstatSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StillvaultError } from '../sdk/errors.ts';
import type { Session } from './session.ts';

/** f_type of tmpfs and ramfs. */
const memoryFileSystems: readonly number[] = [0x01021994, 0x858458f6];
const prefix = 'stillvault-mcp-';

/** Throws error where there is no place in memory: never on a disk. */
export function placeFile({ env, onEnd }: Session, name: string, content: Uint8Array, ttlMs: number): string {
  const place = memoryFolder(env);
  sweep(place);
  const folder = mkdtempSync(join(place, `${prefix}${process.pid}-`)); // of mode 0700
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

function memoryFolder(env: Session['env']): string {
  const found = [env['XDG_RUNTIME_DIR'], '/dev/shm'].find((folder) => folder !== undefined && folder !== '' && isInMemory(folder));
  if (found === undefined)
    throw new StillvaultError('error', 'there is no folder in memory ($XDG_RUNTIME_DIR, /dev/shm), and no value is written to a disk: use stillvault_run');
  return found;
}

function isInMemory(folder: string): boolean {
  try {
    return memoryFileSystems.includes(statfsSync(folder).type);
  } catch {
    return false;
  }
}

/** What sessions left behind that were killed. */
function sweep(place: string): void {
  for (const name of readdirSync(place)) {
    const pid = Number(/^stillvault-mcp-(\d+)-/.exec(name)?.[1]);
    if (!Number.isSafeInteger(pid) || isRunning(pid)) continue;
    const folder = join(place, name);
    if (lstatSync(folder, { throwIfNoEntry: false })?.uid === process.geteuid?.()) rmSync(folder, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
