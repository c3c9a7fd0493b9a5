// A browser without a browser: a software authenticator that really signs and derives, storage in memory, a clock that tests set. Never shipped.
import { concat, encodeUtf8 } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { type Signer, generateSigner } from '../protocol/keys.ts';
import type { App } from '../console/app.ts';
import { ConsoleError } from '../console/platform/console-error.ts';
import { consoleFetch, openSocket } from '../console/platform/network.ts';
import type { Authenticator, ConsoleFetch, Platform } from '../console/platform/platform.ts';
import { type Backend, createStorage } from '../console/platform/storage.ts';
import { assertWith, flagsVerified } from './authenticator.ts';
import { type Attest, flagsDeviceBound, flagsSynced, noAttestation } from './soft-attestation.ts';

export interface SoftClock {
  now(): number;
  /** Moves the clock and wakes who slept until then. */
  advance(ms: number): void;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The real time, moved by tests; nobody wakes from a sleep but by `advance`. */
export function softClock(): SoftClock {
  let ahead = 0;
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  const now = (): number => Date.now() + ahead;
  return {
    now,
    advance: (ms) => {
      ahead += ms;
      for (const sleeper of [...sleepers]) if (sleeper.at <= now()) sleeper.wake();
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (ms <= 0 && !signal.aborted) return void setTimeout(resolve); // a turn for others, whatever the clock says
        const end = (act: () => void) => (): void => {
          sleepers.delete(sleeper);
          act();
        };
        const sleeper = { at: now() + ms, wake: end(resolve) };
        sleepers.add(sleeper);
        const stop = end(() => reject(new DOMException('stopped', 'AbortError')));
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
      }),
  };
}

interface SoftPasskey {
  readonly credentialId: Uint8Array;
  readonly signer: Signer;
  readonly prfKey: CryptoKey;
  readonly rpId: string;
}

/** What goes wrong; all may be changed while a test runs. */
export interface SoftFaults {
  /** `none`: no PRF at all; `changing`: other bytes at every call; `other`: the same wrong bytes from now on. */
  prf: 'good' | 'none' | 'changing' | 'other';
  isUserVerified: boolean;
  /** Signs for this origin instead of the page's. */
  origin: string | undefined;
  /** Gestures until the prompt is closed; undefined: never. */
  cancelAfter: number | undefined;
  /** What it is, and how it proves that. */
  aaguid: Uint8Array;
  isSynced: boolean;
  attestation: Attest;
}

export interface SoftAuthenticator extends Authenticator {
  readonly faults: SoftFaults;
  /** Gestures so far. */
  readonly gestures: number;
}

/** May be shared by two platforms: a passkey that is synced to another device. */
export function softAuthenticator(origin: string): SoftAuthenticator {
  const passkeys: SoftPasskey[] = [];
  const faults: SoftFaults = {
    prf: 'good',
    isUserVerified: true,
    origin: undefined,
    cancelAfter: undefined,
    aaguid: new Uint8Array(16),
    isSynced: true,
    attestation: noAttestation,
  };
  let gestures = 0;

  function gesture(): void {
    if (faults.cancelAfter !== undefined && faults.cancelAfter-- <= 0) throw new ConsoleError('E_CANCELLED', 'the prompt was closed');
    gestures++;
  }
  async function derive(passkey: SoftPasskey, input: Uint8Array): Promise<Uint8Array> {
    if (faults.prf === 'changing') return crypto.getRandomValues(new Uint8Array(32));
    const salted = new Uint8Array(concat(encodeUtf8(faults.prf === 'other' ? 'other' : 'WebAuthn PRF\0'), input));
    return new Uint8Array(await crypto.subtle.sign('HMAC', passkey.prfKey, salted));
  }

  return {
    faults,
    get gestures() {
      return gestures;
    },
    checkSupport: () => Promise.resolve(),
    create: async ({ rpId, attest }) => {
      gesture();
      if (faults.prf === 'none') throw new ConsoleError('E_NO_PRF', 'no PRF here');
      const { signer } = await generateSigner(false);
      const prfKey = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
      const credentialId = crypto.getRandomValues(new Uint8Array(16));
      passkeys.push({ credentialId, signer, prfKey, rpId });
      const { attestation: said, aaguid, isSynced } = faults;
      const made = { rpId, origin, challenge: attest ?? new Uint8Array(32), credentialId, publicKey: signer.publicKey, aaguid };
      return {
        credentialId,
        publicKey: signer.publicKey,
        aaguid,
        backupEligible: isSynced,
        backedUp: isSynced,
        attestation: await said({ ...made, flags: isSynced ? flagsSynced : flagsDeviceBound }),
        transports: ['internal'],
      };
    },
    get: async ({ rpId, credentialId, challenge, prf }) => {
      gesture();
      const passkey = passkeys.find((candidate) => Buffer.from(candidate.credentialId).equals(credentialId) && candidate.rpId === rpId);
      if (!passkey) throw new ConsoleError('E_CANCELLED', 'no such passkey here');
      if (faults.prf === 'none') throw new ProtocolError('E_PRF_MISSING', 'no PRF here');
      const flags = faults.isUserVerified ? flagsVerified : flagsVerified & ~0x04;
      const assertion = await assertWith(passkey.signer, { rpId, origin: faults.origin ?? origin, challenge, flags });
      return { assertion, prf: { first: await derive(passkey, prf.first), second: await derive(passkey, prf.second) }, credentialId };
    },
  };
}

