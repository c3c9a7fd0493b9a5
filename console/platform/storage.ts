// Records at rest under keys that WebCrypto does not give out (spec/02-keys.md §device). What a database does is a parameter: IndexedDB or memory.
import { concat, encodeUtf8 } from '../../protocol/bytes.ts';
import { check } from '../../protocol/errors.ts';
import { signerFrom } from '../../protocol/keys.ts';
import type { Random } from '../../protocol/random.ts';
import { ConsoleError } from './console-error.ts';
import type { DeviceStorage, FreshKeys, LocalKeys } from './platform.ts';

/** A small database: keys as opaque handles, records as bytes by name. */
export interface Backend {
  keys(): Promise<ReadonlyMap<string, CryptoKey>>;
  read(prefix: string, until?: string): Promise<ReadonlyMap<string, Uint8Array>>;
  /** All of it or nothing. With `keys`, everything that was there before is gone. */
  write(change: {
    readonly keys?: ReadonlyMap<string, CryptoKey>;
    readonly put: ReadonlyMap<string, Uint8Array>;
    readonly remove: readonly string[];
  }): Promise<void>;
}

interface Handles {
  readonly aes: CryptoKey;
  readonly mac: CryptoKey | undefined;
  readonly presence: CryptoKey;
  readonly presencePublic: CryptoKey;
}
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' } as const;

export function createStorage(backend: Backend, random: Random): DeviceStorage {
  let handles: Handles | undefined;
  const made = new WeakMap<FreshKeys, Handles>();

  const held = (): Handles => {
    if (!handles) throw new ConsoleError('E_STORAGE', 'nothing is stored in this browser');
    return handles;
  };

  return {
    load: async () => {
      const stored = await backend.keys();
      const [aes, presence, presencePublic] = [stored.get('aes'), stored.get('presence'), stored.get('presence-public')];
      if (!aes || !presence || !presencePublic) return { kind: stored.size > 0 || (await backend.read('')).size > 0 ? 'lost' : 'empty' };
      handles = { aes, presence, presencePublic, mac: stored.get('mac') };
      return { kind: 'held', keys: await keysOf(handles) };
    },
    makeKeys: async () => {
      const pair = await crypto.subtle.generateKey(ecdsa, false, ['sign', 'verify']);
      const generated: Handles = {
        aes: await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']),
        mac: await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 256 }, false, ['sign']),
        presence: pair.privateKey,
        presencePublic: pair.publicKey,
      };
      const keys = (await keysOf(generated)) as FreshKeys; // the one place where it is minted
      made.set(keys, generated);
      return keys;
    },
    begin: async (keys, records) => {
      const generated = made.get(keys);
      if (!generated?.mac) throw new ConsoleError('E_STORAGE', 'keys of another storage');
      const { aes, mac, presence, presencePublic } = generated;
      await backend.write({
        keys: new Map([
          ['aes', aes],
          ['mac', mac],
          ['presence', presence],
          ['presence-public', presencePublic],
        ]),
        put: await sealAll(aes, records, random),
        remove: [],
      });
      handles = generated;
    },
    read: async (prefix, until) => {
      const opened = new Map<string, Uint8Array>();
      for (const [name, sealed] of await backend.read(prefix, until)) opened.set(name, await openRecord(held().aes, name, sealed));
      return opened;
    },
    write: async (put, remove = []) => backend.write({ put: await sealAll(held().aes, put, random), remove }),
  };
}

async function keysOf({ mac, presence, presencePublic }: Handles): Promise<LocalKeys> {
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', presencePublic));
  return {
    presence: signerFrom(presence, publicKey),
    mac: async (data) => {
      check(mac !== undefined, 'E_DEVICE_BIND', 'this browser has lost the key that binds the device to it');
      return new Uint8Array(await crypto.subtle.sign('HMAC', mac, new Uint8Array(data)));
    },
  };
}

// A random nonce per write: a device writes far fewer than 2^32 records. The name is authenticated, so records cannot trade places.
async function sealAll(aes: CryptoKey, records: ReadonlyMap<string, Uint8Array>, random: Random): Promise<Map<string, Uint8Array>> {
  const sealed = new Map<string, Uint8Array>();
  for (const [name, bytes] of records) {
    const iv = new Uint8Array(random(12));
    const params = { name: 'AES-GCM', iv, additionalData: new Uint8Array(encodeUtf8(name)) };
    sealed.set(name, concat(iv, new Uint8Array(await crypto.subtle.encrypt(params, aes, new Uint8Array(bytes)))));
  }
  return sealed;
}

async function openRecord(aes: CryptoKey, name: string, sealed: Uint8Array): Promise<Uint8Array> {
  const params = { name: 'AES-GCM', iv: new Uint8Array(sealed.subarray(0, 12)), additionalData: new Uint8Array(encodeUtf8(name)) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(params, aes, new Uint8Array(sealed.subarray(12))));
  } catch (cause) {
    throw new ConsoleError('E_STORAGE', 'a stored record was changed or is damaged', { cause });
  }
}
