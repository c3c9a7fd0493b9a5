// Enrols this machine with a token; can be repeated with the same one until it is admitted (spec/11-enrolment.md §machine).
import { type JoinPacket, type JoinToken, fingerprintWords, joinMailbox, openJoinPacket, parseToken } from '../../protocol/enrolment.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { MachineId } from '../../protocol/hash.ts';
import { importSigner } from '../../protocol/keys.ts';
import { type Entry, encodeEntry, zeroHash } from '../../protocol/org-log/entry.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { Random } from '../../protocol/random.ts';
import { signEnvelope } from '../../protocol/sign.ts';
import { openAhead } from '../../relay-client/ahead.ts';
import { type Fetch, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import { type HeldLog, createMemoryStore } from '../../relay-client/log-store.ts';
import { newId, openOrgLog } from '../../relay-client/org-log.ts';
import type { Progress } from '../../relay-client/restore.ts';
import { DaemonError } from '../errors.ts';
import { type MachineIdentity, createMachine, loadMachine } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';

export interface JoinDeps {
  readonly keyPath: string;
  readonly selfUid: number;
  readonly store: DaemonStore;
  readonly now: () => number;
  readonly random: Random;
  readonly fetch: Fetch;
  readonly progress?: Progress;
  readonly onProblem?: (error: unknown) => void;
}

/** How often others may write to the log at the same moment. */
const attempts = 5;

/** `ahead`: what the log says as seen from its newest checkpoint, to show names; all of it is verified from genesis later, and counts only then. */
export interface Joined {
  readonly machine: MachineIdentity;
  readonly ahead?: OrgState;
}

/**
 * Resolves once machine.enrol is in the log. Nothing else works on the state meanwhile.
 * Keys that another token made are replaced: the caller knows that they are of no use. Throws expired, unreachable, error with the reason.
 */
export async function join(deps: JoinDeps, token: JoinToken, name: string): Promise<Joined> {
  for (let attempt = 1; ; attempt++) {
    const found = await loadMachine(deps.keyPath, deps.selfUid);
    const existing = found?.org === token.org && found.token === token.token ? found : undefined;
    try {
      return await enrol(deps, token, name, existing);
    } catch (error) {
      const isRace = error instanceof RelayClientError && error.code === 'E_RELAY_CONFLICT';
      if (!isRace || attempt === attempts) throw explainJoin(error);
    }
  }
}

// Nothing is kept before the log is known to have the token: then state first, keys second, and only then the world is told.
async function enrol(deps: JoinDeps, token: JoinToken, name: string, existing: MachineIdentity | undefined): Promise<Joined> {
  const tokenSigner = await importSigner(token.scalar, token.publicKey);
  const client = createRelayClient({ url: token.relay, org: token.org, signer: tokenSigner, fetch: deps.fetch, now: deps.now, random: deps.random });
  const { mails } = await client.readMail({ mailboxes: [joinMailbox(token)], after: 0, limit: 10 });
  const packet = mails[0] && (await openJoinPacket(token, mails[0].body));
  if (!packet) throw new ProtocolError('E_TOKEN_EXPIRED', 'the relay has nothing for this token');
  const openMkWrap = (): Promise<Uint8Array> =>
    Promise.reject(new ProtocolError('E_REVOKED', 'the organisation has changed its metadata key since the token was made'));
  const { pin } = packet;
  const about = { org: token.org, client, now: deps.now, random: deps.random, openMkWrap };
  const ahead = await openAhead({ ...about, ...(deps.onProblem ? { onProblem: deps.onProblem } : {}) }, packet, pin);
  const draft = createMemoryStore();
  const log = ahead ?? (await openOrgLog({ ...about, store: existing ? deps.store.log : draft, pin, ...(deps.progress ? { progress: deps.progress } : {}) }));
  if (!log.keys.has(packet.epoch)) log.addKey(packet.epoch, packet.mk);
  const state = await log.sync();
  const joined = (machine: MachineIdentity): Joined => ({ machine, ...(ahead ? { ahead: ahead.requireState() } : {}) });

  const issued = state.tokens.get(token.token);
  if (!issued) throw new ProtocolError('E_UNKNOWN_ID', 'the organisation’s log does not have this token');
  if (existing && state.machines.has(existing.machine)) return joined(existing); // enrolled before an interruption
  if (issued.usedBy !== undefined) throw new ProtocolError('E_TOKEN_USED', 'the token was used by another machine');
  if (deps.now() > issued.expiresAt) throw new ProtocolError('E_TOKEN_EXPIRED', 'the token has expired');
  const machine = existing ?? (await begin(deps, { ...token, name, pin }, ahead ? nothingHeld(packet) : heldIn(draft)));
  await client.registerKey(machine.sig.publicKey, 'machine');
  const entry: Entry = {
    type: 'machine.enrol',
    org: token.org,
    seq: state.head.seq + 1,
    prev: state.head.eh,
    ts: Math.max(deps.now(), state.ts),
    signers: [
      { kind: 'token', id: token.token },
      { kind: 'machine', id: machine.machine },
    ],
    body: {
      machine: machine.machine,
      token: token.token,
      name: machine.name,
      sigKey: machine.sig.publicKey,
      kemKey: machine.kem.publicKey,
      mailboxSeed: machine.mailboxSeed,
    },
  };
  await log.append(await signEnvelope('entry', encodeEntry(entry), [{ signer: tokenSigner }, { signer: machine.sig }]));
  return joined(machine);
}

type Begun = Pick<MachineIdentity, 'org' | 'token' | 'relay' | 'name' | 'pin'>;

// State without keys is taken over by the next join; keys without state are refused at the start, since their counters would go back.
async function begin({ store, keyPath, random }: JoinDeps, { org, token, relay, name, pin }: Begun, log: HeldLog): Promise<MachineIdentity> {
  const machine = newId<MachineId>(random);
  store.adopt(machine, log);
  return createMachine(keyPath, { org, machine, token, relay, name, pin }, random);
}

/** Everything is read and verified later: what was seen ahead is never stored. */
function nothingHeld({ epoch, mk }: JoinPacket): HeldLog {
  return { entries: [], cursor: { seq: -1, eh: zeroHash }, keys: new Map([[epoch, mk]]) };
}

function heldIn({ held }: { readonly held: HeldLog | undefined }): HeldLog {
  if (!held) throw new ProtocolError('E_LOG_STALE', 'the organisation’s log has not been read yet');
  return held;
}

/** Throws usage. */
export function readToken(text: string): JoinToken {
  try {
    return parseToken(text.trim());
  } catch (cause) {
    const next = 'copy it again from the console, under Machines';
    throw new DaemonError('usage', 'E_TOKEN_FORMAT', 'that is not a machine token, or it was copied incompletely', { cause, next });
  }
}

function explainJoin(error: unknown): unknown {
  const newToken = 'make a new token in the console, under Machines';
  if (error instanceof RelayClientError) {
    if (error.code === 'E_RELAY_AUTH' || error.code === 'E_RELAY_FORBIDDEN')
      return new DaemonError('expired', 'E_TOKEN_EXPIRED', 'the relay does not accept this token any more', { cause: error, next: newToken });
    const again = 'run the same stillvault join again';
    if (error.code === 'E_RELAY_CONFLICT')
      return new DaemonError('error', 'E_CHAIN', 'somebody else wrote to the log at the same moment', { cause: error, next: again });
    const next = `check the network, then ${again}`;
    return new DaemonError('unreachable', 'E_RELAY_UNREACHABLE', 'the relay that the token names cannot be reached', { cause: error, next });
  }
  if (!(error instanceof ProtocolError)) return error;
  const isOver = error.code === 'E_TOKEN_EXPIRED' || error.code === 'E_TOKEN_USED' || error.code === 'E_REVOKED';
  const next = isOver ? newToken : 'do not trust this relay or token; ask the admin who made it';
  return new DaemonError(isOver ? 'expired' : 'error', error.code, error.message.replace(/^E_[A-Z_]+: /, ''), { cause: error, next });
}

export function wordsOf(machine: MachineIdentity): string {
  return fingerprintWords(machine.org, machine.sig.publicKey, machine.kem.publicKey);
}

/** `ready` once an admin has admitted this machine. */
export function admission(state: OrgState | undefined, machine: MachineIdentity): 'awaiting_admission' | 'ready' | 'revoked' {
  const status = state?.machines.get(machine.machine)?.status;
  return status === 'active' ? 'ready' : status === 'revoked' ? 'revoked' : 'awaiting_admission';
}
