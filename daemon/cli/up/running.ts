// What `up` keeps about itself: its addresses, which must stay, and the address to create an organisation at while it runs.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

export interface Running {
  readonly relay: string;
  readonly console: string;
  /** With the secret in its fragment; only while this machine has no organisation and `up` runs. */
  readonly setup?: string;
}

const fileName = 'up.json';

/** Undefined before the first start. Damaged counts as that: nothing in it cannot be chosen anew. */
export function readRunning(data: string): Running | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(`${data}/${fileName}`, 'utf8'));
    if (typeof found !== 'object' || found === null || !('relay' in found) || !('console' in found)) return undefined;
    const { relay, console } = found;
    if (typeof relay !== 'string' || typeof console !== 'string' || !URL.canParse(relay) || !URL.canParse(console)) return undefined;
    return { relay, console, ...('setup' in found && typeof found.setup === 'string' ? { setup: found.setup } : {}) };
  } catch {
    return undefined;
  }
}

/** For this user only: the secret lets its holder make this machine join. */
export function writeRunning(data: string, running: Running): void {
  writeFileSync(`${data}/${fileName}.new`, `${JSON.stringify(running)}\n`, { mode: 0o600 });
  renameSync(`${data}/${fileName}.new`, `${data}/${fileName}`);
}
