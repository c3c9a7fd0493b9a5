// SHA-256 of an opened file, remembered by inode (spec/10-local-api.md §observed): the bytes that run, not what now stands at a path.
import { createHash } from 'node:crypto';
import { constants, statSync, type BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import { bounds } from './bounds.ts';
import { within } from './deadline.ts';

/** A file as the kernel knows it. ctime is in the key because its owner can set mtime back, but not ctime. */
export interface FileFacts {
  /** `dev:ino` */
  readonly inode: string;
  /** Changes with every write to the file, and with chmod, link and rename. */
  readonly revision: string;
  /** No name leads to it any more: it was deleted or replaced while it runs. */
  readonly unlinked: boolean;
  /** Owned by root and writable by nobody else. */
  readonly rootOwned: boolean;
}
export interface FileDigest extends FileFacts {
  /** Hex; undefined where it could not be read whole and unchanged, within bounds. */
  readonly sha256: string | undefined;
}

export interface FileDigests {
  /** Undefined where the path is no regular file that can be opened. */
  facts(path: string): FileFacts | undefined;
  digest(path: string): Promise<FileDigest | undefined>;
}

export function createFileDigests(maxBytes: number = bounds.hashedBytes, cacheEntries: number = bounds.hashCacheEntries): FileDigests {
  const known = new Map<string, Promise<string | undefined>>();

  // Not asynchronous: on the path of every leased read, and 30 times faster. A file system that hangs here is one its owner mounted for himself.
  const facts = (path: string): FileFacts | undefined => {
    try {
      const found = statSync(path, { bigint: true });
      return found.isFile() ? factsOf(found) : undefined;
    } catch {
      return undefined;
    }
  };

  const remember = (key: string, path: string): Promise<string | undefined> => {
    const hashing = within(bounds.hashMs, hashFile(path, key, maxBytes)).then((sha256) => {
      if (sha256 === undefined) known.delete(key); // a failure is not remembered
      return sha256;
    });
    known.set(key, hashing); // also joins those who ask meanwhile
    if (known.size > cacheEntries) for (const oldest of known.keys()) return (known.delete(oldest), hashing);
    return hashing;
  };

  return {
    facts,
    async digest(path) {
      const found = facts(path);
      if (found === undefined) return undefined;
      const key = keyOf(found);
      return { ...found, sha256: await (known.get(key) ?? remember(key, path)) };
    },
  };
}

function factsOf(found: BigIntStats): FileFacts {
  return {
    inode: `${found.dev}:${found.ino}`,
    revision: `${found.size}:${found.mtimeNs}:${found.ctimeNs}`,
    unlinked: found.nlink === 0n,
    rootOwned: found.uid === 0n && (found.mode & 0o022n) === 0n,
  };
}

function keyOf(facts: FileFacts): string {
  return `${facts.inode}:${facts.revision}`;
}

async function hashFile(path: string, key: string, maxBytes: number): Promise<string | undefined> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY); // a FIFO put at the path must not hold us
  const before = await file.stat({ bigint: true });
  if (!before.isFile() || before.size > maxBytes || keyOf(factsOf(before)) !== key) return undefined;
  const hash = createHash('sha256');
  const chunk = new Uint8Array(1_048_576);
  for (let left = Number(before.size); left > 0;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, left), null);
    if (bytesRead === 0) return undefined;
    hash.update(chunk.subarray(0, bytesRead));
    left -= bytesRead;
  }
  return keyOf(factsOf(await file.stat({ bigint: true }))) === key ? hash.digest('hex') : undefined;
}
