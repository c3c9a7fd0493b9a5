// A daemon as its own process, so that it can be killed between two steps or starved of disk. Prints its log lines. Never shipped.
import { writeSync } from 'node:fs';
import { DaemonError } from '../daemon/errors.ts';
import { type DaemonStore, openDaemonStore } from '../daemon/vault/store.ts';
import { startDaemon } from '../daemon/start.ts';

const [stateDir = '', socketPath = '', dieAfter = ''] = process.argv.slice(2);
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

/** Dies the moment a release has been persisted, before anything of it is delivered. */
function mortal(path: string): DaemonStore {
  const store = openDaemonStore(path);
  if (dieAfter === '') return store;
  return {
    ...store,
    addReceipt: (receipt, consumes) => {
      store.addReceipt(receipt, consumes);
      if (consumes !== undefined) process.kill(process.pid, 'SIGKILL');
    },
  };
}

await startDaemon({ stateDir, socketPath, version: 'child', log: say, own: [], limiter: { take: () => undefined }, openStore: mortal, tickMs: 20 }).catch(
  (error: unknown) => {
    say({ event: 'failed', code: error instanceof DaemonError ? error.detail : 'none' });
    process.exit(1);
  },
);
