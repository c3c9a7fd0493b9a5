// Vectors of encoding, text, hashes, keys, envelopes, user verification, sealing. Never shipped.
import { concat, encodeUtf8, fromHex, toHex } from '../../protocol/bytes.ts';
import { encodeItem } from '../../protocol/codec.ts';
import { sealDeviceKeys } from '../../protocol/device-keys.ts';
import type { ProtocolCode } from '../../protocol/errors.ts';
import { type DeviceId, type OrgId, derive, hash } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { kemKeyFrom, pad, sealTo } from '../../protocol/seal.ts';
import { encodeEnvelope, parseEnvelope, signEnvelope } from '../../protocol/sign.ts';
import { type AssertionFacts, assertWith } from '../authenticator.ts';
import { seededRandom, signerOf } from '../seeded.ts';
import { idFrom } from '../world-people.ts';
import type { TextVector, Vector } from '../vector.ts';

export type Named = readonly (readonly [name: string, vector: Vector])[];

const random = seededRandom('vectors');
const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

export async function primitiveVectors(): Promise<Named> {
  return [...items(), ...texts(), ...hashes(), ...(await keys()), ...(await envelopes()), ...(await assertions()), ...(await seals()), ...(await deviceKeys())];
}

function items(): Named {
  const spec = '01-encoding.md';
  const nested = (depth: number): string => `${'81'.repeat(depth)}00`;
  const all: readonly (readonly [name: string, bytes: string, code?: ProtocolCode | undefined, maxBytes?: number])[] = [
    ['integers', '8b0017181818ff19010019ffff1a000100001affffffff1b00000001000000001b001fffffffffffff20'],
    ['strings', '844041ff6062c3bc'],
    ['map', 'a3000117021818a10180'],
    ['depth-at-bound', nested(limits.cborDepth)],
    ['bytes-at-bound', '43010203', undefined, 4],
    ['items-at-bound', toHex(encodeItem(Array.from({ length: limits.cborItems - 1 }, () => 0)))],
    ['empty', '', 'E_CBOR'],
    ['two-items', '0000', 'E_CBOR'],
    ['truncated', '4401', 'E_CBOR'],
    ['long-integer', '1800', 'E_CANONICAL'],
    ['long-length', '580161', 'E_CANONICAL'],
    ['map-order', 'a202000100', 'E_CANONICAL'],
    ['map-key-twice', 'a201000100', 'E_CBOR'],
    ['tag', 'c000', 'E_CBOR'],
    ['float', 'f93c00', 'E_CBOR'],
    ['boolean', 'f5', 'E_CBOR'],
    ['null', 'f6', 'E_CBOR'],
    ['undefined', 'f7', 'E_CBOR'],
    ['indefinite-bytes', '5f4100ff', 'E_CBOR'],
    ['indefinite-array', '9f00ff', 'E_CBOR'],
    ['integer-beyond-53-bits', '1b0020000000000000', 'E_CBOR'],
    ['text-not-utf8', '61ff', 'E_CBOR'],
    ['text-surrogate', '63eda080', 'E_CBOR'],
    ['length-beyond-memory', '5b001fffffffffffff', 'E_CBOR'],
    ['too-deep', nested(limits.cborDepth + 1), 'E_LIMIT'],
    ['too-many-items', toHex(encodeItem(Array.from({ length: limits.cborItems }, () => 0))), 'E_LIMIT'],
    ['too-many-bytes', '4401020304', 'E_LIMIT', 4],
  ];
  return all.map(([name, bytes, code, maxBytes]) => [
    `item-${name}`,
    {
      name: `CBOR: ${name.replaceAll('-', ' ')}`,
      spec: `${spec}#items`,
      kind: 'item',
      bytes,
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(code ? { code } : {}),
    },
  ]);
}

