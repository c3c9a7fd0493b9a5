// Attestation at enrolment: what the terms demand, a right proof, and everything that is none (WebAuthn Level 3 §6.5, §8.2; spec/11-enrolment.md §attestation).
import { expect, test } from 'bun:test';
import { decode } from 'cborg';
import { type AttestationProof, attestationChallenge, verifyAttestationFacts } from '../../protocol/attestation.ts';
import { encodeUtf8, fromHex } from '../../protocol/bytes.ts';
import type { MemberId, OrgId } from '../../protocol/hash.ts';
import { type SoftPerson, type SoftWorld, softWorld } from '../../testing/soft-org.ts';
import { type Attest, type Maker, type MakerFaults, createMaker, metadataOf, noAttestation } from '../../testing/soft-attestation.ts';
import { softPlatform } from '../../testing/soft-platform.ts';
import { verifyAttestation } from './attestation.ts';
import { verifyModel } from './certificates.ts';
import { makeDevice } from './enrol.ts';
import { keepModels, parseModels } from './models.ts';

const code = (expected: string): object => ({ failure: { code: expected } });
const model = fromHex('ee882879721c491397753dfcce97072a');
const otherModel = fromHex('00112233445566778899aabbccddeeff');
const terms = { deviceBoundOnly: true, aaguids: [], attested: true };

/** An org that wants proof, whose admin trusts one maker. */
async function strict(world: SoftWorld, authenticators = terms): Promise<{ readonly ada: SoftPerson; readonly maker: Maker }> {
  const maker = await createMaker(model);
  const ada = await world.founder();
  await ada.app.loadModels(metadataOf([maker.model]));
  expect(await ada.app.setTerms({ authenticators })).toBe('done');
  return { ada, maker };
}
/** A browser whose authenticator says it is `aaguid`, and proves it like that. */
function guestWith(world: SoftWorld, attestation: Attest, aaguid: Uint8Array = model): SoftPerson {
  const guest = world.browser();
  Object.assign(guest.platform.authenticator.faults, { attestation, aaguid, isSynced: false });
  return guest;
}
async function join(ada: SoftPerson, guest: SoftPerson): Promise<unknown> {
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const theirs = await guest.app.joinByInvite(invite.link ?? '', 'ben’s key');
  theirs.codes.catch(() => undefined);
  await invite.codes;
  await Promise.all([invite.confirm(), theirs.confirm()]);
  return guest.app.org()?.me.name;
}

test('a model of the list with its proof comes in, and is shown by its name', async () => {
  await using world = await softWorld();
  const { ada, maker } = await strict(world);
  expect(await join(ada, guestWith(world, maker.attest()))).toBe('ben');
  expect(ada.app.org()?.members.find(({ name }) => name === 'ben')?.devices).toMatchObject([
    { model: 'Soft Key 5', aaguid: 'ee882879-721c-4913-9775-3dfcce97072a', synced: false },
  ]);
});

const faults: readonly (readonly [string, MakerFaults, RegExp])[] = [
  ['made for another challenge', { facts: { challenge: new Uint8Array(32).fill(7) } }, /challenge/],
  ['made for another relying party', { facts: { rpId: 'evil.example' } }, /relying party/],
  ['made at another origin', { facts: { origin: 'https://evil.example' } }, /origin/],
  ['of another passkey', { facts: { credentialId: new Uint8Array(16).fill(9) } }, /another passkey/],
  ['of another key', { facts: { publicKey: new Uint8Array(65).fill(4) } }, /another passkey/],
  ['of another model than the device says', { facts: { aaguid: otherModel } }, /another model than/],
  ['of a synced passkey that says it is bound', { facts: { flags: 0x4d } }, /synced/],
  ['where nobody was verified', { facts: { flags: 0x41 } }, /not verified/],
  ['whose certificate is of another model', { extension: otherModel }, /certificate of another model/],
  ['that the passkey made for itself', { certificate: 'none' }, /vouches for itself/],
  ['by an authority', { certificate: 'authority' }, /authority instead/],
  ['by a certificate for something else', { certificate: 'unit' }, /not for authenticators/],
  ['by a certificate that has expired', { certificate: 'expired' }, /not valid now/],
  ['that was changed after it was signed', { tamper: true }, /not signed by the key/],
];
const invite = { org: 'ab'.repeat(32) as OrgId, joinId: 'cd'.repeat(16), secret: new Uint8Array(32).fill(3) }; // an id like any other
const demanding = { authenticators: terms, origins: ['http://localhost:8460'] };

