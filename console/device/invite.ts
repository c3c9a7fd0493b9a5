// The admin's side of a further device or person: link, commit, reveal, compare, both sign device.add (spec/11-enrolment.md §device).
import { toBase64Url, toHex, wipe } from '../../protocol/bytes.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { draftCodec as proposalCodec } from '../../protocol/draft.ts';
import { type DeviceInvite, deviceCommitment, formatInvite, shortAuthentication } from '../../protocol/enrolment.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { Hash, MemberId } from '../../protocol/hash.ts';
import { exportPrivateKey, generateSigner, keyIdOf } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import { type DeviceAdd, deviceAddCodec } from '../../protocol/org-log/bodies.ts';
import { adminThreshold } from '../../protocol/org-log/authority.ts';
import { type Proposed, encodeEntry, entryHash } from '../../protocol/org-log/entry.ts';
import { type OrgState, hasRole } from '../../protocol/org-log/state.ts';
import { sealTo } from '../../protocol/seal.ts';
import { encodeEnvelope, payloadTypeOf, preAuthEncode } from '../../protocol/sign.ts';
import { verifyText } from '../../protocol/text.ts';
import type { MailboxId } from '../../protocol/wire.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { newId } from '../../relay-client/org-log.ts';
import type { App, InviteSession } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';
import { appendSigned } from './entries.ts';
import type { Drafts } from './drafts.ts';
import { verifyAttestation, wantsAttestation } from './attestation.ts';
import { type DeviceSignature, createInviteChannel, draftCodec, revealBytesMax, revealCodec, signatureBodyCodec } from './invite-channel.ts';
import { type Session, myDevice, requireRole } from './session.ts';
import { unlock } from './unlock.ts';

type InviteInput = Parameters<App['invite']>[0];
type Codes = Awaited<InviteSession['codes']>;

const lifeMs = 60 * 60_000;
/** Commitments that one link takes, before codes are shown. */
const attemptsMax = 3;
const noAttempt = '00'.repeat(32) as Hash; // names no attempt

/** Whom the link is for, and what has to happen beside their device.add. */
interface Guest {
  readonly member: MemberId;
  /** This admin and the new device are enough. */
  readonly alone: boolean;
  /** By the same draft, before the device. */
  readonly added: readonly Proposed[];
}

export async function startInvite(session: Session, drafts: Drafts, input: InviteInput): Promise<InviteSession> {
  const { platform, client, log, me } = session;
  const { member, alone, added } = await guestFor(session, input);
  // The link's secret is the private key of a relay session that reads and posts, and ends by itself.
  const { signer, privateKey } = await generateSigner(true);
  const { head, checkpoint } = log.requireState();
  const invite: DeviceInvite = {
    org: me.org,
    head,
    member,
    joinId: toHex(platform.random(16)),
    secret: await exportPrivateKey(privateKey),
    mailbox: toHex(platform.random(32)) as MailboxId, // random, minted here
    relay: me.relay,
  };
  const expiresAt = platform.now() + lifeMs;
  await client.registerKey(signer.publicKey, 'guest', expiresAt);

  const channel = createInviteChannel({ client, platform, invite, side: 'admin', expiresAt });
  const stopping = new AbortController();
  const codes = Promise.withResolvers<Codes>();
  codes.promise.catch(() => undefined); // told by confirm() too
  let device: { readonly attempt: Hash; readonly facts: DeviceAdd } | undefined;
  let signed = Promise.withResolvers<DeviceSignature>();
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => undefined); // told by confirm()

  async function listen(): Promise<void> {
    let attempts = 0;
    let current: { readonly attempt: Hash; readonly nonce: Uint8Array } | undefined;
    for await (const { step, attempt, body } of channel.messages(stopping.signal)) {
      if (step === 'ended' && (attempt === noAttempt || attempt === current?.attempt)) throw new ConsoleError('E_INVITE_ENDED', 'the other side has stopped');
      if (step === 'commit' && !device) {
        check(++attempts <= attemptsMax, 'E_SAS', 'too many attempts with one link');
        current = { attempt, nonce: platform.random(32) };
        await channel.send('nonce', attempt, current.nonce);
      }
      if (step === 'reveal' && !device && current?.attempt === attempt) {
        const reveal = decode(revealCodec, body, revealBytesMax);
        check(deviceCommitment(reveal.device, reveal.nonce) === attempt, 'E_SAS', 'other keys than were committed to');
        const facts = decode(deviceAddCodec, reveal.device, 8_192);
        check(facts.member === member, 'E_SAS', 'a device for somebody else');
        verifyText(facts.name, limits.nameBytes);
        const { attestation: object, clientData: clientDataJSON } = reveal;
        await verifyAttestation(platform, log.requireState(), invite, facts, object && clientDataJSON ? { object, clientDataJSON } : undefined);
        device = { attempt, facts };
        codes.resolve(shortAuthentication(invite, attempt, reveal.device, current.nonce, reveal.nonce));
      }
      if (step === 'signed' && attempt === device?.attempt) signed.resolve(decode(signatureBodyCodec, body, 8_192));
    }
    throw new ConsoleError('E_INVITE_ENDED', 'the invitation was cancelled');
  }

  async function end(error: unknown): Promise<void> {
    stopping.abort();
    codes.reject(error);
    over.reject(error);
    wipe(invite.secret);
    await client.revokeKey(signer.keyId).catch(() => undefined); // it expires anyway
  }
  const ended = listen().catch(async (error: unknown) => {
    if (!stopping.signal.aborted) await channel.send('ended', noAttempt).catch(() => undefined);
    await end(error);
  });

  /** The answer of the device whose codes were compared. */
  async function ask(step: 'draft' | 'endorse', attempt: Hash, facts: DeviceAdd, payload: Uint8Array): Promise<DeviceSignature> {
    const { mkEpoch, org } = log.requireState();
    const mk = log.keys.get(mkEpoch);
    check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
    // To that device, not to whoever has the link: the key opens every name in the log.
    const sealedKey = await sealTo(facts.inboxKey, 'mk-wrap', org, [mkEpoch, facts.device], mk);
    signed = Promise.withResolvers<DeviceSignature>();
    await channel.send(step, attempt, encode(draftCodec, { epoch: mkEpoch, sealedKey, payload, checkpoint }));
    return Promise.race([signed.promise, over.promise]);
  }

  const attests = wantsAttestation(log.requireState()) ? '.attest' : '';
  return {
    link: `${platform.location.origin}/#invite=${formatInvite(invite)}.${toBase64Url(signer.publicKey)}${attests}`,
    codes: codes.promise,
    confirm: async () => {
      await codes.promise;
      if (!device) throw new ConsoleError('E_INVITE_ENDED', 'no device has answered');
      const { facts, attempt } = device;
      if (alone) await admit(session, facts, (payload) => ask('draft', attempt, facts, payload));
      else
        await drafts.introduce([...added, { type: 'device.add', body: facts }], '', async (draft) => ({
          keyId: keyIdOf('ES256', facts.sigKey),
          ...(await ask('endorse', attempt, facts, encode(proposalCodec, draft))),
        }));
      await channel.send(alone ? 'done' : 'proposed', attempt);
      stopping.abort();
      await ended;
      return alone ? 'done' : 'proposed';
    },
    cancel: () => {
      void channel
        .send('ended', device?.attempt ?? noAttempt)
        .catch(() => undefined)
        .finally(() => stopping.abort());
    },
  };
}

