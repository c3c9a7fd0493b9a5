// The console's server with its files: for `up` and for `console serve`.
import { type ConsoleServer, type LocalDaemon, startConsoleServer } from './server.ts';

export async function openConsole(options: { readonly port: number; readonly relay: string; readonly daemon?: LocalDaemon }): Promise<ConsoleServer> {
  const [{ provideConsole }, { serveStatic, securityHeaders }] = await Promise.all([import('../../../console/build.ts'), import('../../../relay/static.ts')]);
  const { relay } = options;
  const connectSrc = ["'self'", relay, relay.replace(/^http/, 'ws')];
  return startConsoleServer({ ...options, files: serveStatic(await provideConsole(), { connectSrc }), headers: securityHeaders(connectSrc) });
}

/** Origin of a relay's address. Undefined where it is none. */
export function relayOrigin(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain =
    url !== undefined &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '';
  return plain ? url.origin : undefined;
}
