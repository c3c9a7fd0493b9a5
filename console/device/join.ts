// The new device's side of an invitation: commits before it sees anything, verifies the log from its first entry, signs its own admission (spec/11-enrolment.md §device).
import { equalBytes, fromBase64Url, fromHex } from '../../protocol/bytes.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { type DeviceInvite, deviceCommitment, parseInvite, shortAuthentication } from '../../protocol/enrolment.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { Hash } from '../../protocol/hash.ts';
import { importSigner } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import { deviceAddCodec } from '../../protocol/org-log/bodies.ts';
import type { Pin } from '../../protocol/org-log/pin.ts';
import { type Proposed, entryHash, parseEntry } from '../../protocol/org-log/entry.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { kemKeyFrom } from '../../protocol/seal.ts';
import { payloadTypeOf, preAuthEncode } from '../../protocol/sign.ts';
import { verifyText } from '../../protocol/text.ts';
import { openAhead } from '../../relay-client/ahead.ts';
import { type RelayClient, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import { createMemoryStore } from '../../relay-client/log-store.ts';
import { type OrgLog, openOrgLog } from '../../relay-client/org-log.ts';
import type { InviteSession } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { Platform } from '../platform/platform.ts';
import { type MadeDevice, makeDevice } from './enrol.ts';
import { type Draft, type InviteMessage, type InviteStep, createInviteChannel, draftCodec, revealCodec, signatureBodyCodec } from './invite-channel.ts';
import { attestationChallenge } from '../../protocol/attestation.ts';
import { draftCodec as proposalCodec, endorse, intentOf } from '../../protocol/draft.ts';
import { type Intent, intentHash } from '../../protocol/org-log/draft.ts';
import { type Session, completeStart, openSession } from './session.ts';
import { type StoredDevice, deviceRecord, encodeDevice } from './stored-device.ts';

export interface Joining extends Omit<InviteSession, 'confirm'> {
  /** The opened device once the log has it; nothing where more admins must agree: it is stored, and waits. */
  confirm(): Promise<Session | undefined>;
}

/** Two gestures now, one at confirm(). Nothing is stored before the codes were confirmed. */
export async function startJoin(platform: Platform, link: string, deviceName: string): Promise<Joining> {
  verifyText(deviceName, limits.nameBytes);
  await platform.authenticator.checkSupport();
  const { invite, publicKey, attests } = parseLink(link);
  const client = createRelayClient({
    url: invite.relay,
    org: invite.org,
    signer: await importSigner(invite.secret, publicKey),
    fetch: platform.fetch,
    now: platform.now,
    random: platform.random,
  });
  await client.session().catch((error: unknown) => {
    throw error instanceof RelayClientError && error.code === 'E_RELAY_AUTH'
      ? new ConsoleError('E_INVITE_ENDED', 'the relay does not know this invitation, or it has expired', { cause: error })
      : error;
  });
  const made = await makeDevice(
    platform,
    {
      member: invite.member,
      deviceName,
      rpName: 'Stillvault',
      userName: deviceName,
      rpId: platform.location.hostname,
      ...(attests ? { attest: attestationChallenge(invite) } : {}),
    },
    () => undefined,
  );
  const device = encode(deviceAddCodec, made.facts);
  const { object, clientDataJSON } = made.attestation;
  const nonce = platform.random(32);
  const attempt = deviceCommitment(device, nonce);

  const channel = createInviteChannel({ client, platform, invite, side: 'device' });
  const stopping = new AbortController();
  const messages = channel.messages(stopping.signal);
  const codes = exchange();
  codes.catch(() => undefined); // told by confirm() too

  async function exchange(): Promise<Awaited<InviteSession['codes']>> {
    await channel.send('commit', attempt);
    const { body: adminNonce } = await next(messages, attempt, ['nonce']);
    check(adminNonce.length === 32, 'E_SAS', 'not a nonce');
    await channel.send('reveal', attempt, encode(revealCodec, { device, nonce, ...(attests ? { attestation: object, clientData: clientDataJSON } : {}) }));
    return shortAuthentication(invite, attempt, device, adminNonce, nonce);
  }

  /** Answers what the admin's device asks to have signed, until it says how it ended. */
  async function confirm(): Promise<Session | undefined> {
    await codes;
    const inboxKey = await kemKeyFrom(made.stored.inboxSeed.slice());
    for (let mine: StoredDevice | undefined; ;) {
      const { step, body } = await next(messages, attempt, ['draft', 'endorse', 'done', 'proposed']);
      if (step === 'done' || step === 'proposed') {
        check(mine !== undefined, 'E_SIGNERS', 'admitted without its own signature');
        return step === 'done' ? completeStart(await openSession(platform, made.keys, mine)) : undefined;
      }
      const draft = decode(draftCodec, body, 32_768);
      const mk = await inboxKey.open('mk-wrap', invite.org, [draft.epoch, made.facts.device], draft.sealedKey);
      const pin = { ...invite.head, checkpoint: draft.checkpoint };
      const log = await readLog(platform, client, invite, { ...draft, mk }, pin);
      const asked: Asked = { invite, state: log.requireState(), made, device, payload: draft.payload };
      check(log.history(invite.head.seq) === invite.head.eh, 'E_FORK', 'the log is not the one of the invitation');
      verifyHere(platform, asked.state);
      const intent = step === 'endorse' ? verifyProposal(asked, platform.now()) : undefined;
      const { assertion, sealedKeys } = await made.confirm(invite.org, fromHex(intent ? intentHash(intent) : verifyEntryDraft(asked)));
      mine = { ...made.stored, status: 'joining', org: invite.org, relay: client.url, sealedKeys, start: { epoch: draft.epoch, mk }, pin };
      // Before the signature leaves: once the log has this device, this browser must be it.
      await platform.storage.begin(made.keys, new Map([[deviceRecord, encodeDevice(mine)]]));
      const signature = intent
        ? (await endorse(intent, { signer: made.sig, assertion })).signature
        : await made.sig.sign(preAuthEncode(payloadTypeOf('entry'), draft.payload));
      await channel.send('signed', attempt, encode(signatureBodyCodec, { signature, assertion }));
    }
  }

  return {
    codes,
    confirm: () =>
      confirm().finally(() => {
        made.discard();
        stopping.abort();
      }),
    cancel: () => {
      made.discard();
      void channel
        .send('ended', attempt)
        .catch(() => undefined)
        .finally(() => stopping.abort());
    },
  };
}

function parseLink(link: string): { readonly invite: DeviceInvite; readonly publicKey: Uint8Array; readonly attests: boolean } {
  const [text = '', key = '', more] = (link.trim().split('#invite=').at(-1) ?? '').split('.');
  const invite = parseInvite(text);
  try {
    check(more === undefined || more === 'attest', 'E_TOKEN_FORMAT', 'not an invitation link');
    return { invite, publicKey: fromBase64Url(key), attests: more === 'attest' };
  } catch (cause) {
    throw new ProtocolError('E_TOKEN_FORMAT', 'not an invitation link', { cause });
  }
}

async function next(messages: AsyncGenerator<InviteMessage, void>, attempt: Hash, wanted: readonly InviteStep[]): Promise<InviteMessage> {
  for (;;) {
    const { value, done } = await messages.next();
    if (done === true) throw new ConsoleError('E_INVITE_ENDED', 'the invitation was cancelled');
    if (value.step === 'ended') throw new ConsoleError('E_INVITE_ENDED', 'the other side has stopped');
    if (value.attempt === attempt && wanted.includes(value.step)) return value;
  }
}

interface OpenedDraft extends Draft {
  readonly mk: Uint8Array;
}
/** What the admin's device wants signed, beside what this device knows for itself. */
interface Asked {
  readonly invite: DeviceInvite;
  readonly state: OrgState;
  readonly made: MadeDevice;
  readonly device: Uint8Array;
  readonly payload: Uint8Array;
}

/** The next entry of the log, about this device and nothing else. */
function verifyEntryDraft({ state, made, device, payload }: Asked): Hash {
  const entry = parseEntry(payload);
  verifyOwn(entry, device);
  check(entry.org === state.org && entry.seq === state.head.seq + 1 && entry.prev === state.head.eh, 'E_CHAIN', 'not the next entry of the log');
  check(entry.signers.length === 2 && entry.signers[1]?.id === made.facts.device, 'E_SIGNERS', 'other signers');
  return entryHash(payload);
}

/** What the admins are to agree to: this device, before it at most its own member, on the authority of now. */
function verifyProposal({ invite, state, device, payload }: Asked, now: number): Intent {
  const draft = decode(proposalCodec, payload, limits.draftBytes);
  const own = draft.items.at(-1);
  check(own !== undefined, 'E_SAS', 'nothing about this device');
  verifyOwn(own, device);
  const before = draft.items.slice(0, -1);
  const isMine = before.every((item) => item.type === 'member.add' && item.body.member === invite.member);
  check(isMine && before.length === (state.members.has(invite.member) ? 0 : 1), 'E_SAS', 'something else beside this device');
  check(
    draft.authority === state.authority && draft.expiresAt <= now + limits.draftLifeMs + limits.clockSkewMs,
    'E_DRAFT',
    'an old draft, or one that lives too long',
  );
  return intentOf(state.org, draft);
}

function verifyOwn(item: Proposed, device: Uint8Array): void {
  check(item.type === 'device.add' && equalBytes(encode(deviceAddCodec, item.body), device), 'E_SAS', 'other keys than this device made');
}

/** As far as this device needs it to place its own signature; all is verified once it is in. */
async function readLog(platform: Platform, client: RelayClient, invite: DeviceInvite, { epoch, mk }: OpenedDraft, pin: Pin): Promise<OrgLog> {
  const closed = (): never => {
    throw new ProtocolError('E_MK_EPOCH', 'a newer metadata key than the invitation gave');
  };
  const about = { org: invite.org, client, now: platform.now, random: platform.random, openMkWrap: closed };
  const ahead = await openAhead(about, { epoch, mk }, pin);
  if (ahead) return ahead;
  const log = await openOrgLog({ ...about, store: createMemoryStore(), pin });
  log.addKey(epoch, mk);
  await log.sync();
  return log;
}

// A passkey of another address would be refused by everybody later.
export function verifyHere({ location }: Platform, state: OrgState): void {
  check(state.origins.includes(location.origin) && state.rpIds.includes(location.hostname), 'E_WEBAUTHN', 'the organisation does not use this address');
}
