// POST /v1/ssh-agent: an SSH agent inside the daemon (spec/14-helpers.md §ssh-agent). Who asks is the process that connected to the agent, as the
// kernel tells; each signature is a release to the daemon itself, and no key leaves it.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { dirname, isAbsolute } from 'node:path';
import type { ReleaseEvent, SshAgentAsk, SshAgentEvent, SshAgentKey } from '../../protocol/local-api.ts';
import { DaemonError, failureOf } from '../errors.ts';
import { bounds } from '../intake/bounds.ts';
import { type Ask, descriptorOf } from '../intake/connection.ts';
import type { Observation } from '../intake/observe.ts';
import type { Observer } from '../intake/observer.ts';
import type { Peer } from '../intake/peer.ts';
import { listen, removeStale } from '../intake/server.ts';
import { ensurePrivateFolder, statePathRefused } from '../intake/state-path.ts';
import { type DeskDeps, release } from '../requests/desk.ts';
import { createSshConnection, type ListedKey } from './connection.ts';
import { parsePrivateKey, signWith } from './private-key.ts';
import { parseLine } from './public-key.ts';
import { isSame, SshError } from './wire.ts';

interface AgentKey extends ListedKey {
  readonly ask: SshAgentKey;
}

/** `desk` is looked up anew for each signature, since the machine can enrol anew. Ends when the asker leaves. Throws E_STATE_PATH, E_DAEMON_RUNNING, E_ASK. */
export async function serveSshAgent(desk: () => DeskDeps, outer: Ask, wanted: SshAgentAsk): Promise<void> {
  const { observer } = desk();
  if (outer.peer.via !== 'socket' || outer.peer.uid !== observer.selfUid)
    throw new DaemonError('policy_forbids', 'E_PEER_UID', 'an agent is served for the daemon’s own user only');
  const keys = wanted.keys.map((ask): AgentKey => ({ ...readLine(ask), ask }));
  const open = new Set<Socket>();
  const server = await openSocket(wanted.socket, observer.selfUid, (socket) => accept({ desk, observer }, outer, keys, open, socket));
  try {
    tell(outer, { event: 'serving', socket: wanted.socket });
    await new Promise<void>((resolve) => (outer.signal.aborted ? resolve() : outer.signal.addEventListener('abort', () => resolve(), { once: true })));
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
    unlinkIfSocket(wanted.socket);
    outer.reply.end();
  }
}

async function openSocket(path: string, selfUid: number, serve: (socket: Socket) => void): Promise<Server> {
  if (!isAbsolute(path) || Buffer.byteLength(path) > bounds.socketPathBytes)
    throw statePathRefused('the socket', 'needs an absolute path of at most 103 bytes', 'choose another --socket');
  const folder = dirname(path);
  const found = lstatSync(folder, { throwIfNoEntry: false });
  // ensurePrivateFolder would narrow a folder that is used for other things.
  if (found !== undefined && (found.mode & 0o077) !== 0)
    throw statePathRefused(folder, 'is open to others', `choose another --socket, or: chmod 700 ${folder}`);
  ensurePrivateFolder(folder, selfUid);
  await removeStale(path, selfUid);
  const server = await listen(serve, { path });
  chmodSync(path, 0o600);
  return server;
}

interface Deps {
  readonly desk: () => DeskDeps;
  readonly observer: Observer;
}

function accept(deps: Deps, outer: Ask, keys: readonly AgentKey[], open: Set<Socket>, socket: Socket): void {
  socket.on('error', () => socket.destroy());
  if (open.size >= bounds.connections) return void socket.destroy();
  let peer: Peer;
  try {
    peer = deps.observer.socketPeer(descriptorOf(socket), [deps.observer.selfUid]); // now: later the peer may be gone
  } catch (error) {
    tellRefused(outer, '', error);
    return void socket.destroy();
  }
  open.add(socket);
  const gone = new AbortController();
  socket.on('close', () => {
    open.delete(socket);
    gone.abort();
    peer.process?.pidfd[Symbol.dispose]();
  });
  const asker = createAsker(deps, outer, peer, gone.signal);
  const connection = createSshConnection({
    keys,
    onRefused: (error) => (error instanceof SshError ? tellRefused(outer, '', error) : undefined), // the others were told where they happened
    sign: async (listed, data, flags, purpose) => {
      const key = keys.find(({ blob }) => isSame(blob, listed.blob));
      if (key === undefined) throw new SshError('refused', 'a key that this agent does not have');
      return asker.sign(key, data, flags, purpose);
    },
  });
  let turn = Promise.resolve(); // one answer after the other, as the protocol wants
  socket.on('data', (chunk: Buffer) => {
    turn = turn.then(async () => {
      for (const answer of await connection.take(chunk)) socket.write(answer);
    });
    turn.catch(() => socket.destroy());
  });
}

