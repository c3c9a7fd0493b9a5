// The daemon beside this console, where `stillvault up` serves both: its relay, its state, and the token handed over directly.
// It answers only to the secret that `up` put into the page's address.
import { encodeUtf8, decodeUtf8 } from '../../protocol/bytes.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { Platform } from '../platform/platform.ts';

export interface LocalDaemon {
  /** Origin of the relay to use from here: what the server of this page says, else its own origin. */
  relayUrl(): Promise<string>;
  /** true where a daemon here waits to be enrolled. */
  canEnrol(): Promise<boolean>;
  join(token: string): Promise<{ readonly words: string; readonly machine: string }>;
}

const timeoutMs = 30_000;
const answerBytes = 16_384;

export function createLocalDaemon({ fetch, location }: Pick<Platform, 'fetch' | 'location'>): LocalDaemon {
  async function call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const headers: Record<string, string> = {
      ...(location.setupSecret === undefined ? {} : { 'x-stillvault-setup': location.setupSecret }),
      ...(body ? { 'content-type': 'application/json' } : {}),
    };
    const response = await fetch(location.origin + path, {
      method,
      headers,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body ? { body: encodeUtf8(JSON.stringify(body)) } : {}),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status !== 200 || bytes.length > answerBytes) throw new ConsoleError('E_LOCAL', `the local daemon answered ${response.status}`);
    return JSON.parse(decodeUtf8(bytes)) as unknown; // JSON.parse is typed any
  }

  return {
    relayUrl: async () => {
      const config = await call('GET', '/local/config.json').catch(() => undefined);
      const relay = textIn(config, 'relay');
      return relay === undefined ? location.origin : new URL(relay).origin;
    },
    canEnrol: async () => location.setupSecret !== undefined && textIn(await call('GET', '/local/status').catch(() => undefined), 'state') === 'not_enrolled',
    join: async (token) => {
      const answer = await call('POST', '/local/join', { token }).catch((cause: unknown) => {
        throw new ConsoleError('E_LOCAL', 'the local daemon did not take the token', { cause });
      });
      const [words, machine] = [textIn(answer, 'words'), textIn(answer, 'machine')];
      if (words === undefined || machine === undefined) throw new ConsoleError('E_LOCAL', 'the local daemon answered something else');
      return { words, machine };
    },
  };
}

function textIn(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
  if (typeof found === 'string') return found;
  // `machine` may come as { id, name }.
  return typeof found === 'object' && found !== null && name === 'machine' ? textIn(found, 'id') : undefined;
}
