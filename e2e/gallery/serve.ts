// Bundles the gallery as console/build.ts bundles the console, and serves it under the same security headers.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { relayConnectSrc, securityHeaders } from '../../relay/static.ts';

export type Gallery = AsyncDisposable & { readonly url: (state: string) => string };

export async function serveGallery(): Promise<Gallery> {
  const outdir = await mkdtemp(join(tmpdir(), 'stillvault-gallery-'));
  const { success, logs, outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, 'page.tsx')],
    outdir,
    target: 'browser',
    format: 'esm',
    splitting: true,
    minify: true,
    naming: '[name]-[hash].[ext]',
    define: { 'process.env.NODE_ENV': '"production"' },
    throw: false,
  });
  if (!success) throw new Error(logs.map(String).join('\n'));
  const named = (kind: string, end: string): string => basename(outputs.find((output) => output.kind === kind && output.path.endsWith(end))?.path ?? '');
  const template = await readFile(join(import.meta.dir, '../../console/index.html'), 'utf8');
  const page = template.replace('./main.tsx', `/${named('entry-point', '.js')}`).replace('./style.css', `/${named('asset', '.css')}`);
  const headers = securityHeaders(relayConnectSrc);
  const publicDir = join(import.meta.dir, '../../console/public');
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === '/') return new Response(page, { headers: { ...headers, 'content-type': 'text/html; charset=utf-8' } });
      const name = basename(pathname);
      for (const dir of [outdir, publicDir]) {
        const file = Bun.file(join(dir, name));
        if (await file.exists()) return new Response(file, { headers });
      }
      return new Response(null, { status: 404 });
    },
  });
  return {
    url: (state) => `http://127.0.0.1:${server.port}/?state=${state}`,
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
      await rm(outdir, { recursive: true, force: true });
    },
  };
}
