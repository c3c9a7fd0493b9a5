// Messages between an admin's device and a new one, sealed with what the link holds (spec/11-enrolment.md §device).
// The relay carries them and cannot read or make one; who has the link can, which is why people compare codes.
import { attestationMax } from '../../protocol/attestation.ts';
import { fromHex } from '../../protocol/bytes.ts';
import { type Codec, bytes, bytesUpTo, count, decode, encode, oneOf, record } from '../../protocol/codec.ts';
import { type DeviceInvite, inviteKey } from '../../protocol/enrolment.ts';
import { type Hash, derive, hashCodec } from '../../protocol/hash.ts';
import { signatureCodec } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import { openOnce, sealOnce, sealOverheadBytes } from '../../protocol/seal.ts';
import { type Assertion, assertionCodec } from '../../protocol/sign.ts';
import { type RelayClient, RelayClientError } from '../../relay-client/client.ts';
import { ConsoleError } from '../platform/console-error.ts';
import type { Platform } from '../platform/platform.ts';

export type InviteStep = 'commit' | 'nonce' | 'reveal' | 'draft' | 'endorse' | 'signed' | 'done' | 'proposed' | 'ended';
export interface InviteMessage {
  readonly step: InviteStep;
  /** The new device's commitment: which attempt this belongs to. */
  readonly attempt: Hash;
  readonly body: Uint8Array;
}
const messageCodec: Codec<InviteMessage> = record<InviteMessage>({
  step: [1, oneOf<InviteStep>(['commit', 'nonce', 'reveal', 'draft', 'signed', 'done', 'ended', 'endorse', 'proposed'])],
  attempt: [2, hashCodec],
  body: [3, bytesUpTo(32_768)],
});

export interface Reveal {
  readonly device: Uint8Array;
  readonly nonce: Uint8Array;
  /** Where the link asks for it. */
  readonly attestation?: Uint8Array;
  readonly clientData?: Uint8Array;
}
export const revealCodec: Codec<Reveal> = record<Reveal>({
  device: [1, bytesUpTo(8_192)],
  nonce: [2, bytes(32)],
  attestation: [3, bytesUpTo(attestationMax.objectBytes), 'optional'],
  clientData: [4, bytesUpTo(attestationMax.clientDataBytes), 'optional'],
});
export const revealBytesMax = 24_576;
/** The payload of device.add, to be signed by both, or (`endorse`) a draft with it, to be endorsed by the new device; and the newest metadata key, sealed to the inbox key that the codes were about. */
export interface Draft {
  readonly epoch: number;
  readonly sealedKey: Uint8Array;
  readonly payload: Uint8Array;
  /** Of the link's head (spec/05-org-log.md §newcomer). */
  readonly checkpoint: number;
}
export const draftCodec: Codec<Draft> = record<Draft>({
  epoch: [1, count],
  sealedKey: [2, bytes(sealOverheadBytes + 32)],
  payload: [3, bytesUpTo(16_384)],
  checkpoint: [4, count],
});
export interface DeviceSignature {
  readonly signature: Uint8Array;
  readonly assertion: Assertion;
}
export const signatureBodyCodec: Codec<DeviceSignature> = record<DeviceSignature>({ signature: [1, signatureCodec], assertion: [2, assertionCodec] });

interface Sealed {
  readonly salt: Uint8Array;
  readonly sealed: Uint8Array;
}
const sealedCodec: Codec<Sealed> = record<Sealed>({ salt: [1, bytes(16)], sealed: [2, bytesUpTo(limits.mailBytes)] });
type Direction = 'to-admin' | 'to-device';

export interface InviteChannel {
  send(step: InviteStep, attempt: Hash, body?: Uint8Array): Promise<void>;
  /** Messages of the other side, in order, until the signal ends it. */
  messages(signal: AbortSignal): AsyncGenerator<InviteMessage, void>;
}

const ttlS = 3_600;
const waitMs = 20_000;
const retryMs = 1_000;

export function createInviteChannel(deps: {
  readonly client: RelayClient;
  readonly platform: Pick<Platform, 'now' | 'random' | 'sleep'>;
  readonly invite: DeviceInvite;
  readonly side: 'admin' | 'device';
  readonly expiresAt?: number;
}): InviteChannel {
  const { client, platform, invite, side } = deps;
  const [out, inward]: readonly [Direction, Direction] = side === 'admin' ? ['to-device', 'to-admin'] : ['to-admin', 'to-device'];
  // A fresh salt makes each key one that seals once, also where a page was reloaded.
  const keyOf = (direction: Direction, salt: Uint8Array): Uint8Array => derive('join', inviteKey(invite, direction, 1), salt, ['message']);
  const aad = (direction: Direction): readonly (string | Uint8Array)[] => [fromHex(invite.joinId), direction];

  return {
    send: async (step, attempt, body = new Uint8Array(0)) => {
      const salt = platform.random(16);
      const sealed = await sealOnce(keyOf(out, salt), aad(out), encode(messageCodec, { step, attempt, body }));
      await client.post([{ mailbox: invite.mailbox, body: encode(sealedCodec, { salt, sealed }), ttlS }]);
    },
    async *messages(signal) {
      for (let after = 0; !signal.aborted;) {
        if (platform.now() > (deps.expiresAt ?? Number.MAX_SAFE_INTEGER)) throw new ConsoleError('E_INVITE_ENDED', 'the invitation has expired');
        try {
          const page = await client.readMail({ mailboxes: [invite.mailbox], after, limit: 50, waitMs }, signal);
          after = Math.max(after, page.next);
          for (const { body } of page.mails) {
            const message = await open(body).catch(() => undefined); // own messages, and whatever the relay made up
            if (message) yield message;
          }
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof RelayClientError)) throw error;
          if (error.code === 'E_RELAY_AUTH') throw new ConsoleError('E_INVITE_ENDED', 'the invitation has ended', { cause: error });
          if (error.code !== 'E_RELAY_AWAY') throw error;
          await platform.sleep(retryMs, signal).catch(() => undefined);
        }
      }
    },
  };

  async function open(mail: Uint8Array): Promise<InviteMessage> {
    const { salt, sealed } = decode(sealedCodec, mail, limits.mailBytes);
    return decode(messageCodec, await openOnce(keyOf(inward, salt), aad(inward), sealed), limits.mailBytes);
  }
}
