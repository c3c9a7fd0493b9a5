// Keeps the console's own files, so that it opens without the network: hashed files from the cache, the page from the network first.
// It never touches what goes to the relay or the daemon, and holds nothing secret (SECURITY.md).

/** Files of this build with their hashes, put here by console/build.ts. */
declare const CONSOLE_FILES: Readonly<Record<string, string>>;

/** The part of a service worker's global that is used; the DOM types do not have it. */
interface WorkerScope {
  readonly location: { readonly origin: string };
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: 'install' | 'activate', listener: (event: { waitUntil(work: Promise<unknown>): void }) => void): void;
  addEventListener(type: 'fetch', listener: (event: { readonly request: Request; respondWith(answer: Promise<Response>): void }) => void): void;
}

const worker = self as unknown as WorkerScope; // what this file runs in
const files = Object.keys(CONSOLE_FILES).filter((file) => file !== 'service-worker.js');
const cacheName = `stillvault-${Object.values(CONSOLE_FILES)
  .map((hash) => hash.slice(0, 8))
  .join('')}`;
const page = '/index.html';
const networkMs = 4_000;

worker.addEventListener('install', (event) => {
  event.waitUntil(keep());
});
worker.addEventListener('activate', (event) => {
  event.waitUntil(Promise.all([forgetOlder(), worker.clients.claim()]));
});
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== worker.location.origin) return;
  if (request.mode === 'navigate' && (pathname === '/' || pathname === page)) event.respondWith(freshPage(request));
  else if (files.includes(pathname.slice(1))) event.respondWith(kept(request));
});

// An older worker stays until its pages are closed; a newer page loads its newer files from the network meanwhile.
async function keep(): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.addAll(files.map((file) => new Request(`/${file}`, { cache: 'reload' })));
}

async function forgetOlder(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== cacheName).map((name) => caches.delete(name)));
}

async function kept(request: Request): Promise<Response> {
  return (await caches.match(request, { cacheName, ignoreSearch: true })) ?? fetch(request);
}

/** The newest page where the network answers in time; else the one that came with these files. */
async function freshPage(request: Request): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(networkMs) });
  } catch (error) {
    const known = await caches.match(page, { cacheName });
    if (known) return known;
    throw error;
  }
}
