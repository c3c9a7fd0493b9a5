// Several values for one gesture, in as few requests as the daemon takes, patient with its rate (spec/10-local-api.md §put): for commands that store many.
import type { Client, PutContent, PutTerms, Stored } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import type { Call } from '../terminal/command.ts';
import { awaitPeople } from '../terminal/waiting.ts';

export type Put = PutContent & { readonly path: string };

/** As in protocol/limits.ts. */
const maxPuts = 64;
/** Of values: in base64 it fits one ask, with names and descriptions beside it. */
const maxBytes = 131_072;
/** The daemon lets a program ask ten times a minute after the first twenty. */
const rateWaitMs = 1_000;
const maxRateWaits = 60;

/** In order, as many together as one request can take. */
export function batchesOf<T>(all: readonly T[], sizeOf: (one: T) => number): readonly (readonly T[])[] {
  const batches: T[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const one of all) {
    const adds = sizeOf(one) + 1_024; // a path and a description
    if (size + adds > maxBytes || (batches.at(-1)?.length ?? maxPuts) >= maxPuts) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)?.push(one);
    size += adds;
  }
  return batches;
}

/** Throws what `putAll` throws; `onStored` has been told of those that are in. What a request cannot carry goes in two. The caller wipes. */
export async function putTogether(
  call: Pick<Call, 'world' | 'output'>,
  daemon: Client,
  puts: readonly Put[],
  terms: Pick<PutTerms, 'timeoutS'>,
  onStored: (stored: Stored) => void,
): Promise<void> {
  try {
    await patiently(call, () =>
      awaitPeople(call, ({ signal, onProgress }) =>
        daemon.putAll(puts, {
          ...terms,
          signal,
          onProgress: (event) => {
            onProgress(event);
            if (event.event === 'stored') onStored(event);
          },
        }),
      ),
    );
  } catch (error) {
    // Long paths, or wraps for many: told before anybody was asked.
    if (!(error instanceof StillvaultError) || error.detail !== 'E_LIMIT' || puts.length === 1) throw error;
    const half = Math.ceil(puts.length / 2);
    for (const part of [puts.slice(0, half), puts.slice(half)]) await putTogether(call, daemon, part, terms, onStored);
  }
}

export async function patiently<T>({ output }: Pick<Call, 'output'>, ask: () => Promise<T>): Promise<T> {
  for (let waits = 0; ; waits++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StillvaultError) || error.detail !== 'E_RATE_LOCAL' || waits >= maxRateWaits) throw error;
      if (waits === 0) output.note('the daemon lets a program ask ten times a minute: waiting for the next');
      await Bun.sleep(rateWaitMs);
    }
  }
}
