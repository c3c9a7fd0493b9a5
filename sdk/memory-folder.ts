// A private folder for files with values: in memory, never on a disk (spec/13-mcp.md §files, spec/17-run.md §files). No dependencies.
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { StillvaultError } from './errors.ts';

/** f_type of tmpfs and ramfs. */
const memoryFileSystems: readonly number[] = [0x01021994, 0x858458f6];

/**
 * A new folder of mode 0700, its name with our pid; and what processes left behind that were killed goes.
 * Throws error where there is no place in memory.
 */
export function makeMemoryFolder(env: Readonly<Record<string, string | undefined>>, purpose: 'mcp' | 'run'): string {
  const place = [env['XDG_RUNTIME_DIR'], `/run/user/${process.geteuid?.()}`, '/dev/shm'].find(
    (folder) => folder !== undefined && folder !== '' && isInMemory(folder) && isOurs(folder),
  );
  if (place === undefined)
    throw new StillvaultError('error', 'there is no folder in memory ($XDG_RUNTIME_DIR, /dev/shm), and no value is written to a disk', {
      next: purpose === 'run' ? 'pass it by --fd or in a variable' : 'stillvault_run',
    });
  sweep(place, `stillvault-${purpose}-`);
  return mkdtempSync(join(place, `stillvault-${purpose}-${process.pid}-`)); // of mode 0700
}

function isInMemory(folder: string): boolean {
  try {
    return memoryFileSystems.includes(statfsSync(folder).type);
  } catch {
    return false;
  }
}

/** Nobody else can rename what lies in it, as the user could whose variable `sudo -E` keeps for root. */
function isOurs(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return (uid === 0 || uid === process.geteuid?.()) && ((mode & 0o022) === 0 || (mode & 0o1000) !== 0);
}

function sweep(place: string, prefix: string): void {
  for (const name of readdirSync(place)) {
    const pid = name.startsWith(prefix) ? Number(/^\d+(?=-)/.exec(name.slice(prefix.length))?.[0]) : NaN;
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
