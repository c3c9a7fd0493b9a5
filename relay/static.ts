// Serves the built console with strict headers (spec/08-relay.md §console). Self-contained: `stillvault console serve` uses it too.
// Files are read once at start; a request is answered from that list alone, so no path of a request ever reaches the disk.
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';

export interface StaticOptions {
  /** Sources of `connect-src`, e.g. `'self'` and the relays that the console may reach. */
  readonly connectSrc: readonly string[];
}
/** Answers a GET or HEAD for a known file; undefined for everything else. */
export type StaticFiles = (request: Request) => Response | undefined;

export const relayConnectSrc: readonly string[] = [
  "'self'",
  'http://127.0.0.1:*',
  'http://localhost:*',
  'ws://127.0.0.1:*',
  'ws://localhost:*',
  'https:',
  'wss:',
];

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webmanifest': 'application/manifest+json',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};
/** File names that the bundler derives from content never change their meaning. */
const hashedName = /[-.][0-9a-z]{8,}\.(?:js|css|woff2|svg|png|wasm)$/;

interface StaticFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly zipped: Uint8Array<ArrayBuffer> | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export function serveStatic(dir: string, { connectSrc }: StaticOptions): StaticFiles {
  const files = new Map<string, StaticFile>();
  const secure = securityHeaders(connectSrc);
  for (const path of listFiles(dir, '')) files.set(path, readStatic(join(dir, path), path, secure));
  const index = files.get('/index.html');
  if (index) files.set('/', index);

  return (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const file = files.get(new URL(request.url).pathname);
    if (!file) return undefined;
    if (request.headers.get('if-none-match') === file.headers['etag']) return new Response(null, { status: 304, headers: file.headers });
    const zipped = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '') ? file.zipped : undefined;
    const headers = zipped ? { ...file.headers, 'content-encoding': 'gzip' } : file.headers;
    return new Response(request.method === 'HEAD' ? null : (zipped ?? file.bytes), { headers });
  };
}

/** The same for every page; the console loads nothing from elsewhere and no page may frame it. */
export function securityHeaders(connectSrc: readonly string[]): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src ${connectSrc.join(' ')}`,
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    // The one policy that may be made, once: console/platform/register-worker.ts.
    'trusted-types stillvault-worker',
  ];
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy':
      'camera=(self), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)',
  };
}

function readStatic(diskPath: string, path: string, secure: Readonly<Record<string, string>>): StaticFile {
  const bytes = new Uint8Array(readFileSync(diskPath));
  const zipped = Bun.gzipSync(bytes, { level: 9 });
  return {
    bytes,
    zipped: zipped.length < bytes.length ? zipped : undefined,
    headers: {
      ...secure,
      'content-type': types[extname(path)] ?? 'application/octet-stream',
      'cache-control': hashedName.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: `"${Bun.hash(bytes).toString(36)}"`,
      vary: 'accept-encoding',
    },
  };
}

// Links are left out: what they point to was not built here.
function listFiles(dir: string, under: string): string[] {
  return readdirSync(join(dir, under)).flatMap((name) => {
    const path = `${under}/${name}`;
    const entry = lstatSync(join(dir, path));
    if (entry.isDirectory()) return listFiles(dir, path);
    return entry.isFile() ? [path] : [];
  });
}
