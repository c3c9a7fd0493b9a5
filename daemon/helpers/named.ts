// Helpers whose configuration names the secret: `--secret REF`, or a name that the mapping knows (spec/14-helpers.md §named).
import { StillvaultError } from '../../sdk/errors.ts';
import { askFrom } from '../cli/get.ts';
import { parseArguments, usage, type Arguments, type Options } from '../cli/terminal/arguments.ts';
import { printable } from '../cli/terminal/text.ts';
import type { HelperCall } from './helper.ts';
import type { Entry, Kind, Terms } from './mapping.ts';
import { findExact, normalise } from './match.ts';

/** A reference is no secret, so it may stand in a configuration file. */
export const namedOptions: Options = {
  secret: { about: 'the reference itself, instead of a name that the mapping knows', takes: 'REF' },
  ttl: { about: 'ask for a lease of this length', takes: 'TIME' },
  uses: { about: 'how many uses the lease shall have', takes: 'N' },
  scope: { about: 'who may use the lease', takes: 'SCOPE' },
  wait: { about: 'how long to wait for people', takes: 'TIME' },
};

export interface Named {
  readonly args: Arguments;
  readonly terms: Terms;
}

/** The terms of --secret, else of the first of the names that is mapped. Throws not_found: these contracts have no "not mine". */
export async function namedTerms(call: HelperCall, kind: Kind, namesOf: (args: Arguments) => readonly string[], more: Options = {}): Promise<Named> {
  const args = parseArguments(call.words, { ...namedOptions, ...more });
  const { lease, timeoutS } = askFrom(args);
  const own = {
    ...(lease === undefined ? {} : { ttlS: lease.ttlS, ...(lease.uses === undefined ? {} : { uses: lease.uses }), ...(lease.scope && { scope: lease.scope }) }),
    ...(timeoutS === undefined ? {} : { waitS: timeoutS }),
  };
  const reference = args.text('secret');
  if (reference !== undefined) return { args, terms: { reference, ...own } };
  const names = namesOf(args);
  const mapping = await call.mapping();
  const found = names.map((name) => findExact(mapping, kind, normalise(kind, name))).find((entry): entry is Entry => entry !== undefined);
  if (found !== undefined) return { args, terms: { ...found, ...own } };
  if (names.length === 0) throw usage('which secret? give --secret, or a name that is mapped', `stillvault helper map ${kind} <name> <reference>`);
  throw notMapped(kind, names[0] ?? '');
}

export function notMapped(kind: Kind, name: string): StillvaultError {
  return new StillvaultError('not_found', `no secret is mapped for ${printable(name)}`, {
    next: `stillvault helper map ${kind} ${printable(name)} <reference>`,
  });
}