function texts(): Named {
  const units = (text: string): readonly number[] => Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  const all: readonly (readonly [name: string, rule: TextVector['rule'], text: string, refused?: boolean | ProtocolCode])[] = [
    ['plain', 'text', 'nightly report'],
    ['other-scripts', 'text', '夜間レポート'],
    ['emoji', 'text', '❤️ deploy'],
    ['at-bound', 'text', 'é'.repeat(limits.claimGraphemes)],
    ['name-unassigned', 'name', 'a\u0378b'],
    ['path', 'path', 'prod/db-primary_v1.2'],
    ['field', 'field', 'password'],
    ['pattern', 'pattern', 'prod/*/**'],
    ['marks', 'claim', 'ạ̈̂̃'.normalize('NFC')],
    ['line-break', 'name', 'one\ntwo', true],
    ['escape', 'name', 'a\u001b[31m', true],
    ['right-to-left-override', 'name', 'a\u202eb', true],
    ['zero-width-space', 'name', 'ad\u200bmin', true],
    ['zero-width-joiner', 'name', 'ad\u200dmin', true],
    ['tag-character', 'name', 'a\u{e0041}', true],
    ['hangul-filler', 'name', 'a\u3164', true],
    ['variation-selector', 'name', 'a\ufe0f', true],
    ['private-use', 'name', 'a\ue000', true],
    ['lone-surrogate', 'name', 'a\ud800', true],
    ['not-nfc', 'name', 'u\u0308', true],
    ['space-behind', 'name', 'admin ', true],
    ['unassigned', 'text', 'a\u0378b', true],
    ['too-long', 'text', 'é'.repeat(limits.claimGraphemes + 1), true],
    ['stacked-marks', 'claim', `x${'\u0335'.repeat(5)}`, true],
    ['path-empty-segment', 'path', 'prod//db', true],
    ['path-dot', 'path', '.env', true],
    ['path-not-ascii', 'path', 'prod/dв', true],
    ['path-too-long', 'path', 'a'.repeat(limits.pathBytes + 1), true],
    ['field-digit', 'field', '1a', true],
    ['pattern-stars-inside', 'pattern', 'a/**/b', 'E_POLICY'],
  ];
  return all.map(([name, rule, text, refused]) => [
    `text-${name}`,
    {
      name: `text: ${name.replaceAll('-', ' ')}`,
      spec: rule === 'pattern' ? '06-policy.md#patterns' : '01-encoding.md#text',
      kind: 'text',
      rule,
      units: units(text),
      ...(refused === undefined ? {} : { code: refused === true ? 'E_TEXT' : (refused as ProtocolCode) }),
    }, // false is not in the table
  ]);
}

function hashes(): Named {
  const fields = ['text', 7, fromHex('0102'), ['nested', 0]] as const;
  const [key, salt] = [random(32), random(16)];
  return [
    [
      'hash-fields',
      {
        name: 'a hash over its label and fields',
        spec: '02-keys.md#hashing',
        kind: 'hash',
        use: 'entry',
        fields: toHex(encodeItem(fields)),
        hash: hash('entry', fields),
      },
    ],
    ['hash-no-fields', { name: 'a hash without fields', spec: '02-keys.md#hashing', kind: 'hash', use: 'core', fields: '80', hash: hash('core', []) }],
    [
      'derive-fields',
      {
        name: 'a key derived with salt and fields',
        spec: '02-keys.md#hashing',
        kind: 'derive',
        use: 'dek',
        key: toHex(key),
        salt: toHex(salt),
        fields: toHex(encodeItem(fields)),
        out: toHex(derive('dek', key, salt, fields)),
      },
    ],
    [
      'derive-no-salt',
      {
        name: 'a key derived without salt',
        spec: '02-keys.md#hashing',
        kind: 'derive',
        use: 'device-kek',
        key: toHex(key),
        salt: '',
        fields: '80',
        out: toHex(derive('device-kek', key, new Uint8Array(0), [])),
      },
    ],
  ];
}

async function keys(): Promise<Named> {
  const spec = '02-keys.md#encodings';
  const signer = await signerOf(random(32));
  const seed = random(32);
  const kem = await kemKeyFrom(seed.slice());
  const message = random(20);
  const signature = await signer.sign(message);
  const mlkem = kem.publicKey.subarray(0, 1_184);
  const bad = (name: string, algorithm: 'ES256' | 'X-Wing', publicKey: Uint8Array): Named[number] => [
    `key-${name}`,
    { name: `key: ${name.replaceAll('-', ' ')}`, spec, kind: 'key', algorithm, publicKey: toHex(publicKey), code: 'E_KEY_ENCODING' },
  ];
  const signed = (name: string, publicKey: Uint8Array, over: Uint8Array, made: Uint8Array, code?: ProtocolCode): Named[number] => [
    `signature-${name}`,
    {
      name: `signature: ${name.replaceAll('-', ' ')}`,
      spec: '02-keys.md#signatures',
      kind: 'signature',
      publicKey: toHex(publicKey),
      message: toHex(over),
      signature: toHex(made),
      ...(code ? { code } : {}),
    },
  ];
  return [
    ['key-es256', { name: 'a P-256 point and its id', spec, kind: 'key', algorithm: 'ES256', publicKey: toHex(signer.publicKey), keyId: signer.keyId }],
    [
      'key-x-wing',
      {
        name: 'an X-Wing key from its seed, and its id',
        spec,
        kind: 'key',
        algorithm: 'X-Wing',
        publicKey: toHex(kem.publicKey),
        keyId: kem.keyId,
        seed: toHex(seed),
      },
    ],
    bad('off-curve', 'ES256', flip(signer.publicKey, 64)),
    bad('infinity', 'ES256', concat(Uint8Array.of(4), new Uint8Array(64))),
    bad('compressed', 'ES256', concat(Uint8Array.of(2), signer.publicKey.subarray(1, 33))),
    bad('hybrid', 'ES256', concat(Uint8Array.of(6), signer.publicKey.subarray(1))),
    bad('modulus', 'X-Wing', concat(Uint8Array.of(1, 13, 0), mlkem.subarray(3), kem.publicKey.subarray(1_184))),
    bad('low-order', 'X-Wing', concat(mlkem, new Uint8Array(32))),
    bad('short', 'X-Wing', kem.publicKey.subarray(1)),
    signed('valid', signer.publicKey, message, signature),
    signed('other-message', signer.publicKey, flip(message, 0), signature, 'E_SIGNATURE'),
    signed('zeros', signer.publicKey, message, new Uint8Array(64), 'E_SIGNATURE'),
    signed('short', signer.publicKey, message, signature.subarray(1), 'E_SIGNATURE'),
  ];
}

