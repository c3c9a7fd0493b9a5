// What runs until it is told to stop.
import type { World } from './world.ts';

/** Resolves at the first signal; a second one ends the process at once. */
export async function untilSignal(world: World): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let told = false;
  world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], () => {
    if (told) process.exit(130);
    told = true;
    resolve();
  });
  await promise;
}
