// Group commit: writes that arrive together share one transaction and one fsync (spec/08-relay.md §store).
// A write is acknowledged after COMMIT with synchronous=FULL, never before.
import type { Database } from 'bun:sqlite';
import { RelayError } from '../relay-error.ts';

export interface Committer {
  /** Runs `change` inside a transaction. It must refuse by its result, before it changes anything; a throw undoes it and rejects with E_RELAY_STORE. */
  write<T>(change: () => T): Promise<T>;
  /** The last transaction failed. */
  readonly broken: boolean;
  /** Commits what waits. */
  close(): void;
}

interface Job {
  readonly run: () => void;
  readonly done: () => void;
  readonly failed: (cause: unknown) => void;
}

/** Keeps one transaction, and so the pause of the event loop, short. */
const maxTogether = 256;

export function createCommitter(db: Database): Committer {
  let waiting: Job[] = [];
  let scheduled = false;
  let broken = false;
  let closed = false;
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');

  const transact = (jobs: readonly Job[]): void => {
    try {
      begin.run();
      for (const job of jobs) job.run();
      commit.run();
      broken = false;
    } catch (cause) {
      undo(db);
      // One bad write must not take the others with it: each gets its own transaction.
      if (jobs.length > 1) return jobs.forEach((job) => transact([job]));
      broken = true;
      jobs[0]?.failed(cause);
      return;
    }
    for (const job of jobs) job.done();
  };
  const flush = (): void => {
    scheduled = false;
    const jobs = waiting;
    waiting = [];
    for (let at = 0; at < jobs.length; at += maxTogether) transact(jobs.slice(at, at + maxTogether));
  };

  return {
    write: <T>(change: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (closed) return reject(new RelayError('E_RELAY_STORE', 'the store is closed'));
        let result: { readonly value: T } | undefined;
        waiting.push({
          run: () => void (result = { value: change() }),
          done: () => result && resolve(result.value),
          failed: (cause) => reject(new RelayError('E_RELAY_STORE', 'the write could not be stored; nothing of it was kept', { cause })),
        });
        // After the I/O of this turn of the loop, so that calls that arrived together are committed together.
        if (!scheduled) setImmediate(flush);
        scheduled = true;
      }),
    get broken() {
      return broken;
    },
    close: () => {
      flush();
      closed = true;
      begin.finalize();
      commit.finalize();
    },
  };
}

// A ROLLBACK can fail where the disk does; the next BEGIN then fails too, and nothing is acknowledged.
function undo(db: Database): void {
  try {
    if (db.inTransaction) db.run('ROLLBACK');
  } catch {
    return;
  }
}
