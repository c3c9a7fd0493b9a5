// The browser's database behind Backend: two object stores, transactions that hold or do not happen (spec/02-keys.md).
import { ConsoleError } from './console-error.ts';
import type { Backend } from './storage.ts';

const databaseName = 'stillvault';

/** Opens at the first use. Also asks the browser not to evict it. */
export function createIndexedDb(factory: IDBFactory, storage: Pick<StorageManager, 'persist'> | undefined): Backend {
  let opened: Promise<IDBDatabase> | undefined;
  const database = (): Promise<IDBDatabase> =>
    (opened ??= open(factory).catch((cause: unknown) => {
      opened = undefined;
      throw failed(cause);
    }));

  return {
    keys: async () => {
      const found = new Map<string, CryptoKey>();
      for (const [name, value] of await readAll(await database(), 'keys', null)) if (value instanceof CryptoKey) found.set(name, value);
      return found;
    },
    read: async (prefix, until = `${prefix}\uffff`) => {
      const found = new Map<string, Uint8Array>();
      const range = prefix === '' ? null : IDBKeyRange.bound(prefix, until, false, true);
      for (const [name, value] of await readAll(await database(), 'records', range)) if (value instanceof Uint8Array) found.set(name, value);
      return found;
    },
    write: async ({ keys, put, remove }) => {
      if (keys) await storage?.persist().catch(() => false); // a wish: the device works without it
      const transaction = (await database()).transaction(['keys', 'records'], 'readwrite', { durability: 'strict' });
      const done = finished(transaction);
      const [keyStore, records] = [transaction.objectStore('keys'), transaction.objectStore('records')];
      if (keys) {
        keyStore.clear();
        records.clear();
        for (const [name, key] of keys) keyStore.put(key, name);
      }
      for (const [name, bytes] of put) records.put(bytes, name);
      for (const name of remove) records.delete(name);
      await done;
    },
  };
}

function open(factory: IDBFactory): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(databaseName, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('keys');
      request.result.createObjectStore('records');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(failed(request.error));
    request.onblocked = () => reject(new ConsoleError('E_STORAGE', 'another tab holds an older version of the database: close it'));
  });
}

async function readAll(database: IDBDatabase, store: 'keys' | 'records', range: IDBKeyRange | null): Promise<readonly (readonly [string, unknown])[]> {
  const transaction = database.transaction(store, 'readonly');
  const names = transaction.objectStore(store).getAllKeys(range);
  const values = transaction.objectStore(store).getAll(range);
  await finished(transaction);
  return names.result.map((name, index) => [typeof name === 'string' ? name : '', values.result[index] as unknown]); // IndexedDB types its values as any
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(failed(transaction.error));
    transaction.onerror = () => reject(failed(transaction.error));
  });
}

function failed(cause: unknown): ConsoleError {
  if (cause instanceof ConsoleError) return cause;
  const full = cause instanceof DOMException && cause.name === 'QuotaExceededError';
  return new ConsoleError('E_STORAGE', full ? 'the browser has no room left for this page' : 'the browser’s database does not work here', { cause });
}