interface Asker {
  sign(key: AgentKey, data: Uint8Array, flags: number, purpose: string): Promise<Uint8Array>;
}

/** Asks in the name of the process at the other end of the agent's socket. */
function createAsker({ desk, observer }: Deps, outer: Ask, peer: Peer, signal: AbortSignal): Asker {
  let observation: Promise<Observation> | undefined;
  const observe = async (): Promise<Observation> => {
    if (observation === undefined) return (observation = observer.observe(peer));
    const seen = await observation;
    if (seen.identity !== undefined) await observer.verifySame(seen.identity);
    return seen;
  };

  async function released({ ask: key }: AgentKey, purpose: string): Promise<Extract<ReleaseEvent, { event: 'released' }>> {
    let last: ReleaseEvent | undefined;
    const onEvent = (event: ReleaseEvent): void => {
      last = event;
      if (event.event === 'waiting') tell(outer, { event: 'asking', path: key.path, purpose, code: event.code, approvers: event.approvers });
    };
    const inner: Ask = {
      peer,
      method: outer.method,
      path: outer.path,
      query: outer.query,
      signal,
      reply: {
        json: (value) => onEvent(value as ReleaseEvent), // what the desk says
        event: (value) => onEvent(value as ReleaseEvent), // as above
        end: () => undefined,
        drained: () => Promise.resolve(),
      },
      body: async () => Promise.reject(new Error('an agent has no body')),
      observe,
      countAsk: outer.countAsk, // all signatures of one agent count together
    };
    const { path, field, lease, timeoutS } = key;
    await release(desk(), inner, {
      items: [{ path, ...(field === undefined ? {} : { field }) }],
      reason: purpose,
      agent: 'ssh-agent',
      ...(lease === undefined ? {} : { lease }),
      ...(timeoutS === undefined ? {} : { timeoutS }),
    });
    if (last?.event !== 'released') throw new Error('a release without an outcome');
    return last;
  }

  return {
    async sign(key, data, flags, purpose) {
      try {
        const { values, approved_by } = await released(key, purpose);
        const signature = signOnce(values, key, data, flags);
        tell(outer, { event: 'signed', path: key.ask.path, purpose, approved_by });
        return signature;
      } catch (error) {
        tellRefused(outer, purpose, error, key.ask.path);
        throw error instanceof SshError ? new Error('told already', { cause: error }) : error;
      }
    },
  };
}

/** The key exists for this call only; the text that the desk gave lives until the engine has collected it. */
function signOnce(values: Extract<ReleaseEvent, { event: 'released' }>['values'], { blob }: AgentKey, data: Uint8Array, flags: number): Uint8Array {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0) throw new SshError('unsupported', 'the secret has several fields: map the one that holds the private key');
  const bytes = Buffer.from(value.value, 'base64');
  try {
    const key = parsePrivateKey(bytes);
    if (!isSame(key.blob, blob)) throw new SshError('refused', 'the secret holds another key than its public half says');
    return signWith(key, data, flags);
  } finally {
    bytes.fill(0);
  }
}

function readLine({ public: line }: SshAgentKey): ListedKey {
  try {
    return parseLine(line);
  } catch (cause) {
    throw new DaemonError('usage', 'E_ASK', 'keys: not a line of a public key file', { cause });
  }
}

function tell(outer: Ask, event: SshAgentEvent): void {
  outer.reply.event(event);
}

function tellRefused(outer: Ask, purpose: string, error: unknown, path?: string): void {
  const known = error instanceof SshError ? { code: 'policy_forbids' as const, message: error.message } : failureOf(error).error;
  tell(outer, { event: 'refused', ...(path === undefined ? {} : { path }), purpose, code: known.code, message: known.message });
}

function unlinkIfSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
}