/** What a device would send, judged as an admin's device judges it. */
async function judged(maker: Maker, wrong: MakerFaults, change: (proof: AttestationProof) => AttestationProof = (proof) => proof): Promise<void> {
  const platform = softPlatform({ relayUrl: 'http://127.0.0.1:1' });
  await platform.storage.begin(await platform.storage.makeKeys(), new Map());
  await keepModels(platform.storage, metadataOf([maker.model]));
  Object.assign(platform.authenticator.faults, { attestation: maker.attest(wrong), aaguid: model, isSynced: false });
  const wish = { member: '01'.repeat(16) as MemberId, deviceName: 'key', rpId: 'localhost', rpName: 'x', userName: 'x', attest: attestationChallenge(invite) }; // as above
  const { facts, attestation } = await makeDevice(platform, wish, () => undefined);
  await verifyAttestation(platform, demanding, invite, facts, change(attestation));
}

test('what a right device sends is taken', async () => {
  await judged(await createMaker(model), {});
});

test.each(faults)('INV-ENROL-ATTEST row 80: a proof %s is refused', async (_what, wrong, why) => {
  await expect(judged(await createMaker(model), wrong)).rejects.toMatchObject({ code: 'E_ATTESTATION', message: expect.stringMatching(why) as unknown });
});

test('row 80: bytes that are no proof, or another than the device named, are refused', async () => {
  const maker = await createMaker(model);
  for (const object of [new Uint8Array(0), new Uint8Array(20_000), new Uint8Array(100).fill(0x9f), fromHex('a0')])
    await expect(judged(maker, {}, (proof) => ({ ...proof, object }))).rejects.toMatchObject({ code: 'E_ATTESTATION' });
  for (const clientDataJSON of [new Uint8Array(0), new Uint8Array(4_096), fromHex('7b7d'), fromHex('5b5d')])
    await expect(judged(maker, {}, (proof) => ({ ...proof, clientDataJSON }))).rejects.toMatchObject({ code: 'E_ATTESTATION' });
});

/** What the authenticator in Chromium’s developer tools made, once, for `invite` at this origin; its certificate stands for itself. */
const chromium = {
  origin: 'http://localhost:43225',
  client: '{"type":"webauthn.create","challenge":"jC7ebJrOqvJsXZSkwJDwXBwXavfc1IWrow_-oqnKGFg","origin":"http://localhost:43225","crossOrigin":false}',
  credentialId: fromHex('988dd70edf9f359f8a780f03b0641a604b301db48ccc3348cce1589f65d2d8e6'),
  publicKey: fromHex('043e8a3031c8fa11f994c38dba9115cebcbd09d2539036b21930d598ab5d39d3147f84f75a0e87d656e9b6ac4580d436ef649f9f0a604d8e548c18fc17ae8f59c0'),
  object: fromHex(
    'a363666d74667061636b65646761747453746d74a363616c6726637369675846304402206a6120722fc7895d8d520ae7324ebbb9cd5475bc1e9c91abacc53995e593128602200c22b78920b3c4b9f1fe5fc4e4be23ad6266754d875f8b34b54b5c1a36ea6ed863783563815901d7308201d33082017aa003020102020101300a06082a8648ce3d0403023060310b30090603550406130255533111300f060355040a0c084368726f6d69756d31223020060355040b0c1941757468656e74696361746f72204174746573746174696f6e311a301806035504030c114261746368204365727469666963617465301e170d3137303731343032343030305a170d3436313131383138343032315a3060310b30090603550406130255533111300f060355040a0c084368726f6d69756d31223020060355040b0c1941757468656e74696361746f72204174746573746174696f6e311a301806035504030c1142617463682043657274696669636174653059301306072a8648ce3d020106082a8648ce3d030107034200048d617e65c9508e64bcc5673ac82a6799da3c1446682c258c463fffdf58dfd2fa3e6c378b53d795c4a4dffb4199edd7862f23abaf0203b4b8911ba0569994e101a3253023300c0603551d130101ff040230003013060b2b0601040182e51c020101040403020308300a06082a8648ce3d040302034700304402205b8ff84eddbf5a2022a1e002b436c5e067017254265f664b32da7bc18b9309fd022029521d11f5002f494b6279a34c8a0919d73afb80d217219956c35c47e308950a68617574684461746158a449960de5880e8c687434170f6476605b8fe4aeb9a28632c7995cf3ba831d97634500000001010203040506070801020304050607080020988dd70edf9f359f8a780f03b0641a604b301db48ccc3348cce1589f65d2d8e6a50102032620012158203e8a3031c8fa11f994c38dba9115cebcbd09d2539036b21930d598ab5d39d3142258207f84f75a0e87d656e9b6ac4580d436ef649f9f0a604d8e548c18fc17ae8f59c0',
  ),
};

test('a statement that a browser’s authenticator really made is taken with its certificate on the list, and not without', async () => {
  const { object, client, credentialId, publicKey, origin } = chromium;
  const aaguid = fromHex('01020304050607080102030405060708');
  const attestationDigest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(object)));
  const flags = authenticatorData(object)[32] ?? 0;
  const passkey = { credentialId, publicKey, rpId: 'localhost', aaguid, attestationDigest, backupEligible: (flags & 8) !== 0, backedUp: (flags & 16) !== 0 };
  const facts = verifyAttestationFacts({ object, clientDataJSON: encodeUtf8(client) }, passkey, attestationChallenge(invite), [origin]);
  await verifyModel(facts, facts.certificates, Date.UTC(2026, 11, 1));
  const other = await createMaker(aaguid);
  await expect(verifyModel(facts, other.model.roots, Date.UTC(2026, 11, 1))).rejects.toMatchObject({ code: 'E_ATTESTATION' });
});

