// Everything of the outside that a command may touch (spec/10-local-api.md §command-line). Made by daemon/main.ts alone; tests make their own.

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2' | 'SIGCONT' | 'SIGWINCH';

export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly uid: number;
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
  /** All of it is written when this returns: 1 is for data, 2 for everything else. */
  readonly write: (fd: 1 | 2, data: string | Uint8Array) => void;
  /** The same without holding up anything else, such as signals; false where nobody reads any more. */
  readonly writeSoon: (fd: 1 | 2, pieces: readonly Uint8Array[]) => Promise<boolean>;
  /** Standard input to its end, at most `maxBytes` and one more. */
  readonly readInput: (maxBytes: number) => Uint8Array;
  readonly isTerminal: (fd: 0 | 1 | 2) => boolean;
  /** Of standard error. */
  readonly columns: () => number;
  /** Calls back for each of the signals until disposed. */
  readonly onSignals: (signals: readonly Signal[], listener: (signal: Signal) => void) => Disposable;
  /** Keys as they are pressed, not echoed, until disposed. */
  readonly onKeys: (listener: (keys: string) => void) => Disposable;
}
