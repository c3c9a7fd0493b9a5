// The machine's keys: one file, 0600, the daemon's user (spec/02-keys.md §machine). Alone they open nothing: a release needs people.
import { closeSync, fsyncSync, lstatSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Codec, bytes, decode, encode, record, text } from '../../protocol/codec.ts';
import { type MachineId, type OrgId, type TokenId, derive, machineIdCodec, orgIdCodec, tokenIdCodec } from '../../protocol/hash.ts';
import { type Signer, exportPrivateKey, generateSigner, importSigner, publicKeyCodec } from '../../protocol/keys.ts';
import { type Pin, pinCodec } from '../../protocol/org-log/pin.ts';
import type { Random } from '../../protocol/random.ts';
import { type KemKey, kemKeyFrom } from '../../protocol/seal.ts';
import { wipe } from '../../protocol/bytes.ts';
import { DaemonError } from '../errors.ts';
import { startOver } from './store.ts';

interface KeyFile {
  readonly org: OrgId;
  readonly machine: MachineId;
  readonly token: TokenId;
  readonly relay: string;
  readonly name: string;
  readonly sigScalar: Uint8Array;
  readonly sigPublic: Uint8Array;
  readonly kemSeed: Uint8Array;
  readonly mailboxSeed: Uint8Array;
  readonly pin: Pin;
}
const fileCodec: Codec<KeyFile> = record<KeyFile>({
  org: [1, orgIdCodec],
  machine: [2, machineIdCodec],
  token: [3, tokenIdCodec],
  relay: [4, text(253, 1)],
  name: [5, text(128, 1)],
  sigScalar: [6, bytes(32)],
  sigPublic: [7, publicKeyCodec],
  kemSeed: [8, bytes(32)],
  mailboxSeed: [9, bytes(32)],
  pin: [10, pinCodec],
});

export interface MachineIdentity {
  readonly org: OrgId;
  readonly machine: MachineId;
  /** The token it enrolled with: joining again with the same one goes on where it stopped. */
  readonly token: TokenId;
  readonly relay: string;
  readonly name: string;
  readonly sig: Signer;
  readonly kem: KemKey;
  readonly mailboxSeed: Uint8Array;
  /** How far the admin who made the token had verified the log. */
  readonly pin: Pin;
  /** Seals what this machine keeps for itself; never leaves it. */
  readonly localKey: Uint8Array;
}

/** Undefined where this machine has not enrolled. Throws E_STATE_PATH on a file that others can read or that is no file, E_STATE_CORRUPT. */
export async function loadMachine(path: string, selfUid: number): Promise<MachineIdentity | undefined> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return undefined;
  if (!found.isFile() || found.uid !== selfUid || (found.mode & 0o077) !== 0) {
    throw new DaemonError('error', 'E_STATE_PATH', 'the machine’s key file is a link, belongs to somebody else, or others can read it', {
      next: `if nobody tampered with it: chmod 600 ${path}; else revoke this machine in the console`,
    });
  }
  const raw = readFileSync(path);
  try {
    return await identityOf(decode(fileCodec, new Uint8Array(raw), 4_096));
  } catch (cause) {
    throw new DaemonError('error', 'E_STATE_CORRUPT', 'the machine’s key file is damaged', { cause, next: startOver(path) });
  } finally {
    wipe(raw);
  }
}

async function identityOf(file: KeyFile): Promise<MachineIdentity> {
  const { org, machine, token, relay, name, mailboxSeed, pin } = file;
  const identity = {
    org,
    machine,
    token,
    relay,
    name,
    pin,
    mailboxSeed: mailboxSeed.slice(),
    localKey: derive('snapshot', file.kemSeed, new Uint8Array(0), [org, machine]),
    sig: await importSigner(file.sigScalar, file.sigPublic.slice()),
    kem: await kemKeyFrom(file.kemSeed.slice()),
  };
  wipe(file.sigScalar, file.kemSeed);
  return identity;
}

/** Makes the keys and writes them durably before anything is told to anybody. */
export async function createMachine(
  path: string,
  about: Pick<MachineIdentity, 'org' | 'machine' | 'token' | 'relay' | 'name' | 'pin'>,
  random: Random,
): Promise<MachineIdentity> {
  const { signer, privateKey } = await generateSigner(true);
  const file: KeyFile = { ...about, sigScalar: await exportPrivateKey(privateKey), sigPublic: signer.publicKey, kemSeed: random(32), mailboxSeed: random(32) };
  const encoded = encode(fileCodec, file);
  writeDurably(path, encoded);
  wipe(encoded);
  return identityOf(file);
}

/** Write, fsync, rename, fsync of the folder. Throws E_PERSIST. */
function writeDurably(path: string, content: Uint8Array): void {
  try {
    const fresh = `${path}.new`;
    const fd = openSync(fresh, 'w', 0o600);
    writeSync(fd, content);
    fsyncSync(fd);
    closeSync(fd);
    renameSync(fresh, path);
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  } catch (cause) {
    throw new DaemonError('error', 'E_PERSIST', 'the machine’s keys could not be written, so nothing was done: is the disk full?', {
      cause,
      next: 'free some space, then try again',
    });
  }
}
