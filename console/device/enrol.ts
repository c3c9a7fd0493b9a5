// The first device: makes the organisation, its founder and its keys (spec/11-enrolment.md §first device).
// Nothing is written before the passkey has given the same key twice; from then on an interruption is resumed.
import type { AttestationProof } from '../../protocol/attestation.ts';
import { concat, equalBytes, fromHex, wipe } from '../../protocol/bytes.ts';
import { type KekInput, openDeviceKeys, sealDeviceKeys } from '../../protocol/device-keys.ts';
import { ProtocolError, check } from '../../protocol/errors.ts';
import type { DeviceId, MemberId, OrgId, PolicyId } from '../../protocol/hash.ts';
import { type Signer, exportPrivateKey, generateSigner } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import type { DeviceAdd, Policy } from '../../protocol/org-log/bodies.ts';
import { advance } from '../../protocol/org-log/apply.ts';
import { encodeEntry, entryHash, zeroHash } from '../../protocol/org-log/entry.ts';
import { mkCommitment } from '../../protocol/org-log/record.ts';
import { orgIdOf } from '../../protocol/org-log/verify.ts';
import { kemKeyFrom } from '../../protocol/seal.ts';
import { type Assertion, signEnvelope } from '../../protocol/sign.ts';
import { verifyText } from '../../protocol/text.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { newId } from '../../relay-client/org-log.ts';
import type { CreateOrg, CreateStep } from '../app.ts';
import type { FreshKeys, GetAnswer, Platform } from '../platform/platform.ts';
import { defaultPolicy } from './policies.ts';
import { type Session, completeStart, openSession } from './session.ts';
import { type StoredDevice, deviceRecord, encodeDevice } from './stored-device.ts';
import { bindCheck } from './unlock.ts';

const relayTimeoutMs = 15_000;

export async function createOrg(platform: Platform, relay: string, input: CreateOrg, progress: (step: CreateStep) => void): Promise<Session> {
  for (const name of [input.orgName, input.memberName, input.deviceName]) verifyText(name, limits.nameBytes);
  check(input.orgName !== '' && input.memberName !== '' && input.deviceName !== '', 'E_TEXT', 'a name is empty');
  progress('checking-passkeys');
  await platform.authenticator.checkSupport();
  await checkRelay(platform, relay);
  const made = await makeDevice(
    platform,
    {
      member: newId<MemberId>(platform.random),
      deviceName: input.deviceName,
      rpName: 'Stillvault',
      userName: `${input.memberName} · ${input.orgName}`,
      rpId: platform.location.hostname,
    },
    () => progress('passkey-created'),
  );
  progress('passkey-verified');

  progress('signing-organisation');
  const mk = platform.random(32);
  const payload = genesisPayload(platform, input, made.facts, mk);
  const eh = entryHash(payload);
  const org = orgIdOf(eh);
  const { assertion, sealedKeys } = await made.confirm(org, fromHex(eh)).finally(made.discard);
  const genesis = await signEnvelope('entry', payload, [{ signer: made.sig, assertion }]);

  // What everybody else would refuse is found before anything is written.
  await advance(undefined, genesis, platform.now());

  progress('storing');
  const device: StoredDevice = { ...made.stored, status: 'creating', org, relay, sealedKeys, start: { epoch: 0, mk, genesis } };
  await platform.storage.begin(made.keys, new Map([[deviceRecord, encodeDevice(device)]]));
  const session = await completeStart(await openSession(platform, made.keys, device));
  progress('done');
  return session;
}

// A relay that is away is found before a passkey is made.
async function checkRelay(platform: Platform, relay: string): Promise<void> {
  const init = { method: 'GET', headers: {}, mode: 'no-cors', signal: AbortSignal.timeout(relayTimeoutMs) } as const;
  await platform.fetch(`${relay}/livez`, init).catch((cause: unknown) => {
    throw new RelayClientError('E_RELAY_AWAY', `no answer from the relay at ${relay}`, { cause });
  });
}

function genesisPayload(platform: Platform, input: CreateOrg, device: DeviceAdd, mk: Uint8Array): Uint8Array {
  const policy: Policy = {
    ...defaultPolicy,
    policy: newId<PolicyId>(platform.random),
    pattern: '**',
    clauses: [{ k: 1, members: [device.member], groups: [] }],
  };
  return encodeEntry({
    org: orgIdOf(zeroHash),
    seq: 0,
    prev: zeroHash,
    ts: platform.now(),
    signers: [{ kind: 'device', id: device.device }],
    type: 'genesis',
    body: {
      name: input.orgName,
      founder: { member: device.member, name: input.memberName, roles: ['admin', 'approver', 'writer'] },
      device,
      tAdmin: 1,
      origins: [platform.location.origin],
      rpIds: [platform.location.hostname],
      policies: [policy],
      mkCommitment: mkCommitment(mk),
      salt: platform.random(32),
    },
  });
}

