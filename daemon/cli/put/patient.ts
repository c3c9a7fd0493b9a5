// One proposal, patient with the daemon's rate (spec/10-local-api.md §rate): for commands that store many.
import type { Client, PutContent, Stored } from '../../../sdk/client.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import type { Call } from '../terminal/command.ts';
import { awaitPeople } from '../terminal/waiting.ts';

/** The daemon lets a program ask ten times a minute after the first twenty. */
const rateWaitMs = 1_000;
const maxRateWaits = 60;

/** Throws what `put` throws; the caller wipes. */
export async function putPatiently(call: Pick<Call, 'world' | 'output'>, daemon: Client, path: string, content: PutContent): Promise<Stored> {
  return patiently(call, () => awaitPeople(call, (waiting) => daemon.put(path, content, waiting)));
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
