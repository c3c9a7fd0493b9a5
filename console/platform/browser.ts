// The real browser as a Platform: the only file of the device that touches window.
import { createIndexedDb } from './indexed-db.ts';
import { consoleFetch, openSocket, sleep } from './network.ts';
import type { PageLocation, Platform } from './platform.ts';
import { createStorage } from './storage.ts';
import { createWebAuthn } from './webauthn.ts';

export function createBrowserPlatform(): Platform {
  const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
  return {
    authenticator: createWebAuthn({ now: Date.now, random }),
    storage: createStorage(createIndexedDb(indexedDB, navigator.storage), random),
    fetch: consoleFetch,
    openSocket,
    now: Date.now,
    random,
    sleep,
    location: readLocation(),
    onReturn,
  };
}

const setupKey = 'stillvault-setup';

// The secret leaves the address at once, so that it is not shared, bookmarked or kept in the history; it lives as long as the tab.
function readLocation(): PageLocation {
  const { origin, hostname, hash, pathname, search } = window.location;
  const secret = /^#setup=([\w-]{16,128})$/.exec(hash)?.[1];
  if (secret !== undefined) {
    sessionStorage.setItem(setupKey, secret);
    history.replaceState(null, '', pathname + search);
  }
  return { origin, hostname, setupSecret: sessionStorage.getItem(setupKey) ?? undefined };
}

function onReturn(listener: () => void): () => void {
  const visible = (): void => {
    if (document.visibilityState === 'visible') listener();
  };
  document.addEventListener('visibilitychange', visible);
  window.addEventListener('focus', listener);
  window.addEventListener('online', listener);
  return () => {
    document.removeEventListener('visibilitychange', visible);
    window.removeEventListener('focus', listener);
    window.removeEventListener('online', listener);
  };
}
