// The verified state that a machine keeps for its own next start, sealed under a key that only its daemon has (spec/05-org-log.md §snapshot).
import { type Codec, bytes, bytesUpTo, decode, encode, record } from '../../protocol/codec.ts';
import { derive } from '../../protocol/hash.ts';
import type { Random } from '../../protocol/random.ts';
import { openOnce, sealOnce } from '../../protocol/seal.ts';
import type { SnapshotStore } from '../../relay-client/log-store.ts';
import type { MachineIdentity } from './machine-key.ts';
import type { DaemonStore } from './store.ts';

interface Sealed {
  readonly salt: Uint8Array;
  readonly sealed: Uint8Array;
}
/** A state of 10,000 secrets and 1,000 holders is 15 MB. */
const maxBytes = 256 * 1_048_576;
const sealedCodec: Codec<Sealed> = record<Sealed>({ salt: [1, bytes(16)], sealed: [2, bytesUpTo(maxBytes)] });

/** `build` names the program: another one verifies the log again. */
export function createSnapshots(
  store: Pick<DaemonStore, 'snapshot' | 'keepSnapshot'>,
  { org, machine, localKey }: Pick<MachineIdentity, 'org' | 'machine' | 'localKey'>,
  build: string,
  random: Random,
): SnapshotStore {
  const keyFor = (salt: Uint8Array): Uint8Array => derive('snapshot', localKey, salt, [org, machine]);
  const place = [org, machine, build];
  return {
    build,
    pause: () => new Promise((resolve) => void setImmediate(resolve)),
    load: async () => {
      const kept = store.snapshot();
      if (!kept) return undefined;
      const { salt, sealed } = decode(sealedCodec, kept, maxBytes);
      return openOnce(keyFor(salt), place, sealed);
    },
    keep: async (snapshot) => {
      const salt = random(16); // one key for one snapshot
      store.keepSnapshot(encode(sealedCodec, { salt, sealed: await sealOnce(keyFor(salt), place, snapshot) }));
    },
  };
}
