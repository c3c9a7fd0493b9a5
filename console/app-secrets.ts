// What the screens can do for devices that wait for shares: a part of the contract (console/app.ts, spec/07-custody.md §rewrap). No DOM here.
import type { SecretId } from '../protocol/hash.ts';

export interface Sharing {
  /** Absent: all that this device can serve. */
  readonly ids?: readonly SecretId[];
  /** Secrets wrapped so far, then entered into the log so far. */
  readonly progress?: (done: number, of: number) => void;
  /** Before the second passkey: some browsers show it only right after a tap. */
  readonly ready?: () => Promise<void>;
  readonly signal?: AbortSignal;
}
