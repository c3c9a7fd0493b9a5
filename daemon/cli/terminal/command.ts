// What a command is: words about itself, a table of options, and what it does with the world (spec/10-local-api.md §command-line).
import type { Client } from '../../../sdk/client.ts';
import type { Arguments, Options } from './arguments.ts';
import type { Output } from './output.ts';
import type { World } from './world.ts';

export interface Command {
  /** Lines after `stillvault `. */
  readonly usage: readonly string[];
  /** Command line and what it is for: the first thing in --help. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  readonly options: Options;
  /** Further help, as paragraphs of lines that fit 80 columns. */
  readonly notes?: readonly string[];
  /** The first operand ends the options. */
  readonly stopAtOperand?: boolean;
  /** Exit code of a failure of our own, where it is not that of its code: `run` leaves those to its child. */
  readonly failureExit?: number;
  /** Standard output belongs to a child, so that events and failures in JSON go to standard error. */
  readonly jsonToStderr?: boolean;
  /** Returns the exit code; throws StillvaultError. */
  readonly run: (call: Call) => number | Promise<number>;
}

export interface Call {
  readonly args: Arguments;
  readonly world: World;
  readonly output: Output;
  /** The daemon of this user. */
  readonly client: () => Client;
}
