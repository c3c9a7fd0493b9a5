// The system calls that no runtime offers: peer credentials, process descriptors, locks, hardening (spec/10-local-api.md §identity).
// Linux on x64 and arm64 (one numbering); undefined elsewhere, where a requester stays `unverified`.
import { dlopen, ptr, type Library, type Pointer } from 'bun:ffi';

const solSocket = 1;
const soPeercred = 17;
const soPeerpidfd = 77;
const sysPidfdOpen = 434; // through syscall(): glibc has the wrapper only since 2.36
const pollIn = 1;
const prSetDumpable = 4;
const rlimitCore = 4;
const lockExclusiveNow = 2 | 4; // LOCK_EX | LOCK_NB
const clockBoottime = 7;
const afUnix = 1;
const sockStream = 1;

export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Libc {
  /** Whether this kernel gives the peer's pidfd with the socket (6.5 and later). */
  readonly hasPeerPidfd: boolean;
  /** Who connected, as it was at connect(); undefined where `fd` is no connected Unix socket. */
  peerCredentials(fd: number): Credentials | undefined;
  /** A descriptor of the very process that connected; undefined where the kernel cannot, or that process is gone. */
  peerPidfd(fd: number): Pidfd | undefined;
  /** A descriptor of whoever has this pid now. */
  openPidfd(pid: number): Pidfd | undefined;
  setNonDumpable(): boolean;
  forbidCoreFiles(): boolean;
  /** Takes an advisory lock that the kernel drops when this process ends; false where another process has it. */
  tryLock(fd: number): boolean;
  /** Milliseconds since boot, suspend included (CLOCK_BOOTTIME). */
  bootMs(): number;
  /** Keeps the pages of a buffer out of swap, each until its last buffer is unlocked; false where the limit is reached. */
  lockPages(buffer: Uint8Array): boolean;
  unlockPages(buffer: Uint8Array): void;
}

/** One process for as long as it exists: a pid can be reused, this cannot. An object, so that a closed descriptor's number is never polled. */
export interface Pidfd extends Disposable {
  /** False from the moment the process has ended, reaped or not, and after disposal. */
  isAlive(): boolean;
}

let loaded: Libc | null | undefined;

/** Loaded at first use: 0.2 ms, and only the daemon needs it. */
export function libc(): Libc | undefined {
  loaded ??= process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64') ? createLibc() : null;
  return loaded ?? undefined;
}

function createLibc(): Libc {
  const { symbols: c } = open();
  const int = new Int32Array(1);
  const length = new Int32Array(1);
  const timespec = new BigInt64Array(2);

  // poll() instead of pidfd_send_signal(fd, 0): it needs no permission over the other process, and a zombie counts as dead.
  const asked = new DataView(new ArrayBuffer(8)); // struct pollfd
  const pollBytes = new Uint8Array(asked.buffer);
  const createPidfd = (fd: number): Pidfd => {
    let closed = false;
    return {
      isAlive() {
        if (closed) return false;
        asked.setInt32(0, fd, true);
        asked.setInt16(4, pollIn, true);
        asked.setInt16(6, 0, true);
        // A signal can interrupt the call: that says nothing about the process.
        for (let tries = 0; tries < 3; tries++) {
          const ready = c.poll(pollBytes, 1, 0);
          if (ready >= 0) return ready === 0;
        }
        return false;
      },
      [Symbol.dispose]() {
        if (!closed) c.close(fd);
        closed = true;
      },
    };
  };

  const peerPidfd = (fd: number): Pidfd | undefined => {
    length[0] = 4;
    return c.getsockopt(fd, solSocket, soPeerpidfd, int, length) === 0 ? createPidfd(int[0] ?? -1) : undefined;
  };

  const lockCounts = new Map<number, number>(); // locks do not nest, and two buffers can share a page

  const probe = (): boolean => {
    const pair = new Int32Array(2);
    if (c.socketpair(afUnix, sockStream, 0, pair) !== 0) return false;
    using pidfd = peerPidfd(pair[0] ?? -1);
    for (const fd of pair) c.close(fd);
    return pidfd !== undefined;
  };

  return {
    hasPeerPidfd: probe(),
    peerCredentials(fd) {
      const found = new Uint32Array(3);
      length[0] = 12;
      if (c.getsockopt(fd, solSocket, soPeercred, found, length) !== 0) return undefined;
      const [pid = 0, uid = 0, gid = 0] = found;
      return { pid, uid, gid };
    },
    peerPidfd,
    openPidfd(pid) {
      const fd = Number(c.syscall(sysPidfdOpen, pid, 0));
      return fd >= 0 ? createPidfd(fd) : undefined;
    },
    setNonDumpable: () => c.prctl(prSetDumpable, 0, 0, 0, 0) === 0,
    forbidCoreFiles: () => c.setrlimit(rlimitCore, new BigUint64Array(2)) === 0,
    bootMs() {
      c.clock_gettime(clockBoottime, timespec);
      return Number(timespec[0]) * 1_000 + Number(timespec[1]) / 1e6;
    },
    tryLock: (fd) => c.flock(fd, lockExclusiveNow) === 0,
    lockPages(buffer) {
      if (buffer.length === 0 || c.mlock(ptr(buffer), buffer.length) !== 0) return false;
      for (const page of pagesOf(buffer)) lockCounts.set(page, (lockCounts.get(page) ?? 0) + 1);
      return true;
    },
    unlockPages(buffer) {
      for (const page of pagesOf(buffer)) {
        const left = (lockCounts.get(page) ?? 1) - 1;
        if (left > 0) lockCounts.set(page, left);
        else if (lockCounts.delete(page)) c.munlock(page as Pointer, 1); // cast: the address of the page's first byte
      }
    },
  };
}

/** Addresses of 4 KiB pages; where the system's are larger this counts parts of them, and the last part to go may unlock a neighbour's. */
function* pagesOf(buffer: Uint8Array): Generator<number> {
  const start = ptr(buffer);
  for (let page = start - (start % 4_096); page < start + buffer.length; page += 4_096) yield page;
}

const symbols = {
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  socketpair: { args: ['i32', 'i32', 'i32', 'ptr'], returns: 'i32' },
  syscall: { args: ['i64', 'i64', 'i64'], returns: 'i64' },
  poll: { args: ['ptr', 'u64', 'i32'], returns: 'i32' },
  clock_gettime: { args: ['i32', 'ptr'], returns: 'i32' },
  prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
  setrlimit: { args: ['i32', 'ptr'], returns: 'i32' },
  flock: { args: ['i32', 'i32'], returns: 'i32' },
  mlock: { args: ['ptr', 'u64'], returns: 'i32' },
  munlock: { args: ['ptr', 'u64'], returns: 'i32' },
  close: { args: ['i32'], returns: 'i32' },
} as const;

function open(): Library<typeof symbols> {
  try {
    return dlopen('libc.so.6', symbols);
  } catch {
    return dlopen(`libc.musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`, symbols);
  }
}
