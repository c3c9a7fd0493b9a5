// What somebody who lets another in says of the log that they have verified (spec/05-org-log.md §newcomer).
import { type Codec, count, record } from '../codec.ts';
import { type Hash, hashCodec } from '../hash.ts';
import type { Head, OrgState } from './state.ts';

export interface Pin extends Head {
  /** Seq of the newest checkpoint with a snapshot at or before the head; 0 where there is none. */
  readonly checkpoint: number;
}
export const pinCodec: Codec<Pin> = record<{ seq: number; eh: Hash; checkpoint: number }>({ seq: [1, count], eh: [2, hashCodec], checkpoint: [3, count] });

export function pinOf({ head, checkpoint }: OrgState): Pin {
  return { ...head, checkpoint };
}
