// User verification: exactly that passkey, over exactly that challenge, on a listed origin, by a verified person (spec/03-envelopes.md; row 96).
import { describe, expect, test } from 'bun:test';
import { sha256 } from '@noble/hashes/sha2.js';
import { type AssertionFacts, assertWith, derSignature } from '../testing/authenticator.ts';
import { codeOf } from '../testing/code-of.ts';
import { seededRandom, signerOf } from '../testing/seeded.ts';
import { concat, encodeUtf8, fromHex, toBase64Url } from './bytes.ts';
import { hash } from './hash.ts';
import type { Assertion } from './sign.ts';
import { rawSignature, verifyAssertion } from './webauthn.ts';

const random = seededRandom('webauthn');
const [passkey, other] = [await signerOf(random(32)), await signerOf(random(32))];
const challenge = hash('core', ['this']);
const facts: AssertionFacts = { rpId: 'console.example', origin: 'https://console.example', challenge: fromHex(challenge) };
const origins = ['https://console.example', 'https://second.example'];
const honest = await assertWith(passkey, facts);
const verify = (assertion: Assertion): Promise<void> =>
  verifyAssertion(assertion, challenge, { publicKey: passkey.publicKey, rpId: 'console.example' }, origins);

describe('INV-WEBAUTHN row 96', () => {
  const wrong: readonly (readonly [what: string, change: Partial<AssertionFacts>, code: string])[] = [
    ['an honest assertion', {}, 'accepted'],
    ['another listed origin', { origin: 'https://second.example' }, 'accepted'],
    ['a passkey that is not backed up', { flags: 0x05 }, 'accepted'],
    ['attested data and extensions flagged', { flags: 0xdd }, 'accepted'],
    ['crossOrigin left out', { client: { crossOrigin: undefined } }, 'accepted'],
    ['a member that later versions add', { client: { other_keys_can_be_added_here: 'do not compare' } }, 'accepted'],
    ['another relying party', { rpId: 'evil.example' }, 'E_WEBAUTHN'],
    ['a sibling subdomain as relying party', { rpId: 'other.console.example' }, 'E_WEBAUTHN'],
    ['the parent domain as relying party', { rpId: 'example' }, 'E_WEBAUTHN'],
    ['an origin that is not listed', { origin: 'https://evil.example' }, 'E_WEBAUTHN'],
    ['a subdomain of a listed origin', { origin: 'https://x.console.example' }, 'E_WEBAUTHN'],
    ['the listed origin without TLS', { origin: 'http://console.example' }, 'E_WEBAUTHN'],
    ['the listed origin on another port', { origin: 'https://console.example:8443' }, 'E_WEBAUTHN'],
    ['the listed origin with a slash', { origin: 'https://console.example/' }, 'E_WEBAUTHN'],
    ['an origin that is a list', { client: { origin: ['https://console.example'] } }, 'E_WEBAUTHN'],
    ['inside a frame of another origin', { client: { crossOrigin: true } }, 'E_WEBAUTHN'],
    ['crossOrigin as text', { client: { crossOrigin: 'false' } }, 'E_WEBAUTHN'],
    ['with a top origin', { client: { topOrigin: 'https://evil.example' } }, 'E_WEBAUTHN'],
    ['nobody present', { flags: 0x04 }, 'E_WEBAUTHN'],
    ['nobody verified', { flags: 0x01 }, 'E_WEBAUTHN'],
    ['neither', { flags: 0x00 }, 'E_WEBAUTHN'],
    ['all flags but those two', { flags: 0xfa }, 'E_WEBAUTHN'],
    ['another challenge', { challenge: random(32) }, 'E_WEBAUTHN'],
    ['the challenge cut short', { challenge: fromHex(challenge).subarray(0, 31) }, 'E_WEBAUTHN'],
    ['the challenge with padding', { client: { challenge: `${toBase64Url(fromHex(challenge))}=` } }, 'E_WEBAUTHN'],
    ['a registration instead of an assertion', { client: { type: 'webauthn.create' } }, 'E_WEBAUTHN'],
    ['a payment instead of an assertion', { client: { type: 'payment.get' } }, 'E_WEBAUTHN'],
  ];
  test.each(wrong)('%s', async (_what, change, code) => {
    expect(await codeOf(verify(await assertWith(passkey, { ...facts, ...change })))).toBe(code);
  });

  test('another credential', async () => expect(await codeOf(verify(await assertWith(other, facts)))).toBe('E_WEBAUTHN'));

  const text = new TextDecoder().decode(honest.clientDataJSON);
  const tampered: readonly (readonly [what: string, assertion: Assertion])[] = [
    ['flags changed after signing', { ...honest, authenticatorData: honest.authenticatorData.map((byte, at) => (at === 32 ? byte ^ 0x80 : byte)) }],
    ['client data changed after signing', { ...honest, clientDataJSON: encodeUtf8(text.replace('get', 'got')) }],
    ['bytes after the authenticator data', { ...honest, authenticatorData: concat(honest.authenticatorData, Uint8Array.of(0)) }],
    ['authenticator data and client data shifted', { ...honest, authenticatorData: honest.authenticatorData.subarray(0, 36) }],
    ['a raw signature', { ...honest, signature: rawSignature(honest.signature) }],
  ];
  test.each(tampered)('%s', async (_what, assertion) => expect(await codeOf(verify(assertion))).toBe('E_WEBAUTHN'));

  // Signed by the true passkey, and still no user verification that we accept.
  const clientData: readonly (readonly [what: string, json: string])[] = [
    ['client data that is no JSON', 'not json'],
    ['client data that is a list', '[]'],
    ['client data that is null', 'null'],
    ['client data that is empty', ''],
    ['client data that is not UTF-8', '\ufffe'],
  ];
  test.each(clientData)('%s', async (_what, json) => {
    const raw = json === '\ufffe' ? Uint8Array.of(0xff, 0xfe) : encodeUtf8(json);
    const signature = derSignature(await passkey.sign(concat(honest.authenticatorData, sha256(raw))));
    expect(await codeOf(verify({ ...honest, clientDataJSON: raw, signature }))).toBe('E_WEBAUTHN');
  });
});

