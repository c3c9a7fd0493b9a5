// Enrols this machine with a token; can be repeated with the same one until it is admitted (spec/11-enrolment.md §machine).
import { type JoinToken, fingerprintWords, joinMailbox, openJoinPacket, parseToken } from '../../protocol/enrolment.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { MachineId } from '../../protocol/hash.ts';
import { importSigner } from '../../protocol/keys.ts';
import type { JoinAsk } from '../../protocol/local-api.ts';
import { type Entry, encodeEntry } from '../../protocol/org-log/entry.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import type { Random } from '../../protocol/random.ts';
import { signEnvelope } from '../../protocol/sign.ts';
import { type Fetch, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import { newId, openOrgLog } from '../../relay-client/org-log.ts';
import { DaemonError } from '../errors.ts';
import { type MachineIdentity, createMachine, loadMachine } from '../vault/machine-key.ts';
import type { DaemonStore } from '../vault/store.ts';

export interface JoinDeps {
  readonly keyPath: string;
  readonly selfUid: number;
  readonly store: DaemonStore;
  readonly hostname: string;
  readonly now: () => number;
  readonly random: Random;
  readonly fetch: Fetch;
}

/** Resolves with the identity once machine.enrol is in the log. Throws usage, expired, unreachable, not_enrolled with the reason. */
export async function join(deps: JoinDeps, ask: JoinAsk): Promise<MachineIdentity> {
  const token = parse(ask.token);
  const existing = await loadMachine(deps.keyPath, deps.selfUid);
  if (existing && (existing.org !== token.org || existing.token !== token.token)) {
    throw new DaemonError('usage', 'E_TOKEN_SCOPE', 'this machine has keys from another token', { next: 'stillvault status; to start over, revoke this machine in the console and move its state folder away' });
  }
  try {
    return await enrol(deps, ask, token, existing);
  } catch (error) {
    throw explainJoin(error);
  }
}

async function enrol(deps: JoinDeps, ask: JoinAsk, token: JoinToken, existing: MachineIdentity | undefined): Promise<MachineIdentity> {
  const tokenSigner = await importSigner(token.scalar, token.publicKey);
  const client = createRelayClient({ url: token.relay, org: token.org, signer: tokenSigner, fetch: deps.fetch, now: deps.now, random: deps.random });
  const { mails } = await client.readMail({ mailboxes: [joinMailbox(token)], after: 0, limit: 10 });
  const packet = mails[0] && (await openJoinPacket(token, mails[0].body));
  if (!packet) throw new ProtocolError('E_TOKEN_EXPIRED', 'the relay has nothing for this token');
  const log = await openOrgLog({ org: token.org, client, store: deps.store.log, now: deps.now, random: deps.random, openMkWrap: () => Promise.reject(new ProtocolError('E_MK_EPOCH', 'the key changed while joining')) });
  log.addKey(packet.epoch, packet.mk);
  const state = await log.sync();

  const issued = state.tokens.get(token.token);
  if (!issued) throw new ProtocolError('E_UNKNOWN_ID', 'the organisation’s log does not have this token');
  const name = ask.name ?? deps.hostname;
  const machine = existing ?? (await createMachine(deps.keyPath, { org: token.org, machine: newId<MachineId>(deps.random), token: token.token, relay: token.relay, name }, deps.random));
  await client.registerKey(machine.sig.publicKey, 'machine');
  if (state.machines.has(machine.machine)) return machine; // enrolled before an interruption
  if (issued.usedBy !== undefined) throw new ProtocolError('E_TOKEN_USED', 'the token was used by another machine');
  if (deps.now() > issued.expiresAt) throw new ProtocolError('E_TOKEN_EXPIRED', 'the token has expired');
  const entry: Entry = {
    type: 'machine.enrol', org: token.org, seq: state.head.seq + 1, prev: state.head.eh, ts: Math.max(deps.now(), state.ts), signers: [{ kind: 'token', id: token.token }, { kind: 'machine', id: machine.machine }],
    body: { machine: machine.machine, token: token.token, name: machine.name, sigKey: machine.sig.publicKey, kemKey: machine.kem.publicKey, mailboxSeed: machine.mailboxSeed },
  };
  await log.append(await signEnvelope('entry', encodeEntry(entry), [{ signer: tokenSigner }, { signer: machine.sig }]));
  return machine;
}

function parse(text: string): JoinToken {
  try {
    return parseToken(text.trim());
  } catch (cause) {
    throw new DaemonError('usage', 'E_TOKEN_FORMAT', 'that is not a machine token, or it was copied incompletely', { cause, next: 'copy it again from the console, under Machines' });
  }
}

function explainJoin(error: unknown): unknown {
  if (error instanceof RelayClientError) {
    if (error.code === 'E_RELAY_AUTH' || error.code === 'E_RELAY_FORBIDDEN') return new DaemonError('expired', 'E_TOKEN_EXPIRED', 'the relay does not accept this token any more', { cause: error, next: 'make a new token in the console, under Machines' });
    if (error.code === 'E_RELAY_CONFLICT') return new DaemonError('error', 'E_CHAIN', 'somebody else wrote to the log at the same moment', { cause: error, next: 'run the same stillvault join again' });
    return new DaemonError('unreachable', 'E_RELAY_UNREACHABLE', 'the relay that the token names cannot be reached', { cause: error, next: 'check the network, then run the same stillvault join again' });
  }
  if (!(error instanceof ProtocolError)) return error;
  const expired = error.code === 'E_TOKEN_EXPIRED' || error.code === 'E_TOKEN_USED';
  return new DaemonError(expired ? 'expired' : 'error', error.code, error.message.replace(/^E_[A-Z_]+: /, ''), { cause: error, next: expired ? 'make a new token in the console, under Machines' : 'do not trust this relay or token; ask the admin who made it' });
}

export function wordsOf(machine: MachineIdentity): string {
  return fingerprintWords(machine.org, machine.sig.publicKey, machine.kem.publicKey);
}

/** `ready` once an admin has admitted this machine. */
export function admission(state: OrgState | undefined, machine: MachineIdentity): 'awaiting_admission' | 'ready' | 'revoked' {
  const status = state?.machines.get(machine.machine)?.status;
  return status === 'active' ? 'ready' : status === 'revoked' ? 'revoked' : 'awaiting_admission';
}