async function envelopes(): Promise<Named> {
  const spec = '03-envelopes.md#envelope';
  const [one, two] = [await signerOf(random(32)), await signerOf(random(32))];
  const payload = random(30);
  const bytes = await signEnvelope('notice', payload, [{ signer: one }, { signer: two }]);
  const parsed = parseEnvelope('notice', bytes, 4_096);
  const publicKeys = [one, two].map(({ publicKey }) => toHex(publicKey));
  const wrong = (name: string, code: ProtocolCode, changed: Uint8Array, type = 'notice', keysOf: readonly string[] = publicKeys): Named[number] => [
    `envelope-${name}`,
    { name: `envelope: ${name.replaceAll('-', ' ')}`, spec, kind: 'envelope', type, bytes: toHex(changed), publicKeys: keysOf, code },
  ];
  return [
    [
      'envelope-two-signers',
      { name: 'an envelope with two signatures', spec, kind: 'envelope', type: 'notice', bytes: toHex(bytes), publicKeys, payload: toHex(payload) },
    ],
    wrong('other-type', 'E_ENVELOPE', bytes, 'receipt'),
    wrong('relabelled', 'E_SIGNATURE', encodeEnvelope({ ...parsed, payloadType: parsed.payloadType.replace('notice', 'receipt') }), 'receipt'),
    wrong('other-payload', 'E_SIGNATURE', encodeEnvelope({ ...parsed, payload: flip(payload, 3) })),
    wrong('signatures-exchanged', 'E_SIGNATURE', encodeEnvelope({ ...parsed, signatures: parsed.signatures.toReversed() })),
    wrong('signature-missing', 'E_SIGNERS', encodeEnvelope({ ...parsed, signatures: parsed.signatures.slice(0, 1) })),
    wrong('not-an-envelope', 'E_ENVELOPE', Uint8Array.of(0xa0)),
    wrong('bytes-after', 'E_CBOR', concat(bytes, Uint8Array.of(0))),
    wrong('too-large', 'E_LIMIT', new Uint8Array(limits.entryBytes + 1)),
  ];
}

async function assertions(): Promise<Named> {
  const passkey = await signerOf(random(32));
  const other = await signerOf(random(32));
  const facts: AssertionFacts = { rpId: 'console.example', origin: 'https://console.example', challenge: random(32) };
  const make = async (name: string, code: ProtocolCode | undefined, change: Partial<AssertionFacts> = {}, by = passkey): Promise<Named[number]> => {
    const { authenticatorData, clientDataJSON, signature } = await assertWith(by, { ...facts, ...change });
    return [
      `assertion-${name}`,
      {
        name: `user verification: ${name.replaceAll('-', ' ')}`,
        spec: '03-envelopes.md#user-verification',
        kind: 'assertion',
        authenticatorData: toHex(authenticatorData),
        clientDataJSON: toHex(clientDataJSON),
        signature: toHex(signature),
        challenge: toHex(facts.challenge),
        publicKey: toHex(passkey.publicKey),
        rpId: facts.rpId,
        origins: [facts.origin],
        ...(code ? { code } : {}),
      },
    ];
  };
  const honest = await make('raw-signature', 'E_WEBAUTHN');
  const raw: Named[number] = [honest[0], { ...honest[1], signature: toHex(random(64)) } as Vector]; // the same vector with one field replaced
  return [
    await make('valid', undefined),
    await make('not-backed-up', undefined, { flags: 5 }),
    await make('cross-origin-absent', undefined, { client: { crossOrigin: undefined } }),
    await make('other-rp', 'E_WEBAUTHN', { rpId: 'evil.example' }),
    await make('other-origin', 'E_WEBAUTHN', { origin: 'https://evil.console.example' }),
    await make('other-challenge', 'E_WEBAUTHN', { challenge: random(32) }),
    await make('user-not-verified', 'E_WEBAUTHN', { flags: 1 }),
    await make('user-not-present', 'E_WEBAUTHN', { flags: 4 }),
    await make('cross-origin', 'E_WEBAUTHN', { client: { crossOrigin: true } }),
    await make('top-origin', 'E_WEBAUTHN', { client: { topOrigin: 'https://evil.example' } }),
    await make('registration', 'E_WEBAUTHN', { client: { type: 'webauthn.create' } }),
    await make('other-credential', 'E_WEBAUTHN', {}, other),
    raw,
  ];
}

