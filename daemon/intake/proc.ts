// What /proc tells about a process (spec/10-local-api.md §observed). A parameter everywhere: tests show processes that change between two reads.
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { bounds } from './bounds.ts';
import { within } from './deadline.ts';

/** Reads of /proc/<pid>/<name>; undefined where the process is gone or the kernel does not let us. */
export interface Proc {
  read(pid: number, name: 'stat' | 'status' | 'cgroup'): string | undefined;
  link(pid: number, name: 'exe' | 'cwd' | 'root' | `ns/${Namespace}`): Uint8Array | undefined;
  /** argv as bytes: asynchronous and with a deadline, since it reads the other process's memory. */
  readArgv(pid: number): Promise<Uint8Array | undefined>;
  /** Path under which the file of /proc/<pid>/exe can be opened. */
  exeFile(pid: number): string;
}
export type Namespace = 'pid' | 'mnt' | 'user' | 'net';
export const namespaces: readonly Namespace[] = ['pid', 'mnt', 'user', 'net'];

export interface ProcStat {
  /** The short name the program gives itself: at most 15 bytes, anything. */
  readonly comm: Uint8Array;
  readonly ppid: number;
  /** Device number of the controlling terminal, 0 for none. */
  readonly tty: number;
  /** Clock ticks (1/100 s) since boot: with the pid this names a process, and exec() does not change it. */
  readonly startTicks: number;
  /** Random layout of the program image, drawn anew by each exec(); `0:0:0` where we may not see it. */
  readonly imageMark: string;
}

export function createProc(root = '/proc'): Proc {
  return {
    read: (pid, name) => attempt(() => readFileSync(`${root}/${pid}/${name}`, name === 'stat' ? 'latin1' : 'utf8')),
    link: (pid, name) => attempt(() => readlinkSync(`${root}/${pid}/${name}`, 'buffer')),
    async readArgv(pid) {
      return (await within(bounds.procReadMs, readFile(`${root}/${pid}/cmdline`)))?.subarray(0, bounds.procReadBytes);
    },
    exeFile: (pid) => `${root}/${pid}/exe`,
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined; // gone or forbidden: both are "unknown"
  }
}

/** Undefined for a process that is gone, a zombie, or hidden. */
export function readStat(proc: Proc, pid: number): ProcStat | undefined {
  const line = proc.read(pid, 'stat');
  return line === undefined ? undefined : parseStat(line);
}

/** proc(5) /proc/pid/stat. The name is in parentheses and may itself hold `)` and spaces: the last `)` ends it. */
export function parseStat(line: string): ProcStat | undefined {
  const open = line.indexOf('(');
  const close = line.lastIndexOf(')');
  const fields = line.slice(close + 2).split(' '); // fields[0] is field 3, the state
  const [ppid, tty, startTicks] = [Number(fields[1]), Number(fields[4]), Number(fields[19])];
  if (open < 0 || close < open || ![ppid, tty, startTicks].every(Number.isSafeInteger) || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const comm = Buffer.from(line.slice(open + 1, close), 'latin1');
  return { comm, ppid, tty, startTicks, imageMark: `${fields[23]}:${fields[25]}:${fields[44]}` }; // startcode, startstack, start_brk
}

/** Effective uid of a process: the owner of /proc/<pid> would be root for a non-dumpable one. */
export function readUid(proc: Proc, pid: number): number | undefined {
  const found = /^Uid:\t\d+\t(\d+)/m.exec(proc.read(pid, 'status') ?? '');
  return found?.[1] === undefined ? undefined : Number(found[1]);
}