/** Storage that a test can look into and break. */
export interface SoftBackend extends Backend {
  readonly handles: Map<string, CryptoKey>;
  readonly records: Map<string, Uint8Array>;
  /** Writes fail from now on, and change nothing. */
  isFull: boolean;
}

export function softBackend(): SoftBackend {
  const backend: SoftBackend = {
    handles: new Map(),
    records: new Map(),
    isFull: false,
    keys: () => Promise.resolve(backend.handles),
    read: (prefix, until = `${prefix}\uffff`) =>
      Promise.resolve(new Map([...backend.records].filter(([name]) => name >= prefix && name < until).sort(([a], [b]) => (a < b ? -1 : 1)))),
    write: ({ keys, put, remove }) => {
      if (backend.isFull) return Promise.reject(new ConsoleError('E_STORAGE', 'no room left'));
      if (keys) {
        backend.handles.clear();
        backend.records.clear();
        for (const [name, key] of keys) backend.handles.set(name, key);
      }
      for (const [name, bytes] of put) backend.records.set(name, bytes);
      for (const name of remove) backend.records.delete(name);
      return Promise.resolve();
    },
  };
  return backend;
}

export interface SoftPlatform extends Platform {
  readonly authenticator: SoftAuthenticator;
  readonly backend: SoftBackend;
  /** Stands between this browser and the network: may fail, hold or change a call. */
  wire: ((url: string, init: Parameters<ConsoleFetch>[1], pass: () => ReturnType<ConsoleFetch>) => ReturnType<ConsoleFetch>) | undefined;
  /** The page comes to the front. */
  comeBack(): void;
}

export interface SoftOptions {
  readonly relayUrl: string;
  readonly clock?: SoftClock;
  readonly origin?: string;
  readonly authenticator?: SoftAuthenticator;
  readonly backend?: SoftBackend;
  readonly setupSecret?: string;
  /** Answers `/local/*` of the page's own origin. */
  readonly local?: ConsoleFetch;
}

export function softPlatform({
  relayUrl,
  clock = softClock(),
  origin = 'http://localhost:8460',
  backend = softBackend(),
  ...given
}: SoftOptions): SoftPlatform {
  const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
  const returning = new Set<() => void>();
  const platform: SoftPlatform = {
    authenticator: given.authenticator ?? softAuthenticator(origin),
    backend,
    wire: undefined,
    storage: createStorage(backend, random),
    fetch: (url, init) => {
      if (url.startsWith(`${origin}/local/`)) {
        if (given.local && !url.endsWith('/config.json')) return given.local(url, init);
        const answer = url.endsWith('/config.json') ? Response.json({ relay: relayUrl }) : new Response('', { status: 404 });
        return Promise.resolve(answer);
      }
      const pass = (): ReturnType<ConsoleFetch> => consoleFetch(url, init);
      return platform.wire ? platform.wire(url, init, pass) : pass();
    },
    openSocket,
    now: clock.now,
    random,
    sleep: clock.sleep,
    location: { origin, hostname: new URL(origin).hostname, setupSecret: given.setupSecret },
    onReturn: (listener) => {
      returning.add(listener);
      return () => returning.delete(listener);
    },
    comeBack: () => {
      for (const listener of returning) listener();
    },
  };
  return platform;
}

/** Resolves with what `find` finds, at once or after a change of the app. */
export function until<T>(app: App, find: () => T | undefined, what: string, withinMs = 10_000): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      unsubscribe();
      reject(new Error(`waited for ${what}; the phase is ${JSON.stringify(app.phase())}, the notice ${JSON.stringify(app.org()?.notice)}`));
    }, withinMs);
    const look = (): void => {
      const found = find();
      if (found === undefined) return;
      clearTimeout(timer);
      unsubscribe();
      resolve(found);
    };
    const unsubscribe = app.subscribe(look);
    look();
  });
}
