// The admin's side of a further device or person: link, commit, reveal, compare, both sign device.add (spec/11-enrolment.md §device).
import { toBase64Url, toHex, wipe } from '../../protocol/bytes.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { type DeviceInvite, deviceCommitment, formatInvite, shortAuthentication } from '../../protocol/enrolment.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { Hash, MemberId } from '../../protocol/hash.ts';
import { exportPrivateKey, generateSigner, keyIdOf } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import { type DeviceAdd, deviceAddCodec } from '../../protocol/org-log/bodies.ts';
import { encodeEntry, entryHash } from '../../protocol/org-log/entry.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { sealTo } from '../../protocol/seal.ts';
import { encodeEnvelope, payloadTypeOf, preAuthEncode } from '../../protocol/sign.ts';
import { verifyText } from '../../protocol/text.ts';
import type { MailboxId } from '../../protocol/wire.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { newId } from '../../relay-client/org-log.ts';
import type { App, InviteSession } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';
import { appendSigned } from './entries.ts';
import { type DeviceSignature, type Draft, createInviteChannel, draftCodec, revealCodec, signatureBodyCodec } from './invite-channel.ts';
import { type Session, requireRole } from './session.ts';
import { unlock } from './unlock.ts';

type InviteInput = Parameters<App['invite']>[0];
type Codes = Awaited<InviteSession['codes']>;

const lifeMs = 60 * 60_000;
/** Commitments that one link takes, before codes are shown. */
const attemptsMax = 3;
const noAttempt = '00'.repeat(32) as Hash; // names no attempt

export async function startInvite(session: Session, input: InviteInput): Promise<InviteSession> {
  const { platform, client, log, me } = session;
  const member = await memberFor(session, input);
  // The link's secret is the private key of a relay session that reads and posts, and ends by itself.
  const { signer, privateKey } = await generateSigner(true);
  const invite: DeviceInvite = {
    org: me.org,
    head: log.requireState().head,
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
        const reveal = decode(revealCodec, body, 16_384);
        check(deviceCommitment(reveal.device, reveal.nonce) === attempt, 'E_SAS', 'other keys than were committed to');
        device = { attempt, facts: decode(deviceAddCodec, reveal.device, 8_192) };
        check(device.facts.member === member, 'E_SAS', 'a device for somebody else');
        verifyText(device.facts.name, limits.nameBytes);
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

  return {
    link: `${platform.location.origin}/#invite=${formatInvite(invite)}.${toBase64Url(signer.publicKey)}`,
    codes: codes.promise,
    confirm: async () => {
      await codes.promise;
      if (!device) throw new ConsoleError('E_INVITE_ENDED', 'no device has answered');
      const { facts, attempt } = device;
      for (let left = 3; ; left--) {
        try {
          await admit(session, facts, async (draft) => {
            signed = Promise.withResolvers<DeviceSignature>();
            await channel.send('draft', attempt, encode(draftCodec, draft));
            return Promise.race([signed.promise, over.promise]);
          });
          break;
        } catch (error) {
          if (!(error instanceof RelayClientError) || error.code !== 'E_RELAY_CONFLICT' || left === 1) throw error;
        }
      }
      await client.registerKey(facts.presenceKey, 'device');
      await channel.send('done', attempt);
      stopping.abort();
      await ended;
    },
    cancel: () => {
      void channel
        .send('ended', device?.attempt ?? noAttempt)
        .catch(() => undefined)
        .finally(() => stopping.abort());
    },
  };
}

/** The member that the link is for: oneself, or a person who is in the log by now. One who was added and never got a device is taken again. */
async function memberFor(session: Session, input: InviteInput): Promise<MemberId> {
  const state = await session.log.sync();
  requireRole(session, state, 'admin');
  if ('ownDevice' in input) return session.me.member;
  verifyText(input.memberName, limits.nameBytes);
  const waiting = withoutDevice(state, input.memberName, input.roles);
  if (waiting) return waiting;
  const member = newId<MemberId>(session.platform.random);
  await appendSigned(session, () => ({ draft: { type: 'member.add', body: { member, name: input.memberName, roles: input.roles } } }));
  return member;
}

function withoutDevice(state: OrgState, name: string, roles: readonly string[]): MemberId | undefined {
  const hasDevice = (id: MemberId): boolean => [...state.devices.values()].some(({ member }) => member === id);
  return [...state.members.values()].find((member) => !member.removed && member.name === name && member.roles.join() === roles.join() && !hasDevice(member.id))
    ?.id;
}

/** One gesture of the admin, one of the new device, over the same entry. */
async function admit(session: Session, facts: DeviceAdd, askDevice: (draft: Draft) => Promise<DeviceSignature>): Promise<void> {
  const { log, me, platform } = session;
  const state = await log.sync();
  const mk = log.keys.get(state.mkEpoch);
  check(mk !== undefined, 'E_MK_EPOCH', 'the metadata key is not held here');
  const signers = [
    { kind: 'device', id: me.device },
    { kind: 'device', id: facts.device },
  ] as const;
  const payload = encodeEntry({ org: state.org, seq: state.head.seq + 1, prev: state.head.eh, ts: platform.now(), signers, type: 'device.add', body: facts });
  const payloadType = payloadTypeOf('entry');
  const mine = await unlock(session, entryHash(payload), async ({ sig, assertion }) => ({
    keyId: sig.keyId,
    signature: await sig.sign(preAuthEncode(payloadType, payload)),
    assertion,
  }));
  // To the device whose codes were compared, not to whoever has the link: the key opens every name in the log.
  const sealedKey = await sealTo(facts.inboxKey, 'mk-wrap', state.org, [state.mkEpoch, facts.device], mk);
  const theirs = await askDevice({ epoch: state.mkEpoch, sealedKey, payload });
  const envelope = encodeEnvelope({ payloadType, payload, signatures: [mine, { keyId: keyIdOf('ES256', facts.sigKey), ...theirs }] });
  const after = await log.append(envelope);
  if (!after.devices.has(facts.device)) throw new ProtocolError('E_UNKNOWN_ID', 'the device is not in the log');
}
