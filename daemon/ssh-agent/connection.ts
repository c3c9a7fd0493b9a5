// One client of the SSH agent (RFC 9987): lists keys, binds sessions, signs after a release; adds and removes nothing (spec/14-helpers.md §ssh-agent).
import { bindSession, purposeOf, type Session } from './purpose.ts';
import { concat, createFraming, createReader, isSame, SshError, string, u32 } from './wire.ts';

export interface ListedKey {
  readonly blob: Uint8Array;
  readonly comment: string;
}

export interface SshConnection {
  /** The answers to all messages that are whole now, in order. Throws SshError where the stream cannot go on. */
  take(chunk: Uint8Array): Promise<readonly Uint8Array[]>;
}

/** Throws where nothing is signed; the client hears FAILURE and no more. */
export type Sign = (key: ListedKey, data: Uint8Array, flags: number, purpose: string) => Promise<Uint8Array>;

export interface SshConnectionDeps {
  readonly keys: readonly ListedKey[];
  readonly sign: Sign;
  /** Told to the person who runs the agent: why nothing was signed. */
  readonly onRefused: (error: unknown) => void;
}

const failure = 5;
const success = 6;
const requestIdentities = 11;
const identitiesAnswer = 12;
const signRequest = 13;
const signResponse = 14;
const extension = 27;
const extensionFailure = 28;
const extensionResponse = 29;
const sessionBind = 'session-bind@openssh.com';

export function createSshConnection({ keys, sign, onRefused }: SshConnectionDeps): SshConnection {
  const frame = createFraming();
  let sessions: readonly Session[] = [];
  let poisoned: unknown;

  async function answer(message: Uint8Array): Promise<Uint8Array> {
    const reader = createReader(message);
    switch (reader.byte()) {
      case requestIdentities:
        reader.end();
        return concat(new Uint8Array([identitiesAnswer]), u32(keys.length), ...keys.flatMap(({ blob, comment }) => [string(blob), string(comment)]));
      case signRequest: {
        const [blob, data, flags] = [reader.bytes(), reader.bytes(), reader.u32()];
        reader.end();
        if (poisoned !== undefined) throw new SshError('unbound', 'this connection showed a host key that did not sign its session', { cause: poisoned });
        const key = keys.find((listed) => isSame(listed.blob, blob));
        if (key === undefined) throw new SshError('refused', 'a key that this agent does not have');
        return concat(new Uint8Array([signResponse]), string(await sign(key, data, flags, purposeOf(data, blob, sessions))));
      }
      case extension:
        return extend(reader.text(), reader.skip(reader.left));
      default:
        return bare(failure); // adding, removing, locking: keys come in through a person, and stay
    }
  }

  function extend(name: string, contents: Uint8Array): Uint8Array {
    if (name === 'query') return concat(new Uint8Array([extensionResponse]), string('query'), string(sessionBind));
    if (name !== sessionBind) return bare(extensionFailure);
    if (poisoned !== undefined) return bare(extensionFailure);
    try {
      sessions = bindSession(sessions, contents);
      return bare(success);
    } catch (error) {
      poisoned = error; // from here on the host could be anybody
      onRefused(error);
      return bare(extensionFailure);
    }
  }

  return {
    async take(chunk) {
      const answers: Uint8Array[] = [];
      for (const message of frame(chunk)) {
        const body = await answer(message).catch((error: unknown) => {
          onRefused(error);
          return bare(failure);
        });
        answers.push(string(body));
      }
      return answers;
    },
  };
}

function bare(type: number): Uint8Array {
  return new Uint8Array([type]);
}