/**
 * Oneself, or another person: in the log by now where one admin is enough, else added with the device by one draft.
 * One who was added and never got a device is taken again.
 */
async function guestFor(session: Session, input: InviteInput): Promise<Guest> {
  const state = await session.log.sync();
  if ('ownDevice' in input) {
    const isAdmin = hasRole(state, session.me.member, 'admin');
    if (state.authenticators.attested) requireRole(session, state, 'admin'); // the proof is shown to whoever invites
    return { member: myDevice(session, state).member, alone: isAdmin, added: [] };
  }
  requireRole(session, state, 'admin');
  verifyText(input.memberName, limits.nameBytes);
  const alone = adminThreshold(state) === 1;
  const waiting = withoutDevice(state, input.memberName, input.roles);
  if (waiting) return { member: waiting, alone, added: [] };
  const member = newId<MemberId>(session.platform.random);
  const add: Proposed = { type: 'member.add', body: { member, name: input.memberName, roles: input.roles } };
  if (!alone) return { member, alone, added: [add] };
  await appendSigned(session, () => ({ draft: add }));
  return { member, alone, added: [] };
}

function withoutDevice(state: OrgState, name: string, roles: readonly string[]): MemberId | undefined {
  const hasDevice = (id: MemberId): boolean => [...state.devices.values()].some(({ member }) => member === id);
  return [...state.members.values()].find((member) => !member.removed && member.name === name && member.roles.join() === roles.join() && !hasDevice(member.id))
    ?.id;
}

/** One gesture of the admin, one of the new device, over the same entry; both again where the log has moved. */
async function admit(session: Session, facts: DeviceAdd, askDevice: (payload: Uint8Array) => Promise<DeviceSignature>): Promise<void> {
  for (let left = 3; ; left--) {
    try {
      await admitOnce(session, facts, askDevice);
      break;
    } catch (error) {
      if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_CONFLICT' || left === 1) throw error;
    }
  }
  await session.client.registerKey(facts.presenceKey, 'device');
}

async function admitOnce({ log, me, platform, keys }: Session, facts: DeviceAdd, askDevice: (payload: Uint8Array) => Promise<DeviceSignature>): Promise<void> {
  const state = await log.sync();
  const signers = [
    { kind: 'device', id: me.device },
    { kind: 'device', id: facts.device },
  ] as const;
  const payload = encodeEntry({ org: state.org, seq: state.head.seq + 1, prev: state.head.eh, ts: platform.now(), signers, type: 'device.add', body: facts });
  const payloadType = payloadTypeOf('entry');
  const mine = await unlock({ platform, keys, me }, entryHash(payload), async ({ sig, assertion }) => ({
    keyId: sig.keyId,
    signature: await sig.sign(preAuthEncode(payloadType, payload)),
    assertion,
  }));
  const theirs = await askDevice(payload);
  const envelope = encodeEnvelope({ payloadType, payload, signatures: [mine, { keyId: keyIdOf('ES256', facts.sigKey), ...theirs }] });
  const after = await log.append(envelope);
  if (!after.devices.has(facts.device)) throw new ProtocolError('E_UNKNOWN_ID', 'the device is not in the log');
}
