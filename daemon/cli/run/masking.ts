// What a program prints, masked as it streams through (spec/17-run.md §masking): in order, with the pace of the reader, nothing held longer than needed.
import type { MaskStream } from '../../../sdk/mask.ts';

/** After this without output, what tells next to nothing of a value is shown: a person's own keys, or a prompt's last character. */
export const idleMs = 40;
/** What a program left running may still write after it ended, if it writes without a pause this long. */
const graceMs = 1_000;

/** All of it, in order; false: nobody reads any more. */
type Write = (pieces: readonly Uint8Array[]) => Promise<boolean>;

/** Until the end of the stream, or its pause after `ended`, or nobody reads. Memory is bounded: what is not written yet holds up the reading. */
export async function pumpMasked(stream: ReadableStream<Uint8Array>, masking: MaskStream, write: Write, ended: Promise<unknown>): Promise<void> {
  const reader = stream.getReader();
  const outlet = createOutlet(write);
  let waitingMs: number | undefined; // since then nothing came
  let isCut = false;
  let watch: ReturnType<typeof setInterval> | undefined;
  void ended.then(() => {
    const endedMs = performance.now();
    watch = setInterval(() => {
      if (waitingMs === undefined || performance.now() - Math.max(waitingMs, endedMs) < graceMs) return;
      isCut = true; // somebody else holds the pipe, and is silent
      void reader.cancel();
    }, graceMs / 20);
  });
  try {
    for (;;) {
      waitingMs = performance.now();
      const next = reader.read();
      if (masking.isHolding && (await within(idleMs, next)) === undefined && !(await outlet.put([masking.idle()]))) return;
      const { done, value } = await next;
      waitingMs = undefined;
      const pieces = isCut ? [] : done ? [masking.end()] : masking.pieces(value);
      if (!(await outlet.put(pieces)) || done) return;
    }
  } finally {
    clearInterval(watch);
    await outlet.end();
    await reader.cancel();
  }
}

/** What may wait for a slow reader of ours. */
const queueBytes = 1_048_576;

/** Reading goes on while something is being written, and all that came meanwhile is written at once. */
function createOutlet(write: Write): { put(pieces: readonly Uint8Array[]): Promise<boolean>; end(): Promise<void> } {
  let queue: Uint8Array[] = [];
  let size = 0;
  let isOpen = true;
  let writing: Promise<void> | undefined;
  const work = async (): Promise<void> => {
    while (queue.length > 0 && isOpen) {
      const all = queue;
      [queue, size] = [[], 0];
      isOpen = await write(all);
    }
    writing = undefined;
  };
  return {
    async put(pieces) {
      for (const piece of pieces) {
        if (piece.length > 0) queue.push(piece);
        size += piece.length;
      }
      if (queue.length > 0) writing ??= work();
      if (size > queueBytes) await writing;
      return isOpen;
    },
    end: async () => writing,
  };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The same for a terminal, whose output is pushed to us. */
export function createScreen(
  masking: MaskStream,
  write: (bytes: Uint8Array) => void,
): { show(data: Uint8Array): void; drained(eof: Promise<void>): Promise<void> } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = performance.now();
  const put = (bytes: Uint8Array): void => {
    if (bytes.length > 0) write(bytes);
  };
  return {
    show(data) {
      clearTimeout(timer);
      last = performance.now();
      put(masking.push(data));
      if (masking.isHolding) timer = setTimeout(() => put(masking.idle()), idleMs);
    },
    async drained(eof) {
      let isEnd = false;
      const end = eof.then(() => void (isEnd = true));
      while (!isEnd && performance.now() - last < graceMs) await within(20, end);
      clearTimeout(timer);
      if (isEnd) put(masking.end());
    },
  };
}
