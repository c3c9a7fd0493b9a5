// What no runtime offers and a run needs: pipes that are pipes, memory without a name, the terminal's mode (spec/17-run.md §program, §terminal).
import { dlopen, ptr } from 'bun:ffi';

export interface RunLibc {
  /** Both ends closed in children unless passed on. */
  openPipe(): { readonly read: number; readonly write: number } | undefined;
  /** Fewer turns; where it is no pipe, or the system does not grant it, the usual size does. */
  widenPipe(fd: number): void;
  /** What can be written without waiting is; answers the rest. Errors are left to whoever writes that. */
  writeNow(fd: number, pieces: readonly Uint8Array[]): readonly Uint8Array[];
  openMemory(): number | undefined;
  terminalMode(fd: number): Uint8Array | undefined;
  rawModeOf(mode: Uint8Array): Uint8Array;
  setTerminalMode(fd: number, mode: Uint8Array): void;
  /** Now: the runtime's own answer can be an old one. */
  terminalSize(fd: number): { readonly cols: number; readonly rows: number } | undefined;
}

const closeOnExec = 0o2000000;
const setPipeSize = 1_031; // F_SETPIPE_SZ
const pipeBytes = 262_144;
const writeVectors = process.arch === 'x64' ? 328 : 287; // SYS_pwritev2, which old C libraries have no name for
const fromHere = -1;
const noWait = 8; // RWF_NOWAIT
const memoryCloseOnExec = 1;
/** More than any libc's struct termios. */
const termiosBytes = 256;
const now = 0; // TCSANOW
const getWindowSize = 0x5413; // TIOCGWINSZ

/** Undefined elsewhere than on Linux. */
export function runLibc(): RunLibc | undefined {
  const c = open();
  if (c === undefined) return undefined;
  return {
    openPipe() {
      const ends = new Int32Array(2);
      const [read = -1, write = -1] = c.pipe2(ends, closeOnExec) === 0 ? ends : [];
      if (read < 0) return undefined;
      c.fcntl(write, setPipeSize, pipeBytes);
      return { read, write };
    },
    widenPipe: (fd) => void c.fcntl(fd, setPipeSize, pipeBytes),
    writeNow(fd, pieces) {
      const vectors = BigUint64Array.from(pieces.flatMap((piece) => [BigInt(ptr(piece)), BigInt(piece.length)])); // struct iovec
      let written = Number(c.syscall(writeVectors, fd, vectors, pieces.length, fromHere, fromHere, noWait));
      for (const [index, piece] of pieces.entries()) {
        if (written < piece.length) return [piece.subarray(Math.max(0, written)), ...pieces.slice(index + 1)];
        written -= piece.length;
      }
      return [];
    },
    openMemory() {
      const fd = c.memfd_create(new TextEncoder().encode('stillvault\0'), memoryCloseOnExec);
      return fd < 0 ? undefined : fd;
    },
    terminalMode(fd) {
      const mode = new Uint8Array(termiosBytes);
      return c.tcgetattr(fd, mode) === 0 ? mode : undefined;
    },
    rawModeOf(mode) {
      const raw = mode.slice();
      c.cfmakeraw(raw);
      return raw;
    },
    setTerminalMode: (fd, mode) => void c.tcsetattr(fd, now, mode),
    terminalSize(fd) {
      const size = new Uint16Array(4); // struct winsize
      const [rows = 0, cols = 0] = c.ioctl(fd, getWindowSize, size) === 0 ? size : [];
      return rows > 0 && cols > 0 ? { cols, rows } : undefined;
    },
  };
}

const symbols = {
  pipe2: { args: ['ptr', 'i32'], returns: 'i32' },
  fcntl: { args: ['i32', 'i32', 'i64'], returns: 'i32' },
  ioctl: { args: ['i32', 'u64', 'ptr'], returns: 'i32' },
  syscall: { args: ['i64', 'i64', 'ptr', 'i64', 'i64', 'i64', 'i64'], returns: 'i64' },
  memfd_create: { args: ['ptr', 'u32'], returns: 'i32' },
  tcgetattr: { args: ['i32', 'ptr'], returns: 'i32' },
  tcsetattr: { args: ['i32', 'i32', 'ptr'], returns: 'i32' },
  cfmakeraw: { args: ['ptr'], returns: 'void' },
} as const;

function open(): ReturnType<typeof dlopen<typeof symbols>>['symbols'] | undefined {
  for (const library of process.platform === 'linux' ? ['libc.so.6', `libc.musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`] : []) {
    try {
      return dlopen(library, symbols).symbols;
    } catch {
      // the other C library
    }
  }
  return undefined;
}
