// What doctor looks at on this machine: the runtime, and the folder with keys and log.
import { lstatSync, readdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { counted } from '../terminal/text.ts';
import type { World } from '../terminal/world.ts';
import type { Finding } from '../doctor.ts';

const minFreeBytes = 64 * 2 ** 20;
const maxFiles = 1_000;

export function checkRuntime({ version, env }: World): readonly Finding[] {
  const foreign = ['BUN_OPTIONS', 'NODE_OPTIONS', 'BUN_INSPECT', 'LD_PRELOAD', 'LD_AUDIT'].filter((name) => (env[name] ?? '') !== '');
  return [
    { name: 'runtime', result: 'ok', message: `stillvault ${version}, Bun ${Bun.version}, ${process.platform} ${release()} ${process.arch}` },
    ...(foreign.length === 0
      ? []
      : [
          {
            name: 'environment',
            result: 'failed',
            message: `${foreign.join(', ')} can load code into this program and the daemon`,
            next: `unset ${foreign.join(' ')}`,
          } as const,
        ]),
  ];
}

/** Room to write before acting, and modes that keep others out. */
export async function checkFolder(data: string, { uid }: World): Promise<readonly Finding[]> {
  const found = lstatSync(data, { throwIfNoEntry: false });
  if (found === undefined) return [{ name: 'state', result: 'hint', message: `${data} does not exist yet`, next: 'stillvault up' }];
  const { bavail, bsize, ffree, files } = await statfs(data);
  const free = bavail * bsize;
  const inodes = files > 0 && ffree < 100;
  const room: Finding =
    free < minFreeBytes || inodes
      ? {
          name: 'disk',
          result: 'failed',
          message: inodes ? 'no room for files: inodes are used up' : `${Math.floor(free / 2 ** 20)} MiB free at ${data}`,
          next: 'free some: a release is written down before it happens, or it does not happen',
        }
      : { name: 'disk', result: 'ok', message: `${(free / 2 ** 30).toFixed(1)} GiB free` };
  return [room, checkModes(data, uid)];
}

function checkModes(data: string, uid: number): Finding {
  const open: string[] = [];
  const foreign: string[] = [];
  const folders = [data];
  let looked = 0;
  for (let folder = folders.pop(); folder !== undefined && looked < maxFiles; folder = folders.pop()) {
    for (const path of [folder, ...listed(folder)]) {
      looked++;
      const entry = lstatSync(path, { throwIfNoEntry: false });
      if (entry === undefined || entry.isSocket()) continue;
      if (entry.uid !== uid && entry.uid !== 0) foreign.push(path);
      if (entry.isDirectory() && path !== folder) folders.push(path);
      // Below a folder that is closed, the modes of files decide nothing; keys are closed themselves.
      if (!entry.isSymbolicLink() && (entry.mode & (path === data || path.endsWith('.key') ? 0o077 : 0o022)) !== 0) open.push(path);
    }
  }
  if (foreign.length > 0)
    return {
      name: 'files',
      result: 'failed',
      message: `${counted(foreign.length, 'file')} of another user, such as ${foreign[0]}`,
      next: `find out who put them there; chown -R ${uid} ${data}`,
    };
  if (open.length > 0) return { name: 'files', result: 'failed', message: `others may read or write ${open[0]}`, next: `chmod -R go-rwx ${data}` };
  return { name: 'files', result: 'ok', message: `only this user can read ${data}` };
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}
