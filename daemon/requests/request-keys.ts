// Fresh keys for requests: the next one is made while nothing waits, so that nobody waits for it (spec/09-release.md §request).
import { wipe } from '../../protocol/bytes.ts';
import type { Random } from '../../protocol/random.ts';
import { type KemKey, kemKeyFrom } from '../../protocol/seal.ts';

/** Answers a key that was never given out before. */
export type RequestKeys = () => Promise<KemKey>;

/** `later` runs its act when the request that was just served is out. */
export function createRequestKeys(random: Random, later: (act: () => void) => void): RequestKeys {
  let spare: Promise<KemKey> | undefined;
  const make = async (): Promise<KemKey> => {
    const seed = random(32);
    const key = await kemKeyFrom(seed);
    wipe(seed);
    return key;
  };
  return () => {
    const key = spare ?? make();
    spare = undefined;
    later(() => {
      spare ??= make();
      spare.catch(() => (spare = undefined)); // told to whoever asks next
    });
    return key;
  };
}
