// What a helper is: a small translator between the contract of one ecosystem and one ask of the daemon (spec/14-helpers.md).
import type { Client } from '../../sdk/client.ts';
import type { StillvaultError } from '../../sdk/errors.ts';
import { usage } from '../cli/terminal/arguments.ts';
import { toStillvaultError, type Output } from '../cli/terminal/output.ts';
import type { World } from '../cli/terminal/world.ts';
import type { Mapping } from './mapping.ts';

export interface HelperCall {
  /** What the calling program gave, after the helper's name. */
  readonly words: readonly string[];
  readonly world: World;
  /** Only for people: standard output belongs to the contract. */
  readonly output: Output;
  readonly client: () => Client;
  /** Read when asked for. Throws usage where the file is not of this version and shape. */
  readonly mapping: () => Promise<Mapping>;
}

export interface Helper {
  /** Returns the exit code that the contract wants; what it throws is told on standard error, with the exit code of its failure. */
  readonly run: (call: HelperCall) => Promise<number>;
}

/** A value never goes to a terminal: helpers are for programs. Throws usage, before anybody is asked. */
export function requirePipe(world: World): void {
  if (world.isTerminal(1)) throw usage('this would show the secret on the screen: a helper answers to a program', 'stillvault get --reveal');
}

/** Standard input as text. Throws usage where it is too large or no UTF-8. */
export function readText(world: World, maxBytes: number): string {
  const bytes = world.readInput(maxBytes);
  if (bytes.length > maxBytes) throw usage(`standard input is larger than ${maxBytes} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw usage('standard input is no UTF-8');
  } finally {
    bytes.fill(0); // git and docker pass values along with store and erase
  }
}

/** Tells people what stopped a helper, and gives the failure back for the contract's own words. */
export function tell({ output }: Pick<HelperCall, 'output'>, error: unknown): StillvaultError {
  const failure = toStillvaultError(error);
  output.failure(failure);
  return failure;
}
