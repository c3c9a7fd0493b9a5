// The new device's side of an invitation: commits before it sees anything, verifies the log from its first entry, signs its own admission (spec/11-enrolment.md §device).
import { equalBytes, fromBase64Url, fromHex } from '../../protocol/bytes.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { type DeviceInvite, deviceCommitment, parseInvite, shortAuthentication } from '../../protocol/enrolment.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { Hash } from '../../protocol/hash.ts';
import { importSigner } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import { deviceAddCodec } from '../../protocol/org-log/bodies.ts';
import { entryHash, parseEntry } from '../../protocol/org-log/entry.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { kemKeyFrom } from '../../protocol/seal.ts';
import { payloadTypeOf, preAuthEncode } from '../../protocol/sign.ts';
import { verifyText } from '../../protocol/text.ts';
import { type RelayClient, RelayClientError, createRelayClient } from '../../relay-client/client.ts';
import { createMemoryStore } from '../../relay-client/log-store.ts';
import { type OrgLog, openOrgLog } from '../../relay-client/org-log.ts';
import type { InviteSession } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { Platform } from '../platform/platform.ts';
import { type MadeDevice, makeDevice } from './enrol.ts';
import { type Draft, type InviteMessage, type InviteStep, createInviteChannel, draftCodec, revealCodec, signatureBodyCodec } from './invite-channel.ts';
import { type Session, completeStart, openSession } from './session.ts';
import { type StoredDevice, deviceRecord, encodeDevice } from './stored-device.ts';

export interface Joining {
  readonly invite: InviteSession;
  /** The opened device, once the log has it. */
  readonly joined: Promise<Session>;
}

/** Two gestures now, one at confirm(). Nothing is stored before the codes were confirmed. */
export async function startJoin(platform: Platform, link: string, deviceName: string): Promise<Joining> {
  verifyText(deviceName, limits.nameBytes);
  await platform.authenticator.checkSupport();
  const { invite, publicKey } = parseLink(link);
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
    { member: invite.member, deviceName, rpName: 'Stillvault', userName: deviceName, rpId: platform.location.hostname },
    () => undefined,
  );
  const device = encode(deviceAddCodec, made.facts);
  const nonce = platform.random(32);
  const attempt = deviceCommitment(device, nonce);

  const channel = createInviteChannel({ client, platform, invite, side: 'device' });
  const stopping = new AbortController();
  const messages = channel.messages(stopping.signal);
  const codes = exchange();
  codes.catch(() => undefined); // told by confirm() too
  const joined = Promise.withResolvers<Session>();
  joined.promise.catch(() => undefined);

  async function exchange(): Promise<Awaited<InviteSession['codes']>> {
    await channel.send('commit', attempt);
    const { body: adminNonce } = await next(messages, attempt, ['nonce']);
    check(adminNonce.length === 32, 'E_SAS', 'not a nonce');
    await channel.send('reveal', attempt, encode(revealCodec, { device, nonce }));
    return shortAuthentication(invite, attempt, device, adminNonce, nonce);
  }

  async function confirm(): Promise<StoredDevice> {
    await codes;
    const inboxKey = await kemKeyFrom(made.stored.inboxSeed.slice());
    for (let mine: StoredDevice | undefined; ;) {
      const { step, body } = await next(messages, attempt, ['draft', 'done']);
      if (step === 'done') {
        check(mine !== undefined, 'E_SIGNERS', 'admitted without its own signature');
        return mine;
      }
      const draft = decode(draftCodec, body, 32_768);
      const mk = await inboxKey.open('mk-wrap', invite.org, [draft.epoch, made.facts.device], draft.sealedKey);
      const eh = await verifyDraft(platform, client, invite, { ...draft, mk }, made, device);
      const { assertion, sealedKeys } = await made.confirm(invite.org, fromHex(eh));
      mine = { ...made.stored, status: 'joining', org: invite.org, relay: client.url, sealedKeys, start: { epoch: draft.epoch, mk } };
      // Before the signature leaves: once the log has this device, this browser must be it.
      await platform.storage.begin(made.keys, new Map([[deviceRecord, encodeDevice(mine)]]));
      const signature = await made.sig.sign(preAuthEncode(payloadTypeOf('entry'), draft.payload));
      await channel.send('signed', attempt, encode(signatureBodyCodec, { signature, assertion }));
    }
  }

  return {
    joined: joined.promise,
    invite: {
      codes,
      confirm: async () => {
        try {
          const mine = await confirm();
          joined.resolve(await completeStart(await openSession(platform, made.keys, mine)));
        } catch (error) {
          joined.reject(error);
          throw error;
        } finally {
          made.discard();
          stopping.abort();
        }
      },
      cancel: () => {
        made.discard();
        void channel
          .send('ended', attempt)
          .catch(() => undefined)
          .finally(() => stopping.abort());
      },
    },
  };
}

function parseLink(link: string): { readonly invite: DeviceInvite; readonly publicKey: Uint8Array } {
  const [text = '', key = ''] = (link.trim().split('#invite=').at(-1) ?? '').split('.');
  const invite = parseInvite(text);
  try {
    return { invite, publicKey: fromBase64Url(key) };
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

/** The whole log from its first entry, through the head of the link, and the draft as its next entry, about this device and nothing else. */
async function verifyDraft(
  platform: Platform,
  client: RelayClient,
  invite: DeviceInvite,
  draft: OpenedDraft,
  made: MadeDevice,
  device: Uint8Array,
): Promise<Hash> {
  const log = await readLog(platform, client, invite, draft);
  const state = log.requireState();
  check(log.history(invite.head.seq) === invite.head.eh, 'E_FORK', 'the log is not the one of the invitation');
  const entry = parseEntry(draft.payload);
  check(entry.type === 'device.add' && equalBytes(encode(deviceAddCodec, entry.body), device), 'E_SAS', 'other keys than this device made');
  check(entry.org === state.org && entry.seq === state.head.seq + 1 && entry.prev === state.head.eh, 'E_CHAIN', 'not the next entry of the log');
  check(entry.signers.length === 2 && entry.signers[1]?.id === made.facts.device, 'E_SIGNERS', 'other signers');
  verifyHere(platform, state);
  return entryHash(draft.payload);
}

async function readLog(platform: Platform, client: RelayClient, invite: DeviceInvite, { epoch, mk }: OpenedDraft): Promise<OrgLog> {
  const closed = (): never => {
    throw new ProtocolError('E_MK_EPOCH', 'a newer metadata key than the invitation gave');
  };
  const log = await openOrgLog({ org: invite.org, client, store: createMemoryStore(), now: platform.now, random: platform.random, openMkWrap: closed });
  log.addKey(epoch, mk);
  await log.sync();
  return log;
}

// A passkey of another address would be refused by everybody later.
function verifyHere({ location }: Platform, state: OrgState): void {
  check(state.origins.includes(location.origin) && state.rpIds.includes(location.hostname), 'E_WEBAUTHN', 'the organisation does not use this address');
}