async function seals(): Promise<Named> {
  const spec = '04-sealing.md';
  const seed = random(32);
  const org = toHex(random(32)) as OrgId; // an org of these vectors
  const plain = encodeUtf8('sealed to one');
  const sealed = await sealTo((await kemKeyFrom(seed.slice())).publicKey, 'inbox', org, ['place', 1], plain);
  const base = {
    spec: `${spec}#sealed-to-a-key`,
    kind: 'sealed',
    seed: toHex(seed),
    use: 'inbox',
    org,
    aad: toHex(encodeItem(['place', 1])),
    sealed: toHex(sealed),
  } as const;
  const padded = (name: string, bytes: Uint8Array, content?: Uint8Array): Named[number] => [
    `padded-${name}`,
    {
      name: `padding: ${name.replaceAll('-', ' ')}`,
      spec: `${spec}#padding`,
      kind: 'padded',
      padded: toHex(bytes),
      ...(content ? { content: toHex(content) } : { code: 'E_PADDING' }),
    },
  ];
  return [
    ['sealed-valid', { ...base, name: 'sealed to a key: opens', plain: toHex(plain) }],
    ['sealed-other-key', { ...base, name: 'sealed to a key: another key', seed: toHex(random(32)), code: 'E_OPEN' }],
    ['sealed-other-use', { ...base, name: 'sealed to a key: another use', use: 'reseal', code: 'E_OPEN' }],
    ['sealed-other-org', { ...base, name: 'sealed to a key: another org', org: '00'.repeat(32), code: 'E_OPEN' }],
    ['sealed-other-place', { ...base, name: 'sealed to a key: another place', aad: toHex(encodeItem(['place', 2])), code: 'E_OPEN' }],
    ['sealed-changed', { ...base, name: 'sealed to a key: changed', sealed: toHex(flip(sealed, sealed.length - 1)), code: 'E_OPEN' }],
    ['sealed-short', { ...base, name: 'sealed to a key: too short', sealed: toHex(sealed.subarray(0, 100)), code: 'E_OPEN' }],
    padded('empty', pad(new Uint8Array(0)), new Uint8Array(0)),
    padded('step', pad(new Uint8Array(253).fill(1)), new Uint8Array(253).fill(1)),
    padded('padme', pad(new Uint8Array(5_000).fill(2)), new Uint8Array(5_000).fill(2)),
    padded('short', new Uint8Array(3)),
    padded('length-beyond', concat(Uint8Array.of(0, 0, 0, 253), new Uint8Array(252))),
    padded('not-zero', concat(Uint8Array.of(0, 0, 0, 1), new Uint8Array(251), Uint8Array.of(1))),
  ];
}

async function deviceKeys(): Promise<Named> {
  const scalar = random(32);
  const [signer, seed] = [await signerOf(scalar), random(32)];
  const input = {
    org: toHex(random(32)) as OrgId,
    device: idFrom<DeviceId>(random),
    rpId: 'console.example',
    credentialId: random(16),
    prf: { first: random(32), second: random(32) },
    local: random(32),
  }; // an org of these vectors
  const stored = await sealDeviceKeys(input, { sigScalar: scalar, sigPublic: signer.publicKey, custodySeed: seed.slice() }, random);
  const base = {
    spec: '02-keys.md#device',
    kind: 'device-keys',
    org: input.org,
    device: input.device,
    rpId: input.rpId,
    credentialId: toHex(input.credentialId),
    prf: [toHex(input.prf.first), toHex(input.prf.second)],
    local: toHex(input.local),
    stored: toHex(stored),
  } as const;
  return [
    ['device-keys-valid', { ...base, name: 'device keys: open', sigKeyId: signer.keyId, custodyKeyId: (await kemKeyFrom(seed)).keyId }],
    ['device-keys-other-prf', { ...base, name: 'device keys: other PRF bytes', prf: [toHex(random(32)), base.prf[1]], code: 'E_PRF_KCV' }],
    ['device-keys-other-local', { ...base, name: 'device keys: another browser', local: toHex(random(32)), code: 'E_PRF_KCV' }],
    ['device-keys-no-prf', { ...base, name: 'device keys: no PRF', prf: ['', ''], code: 'E_PRF_MISSING' }],
    ['device-keys-changed', { ...base, name: 'device keys: changed in storage', stored: toHex(flip(stored, stored.length - 1)), code: 'E_OPEN' }],
  ];
}
