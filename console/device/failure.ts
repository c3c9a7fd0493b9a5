// Every failure as a person reads it: what happened, why, what to do next (product.md §quality).
import { ProtocolError } from '../../protocol/errors.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import type { AppFailure } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';

/** What every act of App rejects with. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly failure: AppFailure;

  constructor(failure: AppFailure, options?: { readonly cause?: unknown }) {
    super(`${failure.code}: ${failure.what}`, options);
    this.failure = failure;
  }
}

export function asAppError(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError(explain(error), { cause: error });
}

export function codeOf(error: unknown): string {
  if (error instanceof AppError) return error.failure.code;
  return error instanceof ProtocolError || error instanceof RelayClientError || error instanceof ConsoleError ? error.code : 'E_UNEXPECTED';
}

const withPrf = 'Use a passkey with PRF: iOS 18.4, macOS 15.4, Android with Google Password Manager, Windows 11 with a security key or Hello, or a YubiKey 5.';
const askAgain = 'Ask again on the machine.';
const lookAtLog = 'Do not approve anything. Compare `stillvault log show` on two machines and speak with the other admins.';

/** what, next */
const sayings: Readonly<Record<string, readonly [what: string, next: string]>> = {
  E_NO_WEBAUTHN: ['This browser has no passkeys.', withPrf],
  E_NO_PRF: ['The passkeys of this browser or device cannot derive keys (PRF), so it could not keep your keys. Nothing was created.', withPrf],
  E_PRF_MISSING: ['The passkey gave no key (PRF).', withPrf],
  E_NO_USER_VERIFICATION: [
    'This device has no fingerprint, face or PIN set up, or did not check it.',
    'Set up a screen lock or a PIN for the security key, then try again.',
  ],
  E_INSECURE_ORIGIN: ['Passkeys do not work at this address.', 'Open the console over https, or as http://localhost with its port.'],
  E_CANCELLED: ['The passkey prompt was closed, or you were not verified. Nothing was done.', 'Try again.'],
  E_TIMEOUT: ['Nobody answered the passkey prompt in time. Nothing was done.', 'Try again.'],
  E_WEBAUTHN: [
    'The passkey did not prove what it must: you were not verified, or this is not an address of the organisation. Nothing was done.',
    'Open the console at the address where you enrolled, and use fingerprint, face or PIN.',
  ],
  E_PASSKEY: ['The passkey prompt failed. Nothing was done.', 'Reload the page and try again.'],
  E_PRF_KCV: [
    'The passkey gave another key than when this device was enrolled, so its keys stay closed. Nothing was changed.',
    'Use the passkey that was made on this device. If it was replaced or restored, invite this browser again as a new device.',
  ],
  E_DEVICE_BIND: [
    'This browser has lost the local key that belongs to this device, e.g. because its site data was cleared. The passkey alone opens nothing.',
    'Invite this browser again as a new device, from another device of yours or from an admin.',
  ],
  E_STORAGE: [
    'The browser could not store something, or what it stored is damaged.',
    'Free some space, leave private browsing, reload. If it stays, invite this browser again as a new device.',
  ],
  E_GONE: ['This is not here any more.', 'Reload the page.'],
  E_DECIDED: ['This request was decided already.', askAgain],
  E_DONE: ['This request was decided already.', askAgain],
  E_REQ_STALE: ['The request has expired.', askAgain],
  E_MATCH: ['The code is not the one that the terminal shows: this may be another request than you think.', 'Compare the codes. If yours is not there, deny.'],
  E_NO_ROLE: ['Your role does not allow this.', 'Ask an admin.'],
  E_ROLE: ['Your role does not allow this.', 'Ask an admin.'],
  E_NOT_ELIGIBLE: ['You do not approve this path.', 'Ask one of the approvers that the policy names.'],
  E_NOT_ENTITLED: ['This device has no part of this secret’s key yet.', 'Ask a member who has one to share it, or store a new version.'],
  E_RATE: ['A machine asked too often: further requests were dropped.', 'Look at what runs there, or mute it.'],
  E_LOCAL: ['The daemon beside this console did not take the token.', 'Make a token here and run its command in a terminal.'],
  E_SAS: ['The codes do not fit: the other side showed something else.', 'Stop here, and invite again over another channel.'],
  E_INVITE_ENDED: ['The invitation has ended.', 'Make a new one.'],
  E_NOT_READY: ['The organisation has not added this device yet.', 'Ask the person who invited you to confirm, then reload.'],
  E_TOKEN_FORMAT: ['This is not a whole invitation link.', 'Copy it again, all of it.'],
  E_TEXT: [
    'A name or text has characters that cannot be shown, is empty or too long.',
    'Use letters, digits and spaces; paths are letters, digits, . _ - joined by /.',
  ],
  E_FIELD: ['A value is empty or too long.', 'Correct it and try again.'],
  E_LIMIT: ['This is too large.', 'A secret holds at most 64 KiB.'],
  E_POLICY: ['No policy covers this, or the policy forbids it.', 'Look at the policies, or ask an admin.'],
  E_POLICY_CHANGED: ['The policy changed meanwhile.', askAgain],
  E_QUORUM: ['Fewer people can approve than the policy needs.', 'Name more approvers or a smaller number.'],
  E_VERSION: ['There is a newer version.', askAgain],
  E_NO_MACHINE: ['No machine may ask for this path, so nothing could ever open it. Nothing was stored.', 'Enrol a machine first, or name one in the policy.'],
  E_BLOB_MISSING: ['The relay does not have a part that the log names.', 'Ask the machine to propose it again, or store a new version.'],
  E_LEASE_BOUNDS: ['That lease is longer or wider than was asked for, or than the policy allows.', 'Choose a smaller one.'],
  E_FROZEN: ['The organisation is frozen.', 'An admin has to unfreeze it first.'],
  E_MACHINE_REVOKED: ['The machine was revoked.', 'Nothing to do: it gets nothing any more.'],
  E_REVOKED: ['This device is no longer part of the organisation.', 'Ask an admin for a new invitation.'],
  E_CLOCK: ['The clocks differ by more than 5 minutes.', 'Correct the clock of this device or of the machine.'],
  E_FORK: ['Two versions of the organisation’s log exist: somebody shows different things to different people. Approvals are stopped.', lookAtLog],
  E_LOG_ROLLBACK: ['The relay shows an older log than before. Approvals are stopped.', lookAtLog],
  E_CHAIN: ['The organisation’s log is broken. Approvals are stopped.', lookAtLog],
  E_CHAIN_GAP: ['The relay left out entries of the log. Approvals are stopped.', lookAtLog],
  E_TYPE_UNKNOWN: ['The log has something that this version does not know. Approvals are stopped.', 'Update Stillvault.'],
  E_SUITE: ['The log has something that this version does not know. Approvals are stopped.', 'Update Stillvault.'],
  E_AUTHENTICATOR: [
    'The organisation does not take passkeys of this kind.',
    'Use one of the authenticators that its terms name, or ask an admin to change them.',
  ],
  E_ATTESTATION: [
    'The organisation wants proof of the passkey’s model, and this one gave none, or one that is not good. Nobody was added.',
    'Use an authenticator with attestation whose metadata the inviting admin has loaded (People, Terms), and invite again.',
  ],
  E_RECOVERY: ['The recovery kit is not being used now: this was stopped, replaced or is over.', 'Look at the log, then start again with the kit.'],
  E_RECOVERY_WAIT: ['The recovery kit takes effect only after its delay.', 'Come back when the time that is shown is over.'],
  E_KIT_FORMAT: ['This is not a whole share of a recovery kit.', 'Compare the words with the paper, one by one.'],
  E_KIT_MIX: ['These shares do not belong together, or to the kit that the organisation has now.', 'Use different shares of the newest kit.'],
  E_KIT_DELAY: [
    'A kit without a delay would let whoever finds it in before anybody else could say no.',
    'Choose a delay. None is for an organisation of one person.',
  ],
  E_KIT_UNKNOWN: [
    'The relay knows no such kit for this organisation.',
    'Compare the organisation’s id and the relay’s address with the sheet. It may have been replaced by a newer kit, or shut out at the relay: then make a new one.',
  ],
  E_MIN_ADMINS: ['No admin with a device would be left.', 'Make somebody else an admin first.'],
  E_THRESHOLD: ['This needs more admins.', 'Ask another admin.'],
  E_DRAFT: ['This draft can no longer be used: it has expired, or people or rules have changed since.', 'Propose it again.'],
  E_UNKNOWN_ID: ['This is not in the organisation’s log any more.', 'Reload the page.'],
  E_ID_REUSED: ['Somebody stored something at this path meanwhile.', 'Look at the secrets and try again.'],
  E_RECIPIENTS: ['Nobody waits whom this device can serve.', 'With two or more approvers per release, store a new version instead.'],
  E_OPEN: ['A sealed part does not open with the keys of this device.', 'Ask another approver, or store a new version.'],
  E_SHARE_COMMIT: ['A part of the key is not the one that the log names. Nothing was sent.', 'Ask another approver, or store a new version.'],
  E_WRAP_MIX: ['The relay gave another part than the log names. Nothing was sent.', 'Try again; ask another approver if it stays.'],
  E_HEAD_AHEAD: [
    'Another device has seen a newer log than the relay shows here.',
    'Wait a moment. If it stays, the relay is holding something back: speak with the other admins.',
  ],
  E_MK_EPOCH: ['This device does not hold the newest metadata key.', 'Reload. If it stays, ask an admin for a new invitation.'],
  E_KEY_ENCODING: ['A key is damaged.', 'Copy the link again, all of it.'],
  E_SIGNATURE: ['A signature does not fit. Nothing was done.', 'Try again from the start.'],
  E_RELAY_GARBAGE: ['The relay holds too much that belongs to nobody.', 'Ask the relay’s operator.'],
  E_RELAY_ANSWER: ['The relay answered something that is no answer.', 'Check the address of the relay.'],
  E_RELAY_STORE: ['The relay could not store it. Nothing was done.', 'Try again; ask the relay’s operator if it stays.'],
  E_RELAY_DRAINING: ['The relay is being restarted.', 'Try again in a moment.'],
  E_RELAY_AWAY: ['The relay does not answer. Nothing was done.', 'Check the network and try again; this page keeps trying.'],
  E_RELAY_AUTH: ['The relay does not accept this device: its key was revoked, or the clocks differ.', 'Check this device’s clock, or ask an admin.'],
  E_RELAY_CLOSED: ['This relay takes no new organisations.', 'Ask its operator, or run your own: `stillvault up`.'],
  E_RELAY_CONFLICT: ['Others changed the log at the same time. Nothing was done.', 'Try again.'],
  E_RELAY_QUOTA: ['The organisation has used its room on the relay.', 'Ask the relay’s operator.'],
  E_RELAY_RATE: ['The relay was called too often.', 'Wait a moment and try again.'],
};

export function explain(error: unknown): AppFailure {
  const code = codeOf(error);
  const [what, next] = sayings[code] ?? ['Something failed that should not fail. Nothing secret was shown.', 'Reload the page and try again.'];
  return { code, what, next };
}
