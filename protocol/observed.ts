// Who asks, as the kernel tells, and what they claim (spec/09-release.md §observed).
import { type Codec, array, count, int, oneOf, record, text, time } from './codec.ts';
import { type Hash, hashCodec } from './hash.ts';
import { limits } from './limits.ts';
import { verifyClaim, verifyText } from './text.ts';

export interface ObservedProcess {
  readonly pid: number;
  readonly exe?: string;
  /** Where the program is an interpreter. */
  readonly script?: string;
  readonly argv: readonly string[];
}
/** What the kernel says of the requester. An absent field is unknown, never guessed. Text is escaped and cut at the source. */
export interface Observed {
  readonly uid?: number;
  readonly user?: string;
  readonly pid?: number;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly exe?: string;
  readonly exeHash?: Hash;
  readonly script?: string;
  readonly scriptHash?: Hash;
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** Nearest first. */
  readonly ancestors: readonly ObservedProcess[];
  readonly namespaces: 'same' | 'other' | 'unknown';
  readonly container?: string;
  readonly terminal: 'tty' | 'ssh' | 'none' | 'unknown';
  /** `unverified`: no process handle of the kernel, so the pid could have been reused. */
  readonly identity: 'pidfd' | 'unverified';
  /** The process that a lease binds to: 0 = the requester, n = its n-th ancestor. */
  readonly anchor: number;
}
export interface Claimed {
  readonly agent: string;
  readonly reason: string;
}

const seen = text(limits.observedBytes);
const processCodec: Codec<ObservedProcess> = record<ObservedProcess>({
  pid: [1, count],
  exe: [2, seen, 'optional'],
  argv: [3, array(seen, limits.argv)],
  script: [4, seen, 'optional'],
});
export const observedCodec: Codec<Observed> = record<Observed>({
  uid: [1, count, 'optional'],
  user: [2, seen, 'optional'],
  pid: [3, count, 'optional'],
  startedAt: [4, time, 'optional'],
  exe: [5, seen, 'optional'],
  exeHash: [6, hashCodec, 'optional'],
  script: [7, seen, 'optional'],
  scriptHash: [8, hashCodec, 'optional'],
  argv: [9, array(seen, limits.argv)],
  cwd: [10, seen, 'optional'],
  ancestors: [11, array(processCodec, limits.ancestors)],
  namespaces: [12, oneOf<Observed['namespaces']>(['same', 'other', 'unknown'])],
  container: [13, seen, 'optional'],
  terminal: [14, oneOf<Observed['terminal']>(['tty', 'ssh', 'none', 'unknown'])],
  identity: [15, oneOf<Observed['identity']>(['pidfd', 'unverified'])],
  anchor: [16, int(0, limits.ancestors)],
});
export const claimedCodec: Codec<Claimed> = record<Claimed>({ agent: [1, text(512)], reason: [2, text(1_024)] });

/** Throws E_TEXT on text that would deceive whoever is shown it. */
export function verifyShown({ claimed, observed }: { readonly claimed: Claimed; readonly observed: Observed }): void {
  verifyClaim(claimed.agent, 64);
  verifyClaim(claimed.reason);
  const shown = [
    observed.user,
    observed.exe,
    observed.script,
    observed.cwd,
    observed.container,
    ...observed.argv,
    ...observed.ancestors.flatMap(({ exe, script, argv }) => [exe, script, ...argv]),
  ];
  for (const value of shown) if (value !== undefined) verifyObserved(value);
}

// Observed text may begin or end with a space: the kernel says so.
function verifyObserved(value: string): void {
  verifyText(`|${value}|`, limits.observedBytes + 2);
}