// --- A device's keys, for the first and for every further device -----------------------------------------

export interface DeviceWish {
  readonly member: MemberId;
  readonly deviceName: string;
  readonly rpId: string;
  readonly rpName: string;
  readonly userName: string;
  /** The authenticator is asked to vouch for its model, over this challenge. */
  readonly attest?: Uint8Array;
}
export interface MadeDevice {
  readonly facts: DeviceAdd;
  readonly attestation: AttestationProof;
  readonly keys: FreshKeys;
  readonly sig: Signer;
  readonly stored: Omit<StoredDevice, 'status' | 'org' | 'relay' | 'sealedKeys'>;
  /** Second gesture, over `challenge`: the passkey must give the same key again. Seals the device's keys and opens them once as a test. Throws E_PRF_KCV. */
  confirm(org: OrgId, challenge: Uint8Array): Promise<{ readonly assertion: Assertion; readonly sealedKeys: Uint8Array }>;
  /** Wipes the plain keys: after the last `confirm`. */
  discard(): void;
}

/** Two gestures: the passkey is made, then gives its key for the first time. */
export async function makeDevice(platform: Platform, wish: DeviceWish, onCreated: () => void): Promise<MadeDevice> {
  const { authenticator, random } = platform;
  const { rpId } = wish;
  const [prfFirst, prfSecond] = [random(32), random(32)];
  const passkey = await authenticator.create({
    rpId,
    rpName: wish.rpName,
    userId: random(16),
    userName: wish.userName,
    prfInput: prfFirst,
    ...(wish.attest ? { attest: wish.attest } : {}),
  });
  onCreated();
  const verify = (challenge: Uint8Array): Promise<GetAnswer> =>
    authenticator.get({ rpId, credentialId: passkey.credentialId, transports: passkey.transports, challenge, prf: { first: prfFirst, second: prfSecond } });
  const first = await verify(random(32));

  const keys = await platform.storage.makeKeys();
  const { signer: sig, privateKey } = await generateSigner(true);
  const [sigScalar, custodySeed, inboxSeed] = [await exportPrivateKey(privateKey), random(32), random(32)];
  const device = newId<DeviceId>(random);
  const facts: DeviceAdd = {
    device,
    member: wish.member,
    name: wish.deviceName,
    sigKey: sig.publicKey,
    presenceKey: keys.presence.publicKey,
    inboxKey: (await kemKeyFrom(inboxSeed.slice())).publicKey,
    custodyKey: (await kemKeyFrom(custodySeed.slice())).publicKey,
    mailboxSeed: random(32),
    passkey: {
      credentialId: passkey.credentialId,
      publicKey: passkey.publicKey,
      rpId,
      aaguid: passkey.aaguid,
      backupEligible: passkey.backupEligible,
      backedUp: passkey.backedUp,
      attestationDigest: new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(passkey.attestation.object))),
    },
  };
  const discard = (): void => wipe(first.prf.first, first.prf.second, sigScalar, custodySeed);

  async function confirm(org: OrgId, challenge: Uint8Array): Promise<{ readonly assertion: Assertion; readonly sealedKeys: Uint8Array }> {
    const second = await verify(challenge);
    const local = await keys.mac(concat(prfFirst, prfSecond));
    const input = (prf: GetAnswer['prf']): KekInput => ({ org, device, rpId, credentialId: passkey.credentialId, prf, local });
    try {
      check(
        equalBytes(first.prf.first, second.prf.first) && equalBytes(first.prf.second, second.prf.second),
        'E_PRF_KCV',
        'the passkey gave two different keys',
      );
      const sealedKeys = await sealDeviceKeys(input(first.prf), { sigScalar, sigPublic: sig.publicKey, custodySeed }, random);
      const opened = await openDeviceKeys(input(second.prf), sealedKeys);
      if (!equalBytes(opened.custody.publicKey, facts.custodyKey) || opened.sig.keyId !== sig.keyId)
        throw new ProtocolError('E_PRF_KCV', 'the sealed keys did not open again');
      return { assertion: second.assertion, sealedKeys };
    } finally {
      wipe(second.prf.first, second.prf.second, local);
    }
  }

  const stored = {
    member: wish.member,
    device,
    rpId,
    credentialId: passkey.credentialId,
    transports: passkey.transports.slice(0, 8),
    prfFirst,
    prfSecond,
    bindCheck: await bindCheck(keys),
    inboxSeed,
  };
  return { facts, attestation: passkey.attestation, keys, sig, stored, confirm, discard };
}
