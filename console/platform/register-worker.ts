// Registers the service worker: one fixed address, minted through a Trusted Types policy that knows no other.

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): string };
}

const address = '/service-worker.js';

/** Where there is no worker (private windows, plain http) the app works without: nothing depends on it. */
export function registerWorker({ serviceWorker }: Pick<Navigator, 'serviceWorker'>): void {
  // Undefined in an insecure context, whatever the types say.
  if (!(serviceWorker as ServiceWorkerContainer | undefined)) return;
  // Trusted Types is not in the DOM types yet.
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  const policy = trustedTypes?.createPolicy('stillvault-worker', { createScriptURL: () => address });
  void serviceWorker.register(policy?.createScriptURL(address) ?? address, { scope: '/' }).catch(() => undefined);
}
