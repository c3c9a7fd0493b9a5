// How often one program, and one uid over all its programs, may ask for a human's attention (spec/10-local-api.md §rate). Checked before anything is signed.
import { DaemonError } from '../errors.ts';
import { bounds } from './bounds.ts';

export interface AskLimiter {
  /** Counts one ask. Throws E_RATE_LOCAL. `program` is the executable's inode: a copy is another program, so the uid is counted too. */
  take(uid: number | undefined, program: string | undefined): void;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** `monotonicMs` never goes back. */
export function createAskLimiter(monotonicMs: () => number): AskLimiter {
  const buckets = new Map<string, Bucket>();

  const refill = (key: string, burst: number, perMinute: number): Bucket => {
    const now = monotonicMs();
    const bucket = buckets.get(key) ?? { tokens: burst, atMs: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.atMs) * perMinute) / 60_000);
    bucket.atMs = now;
    buckets.delete(key); // last used goes last
    buckets.set(key, bucket);
    return bucket;
  };

  return {
    take(uid, program) {
      const ofUid = refill(`${uid}`, bounds.askBurstPerUid, bounds.asksPerMinutePerUid);
      const ofProgram = refill(`${uid} ${program}`, bounds.askBurst, bounds.asksPerMinute);
      for (const oldest of buckets.keys()) {
        if (buckets.size <= bounds.rateKeys) break;
        buckets.delete(oldest);
      }
      if (ofUid.tokens < 1 || ofProgram.tokens < 1)
        throw new DaemonError('error', 'E_RATE_LOCAL', 'too many requests for a human from this program; none was sent', {
          next: 'wait a minute, or ask for several secrets in one request',
        });
      ofUid.tokens--;
      ofProgram.tokens--;
    },
  };
}