describe('DER signatures have one form', () => {
  const hex = (text: string): Uint8Array => fromHex(text.replaceAll(' ', ''));
  const signatures: readonly (readonly [what: string, der: Uint8Array, code: string])[] = [
    ['two small numbers', hex('30 06 02 01 01 02 01 02'), 'accepted'],
    ['a number with its sign byte', hex('30 07 02 02 00 80 02 01 02'), 'accepted'],
    ['empty', hex(''), 'E_WEBAUTHN'],
    ['not a sequence', hex('31 06 02 01 01 02 01 02'), 'E_WEBAUTHN'],
    ['a length that is too long', hex('30 07 02 01 01 02 01 02'), 'E_WEBAUTHN'],
    ['a length that is too short', hex('30 05 02 01 01 02 01 02'), 'E_WEBAUTHN'],
    ['bytes after the sequence', hex('30 06 02 01 01 02 01 02 00'), 'E_WEBAUTHN'],
    ['a third number', hex('30 09 02 01 01 02 01 02 02 01 03'), 'E_WEBAUTHN'],
    ['one number only', hex('30 03 02 01 01'), 'E_WEBAUTHN'],
    ['not integers', hex('30 06 04 01 01 02 01 02'), 'E_WEBAUTHN'],
    ['a needless zero in front', hex('30 07 02 02 00 01 02 01 02'), 'E_WEBAUTHN'],
    ['a negative number', hex('30 06 02 01 80 02 01 02'), 'E_WEBAUTHN'],
    ['a number without digits', hex('30 05 02 00 02 01 02'), 'E_WEBAUTHN'],
    ['a number past the end', hex('30 06 02 01 01 02 05 02'), 'E_WEBAUTHN'],
    ['a number of 33 digits', concat(hex('30 26 02 21 01'), new Uint8Array(32), hex('02 01 02')), 'E_WEBAUTHN'],
    ['an indefinite length', hex('30 80 02 01 01 02 01 02 00 00'), 'E_WEBAUTHN'],
    ['a long-form length', hex('30 81 06 02 01 01 02 01 02'), 'E_WEBAUTHN'],
  ];
  test.each(signatures)('%s', async (_what, der, code) => expect(await codeOf(() => rawSignature(der))).toBe(code));
  test('numbers are put at the right of their 32 bytes', () => {
    const raw = rawSignature(hex('30 07 02 02 00 80 02 01 02'));
    expect([raw[31], raw[63], raw.length]).toEqual([0x80, 2, 64]);
  });
});
