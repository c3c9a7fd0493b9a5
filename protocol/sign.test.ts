// Envelopes: what is signed is exactly what is read, and only messages of the type that was asked for (spec/03-envelopes.md).
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { codeOf } from '../testing/code-of.ts';
import { seededRandom, signerOf } from '../testing/seeded.ts';
import { encodeUtf8 } from './bytes.ts';
import { ProtocolError } from './errors.ts';
import { limits } from './limits.ts';
import { type Envelope, encodeEnvelope, parseEnvelope, payloadHash, payloadTypeOf, preAuthEncode, signEnvelope, verifyEnvelopeSignature } from './sign.ts';

const random = seededRandom('sign');
const [one, two] = [await signerOf(random(32)), await signerOf(random(32))];
const payload = random(50);
const signed = await signEnvelope('notice', payload, [{ signer: one }, { signer: two }]);
const envelope = parseEnvelope('notice', signed, 4_096);

test('the signed bytes are the DSSE pre-authentication encoding', () => {
  expect(preAuthEncode('http://example.com/HelloWorld', encodeUtf8('hello world'))).toEqual(
    encodeUtf8('DSSEv1 29 http://example.com/HelloWorld 11 hello world'),
  );
  expect(payloadTypeOf('entry')).toBe('application/vnd.stillvault.entry.v1+cbor');
});

test('INV-ENV-SIGN every signature is checked at its place', async () => {
  await verifyEnvelopeSignature(envelope, 0, one.publicKey);
  await verifyEnvelopeSignature(envelope, 1, two.publicKey);
  expect(await codeOf(verifyEnvelopeSignature(envelope, 0, two.publicKey))).toBe('E_SIGNATURE');
  expect(await codeOf(verifyEnvelopeSignature(envelope, 2, two.publicKey))).toBe('E_SIGNERS');
});

describe('INV-ENV-TYPE what was signed as one thing is never another', () => {
  test('another type is refused, and changing the type breaks the signature', async () => {
    expect(await codeOf(() => parseEnvelope('receipt', signed, 4_096))).toBe('E_ENVELOPE');
    const relabelled = parseEnvelope('receipt', encodeEnvelope({ ...envelope, payloadType: payloadTypeOf('receipt') }), 4_096);
    expect(await codeOf(verifyEnvelopeSignature(relabelled, 0, one.publicKey))).toBe('E_SIGNATURE');
  });
  test('another payload breaks the signature', async () => {
    expect(await codeOf(verifyEnvelopeSignature({ ...envelope, payload: random(50) }, 0, one.publicKey))).toBe('E_SIGNATURE');
  });
});

test('INV-ENV-HASH the hash of a message does not depend on its signatures, which are malleable', async () => {
  const again = parseEnvelope('notice', await signEnvelope('notice', payload, [{ signer: two }]), 4_096);
  expect(payloadHash('apr', 'notice', again.payload)).toBe(payloadHash('apr', 'notice', envelope.payload));
  expect(payloadHash('apr', 'receipt', payload)).not.toBe(payloadHash('apr', 'notice', payload));
});

describe('frames', () => {
  const frames: readonly (readonly [what: string, change: (envelope: Envelope) => Envelope, code: string])[] = [
    ['as it was', (frame) => frame, 'accepted'],
    ['no signature', (frame) => ({ ...frame, signatures: [] }), 'E_FIELD'],
    [
      'more signatures than an entry can have',
      (frame) => ({
        ...frame,
        signatures: Array.from({ length: 2 * limits.admins + 1 }, () => frame.signatures[0]).filter((signature) => signature !== undefined),
      }),
      'E_FIELD',
    ],
    ['no payload', (frame) => ({ ...frame, payload: new Uint8Array(0) }), 'E_FIELD'],
  ];
  test.each(frames)('%s', async (_what, change, code) => {
    expect(await codeOf(() => parseEnvelope('notice', encodeEnvelope(change(envelope)), limits.entryBytes))).toBe(code);
  });
  test('a frame that is no envelope is E_ENVELOPE, one past its bound E_LIMIT', async () => {
    expect(await codeOf(() => parseEnvelope('notice', Uint8Array.of(0xa0), 10))).toBe('E_ENVELOPE');
    expect(await codeOf(() => parseEnvelope('notice', signed, signed.length))).toBe('accepted');
    expect(await codeOf(() => parseEnvelope('notice', signed, signed.length - 1))).toBe('E_LIMIT');
  });
  test('any change of any byte is refused or breaks a signature', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: signed.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = signed.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        let parsed: Envelope;
        try {
          parsed = parseEnvelope('notice', changed, 4_096);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
          return;
        }
        const codes = await Promise.all([one, two].map((signer, index) => codeOf(verifyEnvelopeSignature(parsed, index, signer.publicKey))));
        const sameKeys = parsed.signatures.map(({ keyId }) => keyId).join() === [one.keyId, two.keyId].join();
        expect(codes.includes('E_SIGNATURE') || !sameKeys).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