function authenticatorData(object: Uint8Array): Uint8Array {
  const { authData } = decode(object) as { readonly authData: Uint8Array }; // as browsers make it
  return authData;
}

test('row 80: another maker, a maker nobody has metadata of, none at all, or a swapped proof', async () => {
  await using world = await softWorld();
  const { ada, maker } = await strict(world);
  const fake = await createMaker(model, 'Same name'); // the same model, by somebody who holds no root of the list
  const unknown = await createMaker(otherModel);
  await expect(join(ada, guestWith(world, fake.attest()))).rejects.toMatchObject(code('E_ATTESTATION'));
  await expect(join(ada, guestWith(world, unknown.attest(), otherModel))).rejects.toMatchObject(code('E_ATTESTATION'));
  await expect(join(ada, guestWith(world, noAttestation))).rejects.toMatchObject(code('E_ATTESTATION'));
  expect(ada.app.org()?.members.find(({ name }) => name === 'ben')?.devices).toEqual([]);
  // Somebody else's good proof, sent in place of one's own.
  let stolen: Awaited<ReturnType<Attest>> | undefined;
  const thief: Attest = async (made) => (stolen ??= await maker.attest()(made));
  expect(await join(ada, guestWith(world, thief))).toBe('ben');
  const second = await ada.app.invite({ memberName: 'eve', roles: ['approver'] });
  const eve = guestWith(world, thief);
  const theirs = await eve.app.joinByInvite(second.link ?? '', 'eve’s');
  theirs.codes.catch(() => undefined);
  await expect(second.codes).rejects.toMatchObject(code('E_ATTESTATION'));
}, 30_000);

test('only device-bound passkeys, only listed models: judged by every client', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  await ada.app.setTerms({ authenticators: { deviceBoundOnly: true, aaguids: [model], attested: false } });
  const synced = world.browser();
  const invite = await ada.app.invite({ memberName: 'ben', roles: ['approver'] });
  const theirs = await synced.app.joinByInvite(invite.link ?? '', 'ben’s phone');
  await Promise.all([invite.codes, theirs.codes]);
  const other = theirs.confirm();
  other.catch(() => undefined);
  await expect(invite.confirm()).rejects.toMatchObject(code('E_AUTHENTICATOR'));
  theirs.cancel();
  const bound = guestWith(world, noAttestation);
  expect(await join(ada, bound)).toBe('ben');
});

test('a member who is no admin invites no device of their own where proof is wanted: an admin does, who sees it', async () => {
  await using world = await softWorld();
  const { ada, maker } = await strict(world);
  const ben = guestWith(world, maker.attest());
  await join(ada, ben);
  await expect(ben.app.invite({ ownDevice: true })).rejects.toMatchObject(code('E_NO_ROLE'));
});

test('metadata: in short, as statements of FIDO, as its list; what is none is refused and keeps the one before', async () => {
  const root = Buffer.from('root').toString('base64');
  const pem = `-----BEGIN CERTIFICATE-----\n${root}\n-----END CERTIFICATE-----\n`;
  const aaguid = 'EE882879-721C-4913-9775-3DFCCE97072A';
  const want = { aaguid: 'ee882879721c491397753dfcce97072a', name: 'Key', roots: [new Uint8Array(Buffer.from('root'))] };
  expect(parseModels(JSON.stringify([{ aaguid, name: 'Key', roots: [pem] }]))).toEqual([want]);
  const statement = { aaguid, description: 'Key', attestationRootCertificates: [root] };
  expect(parseModels(JSON.stringify(statement))).toEqual([want]);
  expect(parseModels(JSON.stringify({ no: 1, entries: [{ aaguid, metadataStatement: statement }, { attestationCertificateKeyIdentifiers: ['x'] }] }))).toEqual([
    want,
  ]);
  for (const bad of ['', '{}', '[]', '[1]', '[{"aaguid":"xyz"}]', '[{"aaguid":1}]', JSON.stringify([{ aaguid, name: 'x', roots: ['not base64!'] }])])
    expect(() => parseModels(bad)).toThrow();
  await using world = await softWorld();
  const { ada } = await strict(world);
  await expect(ada.app.loadModels('nonsense')).rejects.toMatchObject(code('E_FIELD'));
  expect(await ada.app.models()).toHaveLength(1);
  const again = world.reload(ada);
  await new Promise<void>((done) => void again.app.subscribe(() => again.app.phase().kind === 'ready' && done()));
  expect(await again.app.models()).toEqual([{ aaguid: 'ee882879-721c-4913-9775-3dfcce97072a', name: 'Soft Key 5', roots: 1 }]);
});
