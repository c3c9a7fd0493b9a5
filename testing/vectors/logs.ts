// Vectors of the org log: one log with an entry of every type, and entries that must be refused, each for one reason. Never shipped.
import { toHex } from '../../protocol/bytes.ts';
import { decodeItem, encodeItem } from '../../protocol/codec.ts';
import { rewrapForMachine, sealSecret } from '../../protocol/custody.ts';
import type { ProtocolCode } from '../../protocol/errors.ts';
import { type GroupId, type Hash, type MemberId, type SecretId, blobHash } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import type { EntryType, SecretPut } from '../../protocol/org-log/bodies.ts';
import { byRecipient } from '../../protocol/org-log/apply-secret.ts';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import { stateHash } from '../../protocol/org-log/state-hash.ts';
import { advance } from '../../protocol/org-log/apply.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { type Envelope, encodeEnvelope, parseEnvelope } from '../../protocol/sign.ts';
import type { LogVector, Vector } from '../vector.ts';
import { type Speaker, World, everyRole, found, signAs } from '../world.ts';
import { enrolmentOf, idFrom, makeDevice, makeKit, makeMachine, makeToken, origin, rpId } from '../world-people.ts';
import { halfOf } from '../world-release.ts';
import type { Named } from './primitives.ts';

const spec = '05-org-log.md';

export async function logVectors(): Promise<Named> {
  return [...(await everyType()), ...(await refused())];
}

export function logOf(world: World, name: string): LogVector {
  return {
    name,
    spec: `${spec}#verify`,
    kind: 'log',
    now: world.clock.now(),
    entries: world.entries.map(({ bytes }) => toHex(bytes)),
    heads: world.entries.map(({ eh }) => eh),
    stateHash: stateHash(world.state),
  };
}

/** A log in which every type of entry stands, and each first one of a type as a vector of its own. */
async function everyType(): Promise<Named> {
  const world = new World('vectors of every type');
  await world.genesis({ tAdmin: 2, withRecovery: true });
  const ben = await world.addMember('ben');
  const by = [world.device('ada'), found(ben.devices[0], 'ben’s phone')];
  await world.addMember('eve', ['approver'], [found(by[1], 'ben')]);
  const group = idFrom<GroupId>(world.random);
  await world.append('group.set', { group, name: 'on call', members: [world.member('ada').id, world.member('eve').id] }, by);
  await world.append(
    'policy.set',
    world.policy({
      pattern: 'prod/db',
      clauses: [
        { k: 1, members: [], groups: [group] },
        { k: 1, members: [ben.id], groups: [] },
      ],
      hours: { days: [1, 2, 3, 4, 5], fromMinute: 420, toMinute: 1_260 },
      hosts: ['db.example'],
    }),
    by,
  );
  const [laptop, old] = [await world.addMachine('laptop', { owner: ben.id }), await world.addMachine('old')];
  await world.put(
    'prod/db',
    {
      kind: 'fields',
      fields: [
        { name: 'user', value: world.random(4) },
        { name: 'password', value: world.random(20) },
      ],
    },
    undefined,
    'primary database',
  );
  await world.addMachine('server');
  const secret = world.secret('prod/db');
  const { entry, blob } = await rewrapForMachine(world.state, secret, world.machine('server').id, await halfOf(world, laptop, secret));
  world.blobs.set(blobHash(blob), blob);
  const item = { secret: secret.id, putEh: secret.putEh, policyEh: secret.put.policyEh, shares: [], wraps: [entry] };
  await world.append('secret.rewrap', { items: [item] }, [laptop]);
  await world.append('checkpoint', { stateHash: stateHash(world.state), snapshot: stateHash(world.state) }, [world.device('eve')]); // an address that nobody looks up
  await world.append('org.freeze', { reason: 'a laptop is missing' });
  await world.append('machine.revoke', { machine: old.id, exposed: [secret.id] });
  await world.append('device.revoke', { device: world.device('eve').id, exposed: [secret.id] }, [world.device('eve')]);
  await world.append('member.remove', { member: world.member('eve').id, exposed: [secret.id] });
  await world.rotate();
  await world.append('org.unfreeze', { reason: '' }, by);
  const kit = await makeKit(world.random);
  await world.append('recovery.set', kit.facts, by);
  await world.append('secret.retire', { secret: secret.id });
  await world.append('member.set', { member: ben.id, name: 'ben', roles: ['admin', 'approver'] }, [found(by[1], 'ben')]);
  await world.append('machine.set', { machine: laptop.id, groups: [group] });
  await world.append(
    'org.set',
    {
      name: 'Difference Engines',
      tAdmin: 1,
      origins: [origin, 'https://new.example'],
      rpIds: [rpId, 'new.example'],
      authenticators: { deviceBoundOnly: false, aaguids: [new Uint8Array(16)], attested: false },
    },
    by,
  );
  const phone = await makeDevice(world.random, world.device('ada').member, 'ada’s new phone');
  const member = { member: phone.member, name: 'ada', roles: everyRole };
  await world.append('recovery.use', { reason: 'a phone is lost', member, device: phone.facts }, [kit, phone]);
  world.clock.advance(kit.facts.delayMs);
  await world.append('recovery.finish', { use: world.state.head.eh }, [kit, phone]);

  const log = logOf(world, 'a log with an entry of every type that exists');
  const seen = new Set<EntryType>();
  const single: [string, Vector][] = [];
  let state: OrgState | undefined;
  for (const [index, { bytes, eh, type }] of world.entries.entries()) {
    state = await advance(state, bytes, world.clock.now());
    if (seen.has(type)) continue;
    seen.add(type);
    single.push([
      `entry-${type.replace('.', '-')}`,
      {
        name: `${type} is accepted`,
        spec: `${spec}#rules`,
        kind: 'entry',
        log: index === 0 ? '' : 'log-every-type',
        ...(index === 0 ? {} : { at: index }),
        now: world.clock.now(),
        entry: toHex(bytes),
        eh,
        stateHash: stateHash(state),
      },
    ]);
  }
  return [['log-every-type', log], ...single];
}

/** Entries on one head, refused. */
async function refused(): Promise<Named> {
  const world = new World('vectors of refusals');
  await world.genesis({ tAdmin: 2, withRecovery: true });
  const ada = world.device('ada');
  await world.addMember('ben');
  const ben = world.device('ben');
  await world.addMember('eve', ['approver'], [ben]);
  const eve = world.device('eve');
  const laptop = await world.addMachine('laptop');
  await world.put('prod/db', 'value');
  const secret = world.secret('prod/db');
  const used = found([...world.state.tokens.values()][0], 'used token');
  const short = await world.issueToken({ expiresAt: world.clock.now() + 1_000 });
  const token = await world.issueToken();
  await world.addDevice('eve', 'lost', [ada, eve]);
  await world.append('device.revoke', { device: found(world.member('eve').devices[1], 'lost').id, exposed: [] });
  await world.addMachine('late');
  world.clock.advance(2_000);

  const { seq } = world.state.head;
  const out: [string, Vector][] = [['log-team', logOf(world, 'a log of two admins, an approver, machines, a token and a secret')]];
  const add = (name: string, code: ProtocolCode, entry: Uint8Array, section = 'rules'): void => {
    out.push([
      `entry-${name}`,
      {
        name: `entry: ${name.replaceAll('-', ' ')}`,
        spec: `${spec}#${section}`,
        kind: 'entry',
        log: 'log-team',
        now: world.clock.now(),
        entry: toHex(entry),
        code,
      },
    ]);
  };
  const freeze = (doctored: Parameters<World['draft']>[3] = {}, by: readonly Speaker[] = [ada]): Promise<Uint8Array> =>
    world.draft('org.freeze', { reason: 'stop' }, by, doctored);
  const frame = (bytes: Uint8Array, change: (envelope: Envelope) => Envelope): Uint8Array =>
    encodeEnvelope(change(parseEnvelope('entry', bytes, limits.entryBytes)));
  const payload = async (change: (map: Map<number, unknown>) => void): Promise<Uint8Array> => {
    const map = new Map<number, unknown>(
      decodeItem(parseEnvelope('entry', await freeze(), limits.entryBytes).payload, limits.entryBytes) as ReadonlyMap<number, unknown>,
    ); // an entry is a map
    change(map);
    return signAs(encodeItem(map as never), [ada]); // whatever a hostile signer puts there
  };

  add('place-gap', 'E_CHAIN_GAP', await freeze({ frame: { seq: seq + 2 } }), 'verify');
  add('place-other-parent', 'E_CHAIN', await freeze({ frame: { prev: found(world.history(1), 'entry') } }), 'verify');
  add('place-old', 'E_CHAIN', await freeze({ frame: { seq: 1 } }), 'verify');
  add('place-fork', 'E_FORK', await freeze({ frame: { seq, prev: found(world.history(seq - 1), 'entry') } }), 'verify');
  add('time-future', 'E_CLOCK', await freeze({ frame: { ts: world.clock.now() + limits.clockSkewMs + 1 } }), 'verify');
  add('time-past', 'E_CLOCK', await freeze({ frame: { ts: world.state.ts - limits.clockSkewMs - 1 } }), 'verify');
  add('version', 'E_SUITE', await payload((map) => map.set(1, 2)), 'verify');
  add('suite', 'E_SUITE', await payload((map) => map.set(2, 2)), 'verify');
  add('type-unknown', 'E_TYPE_UNKNOWN', await payload((map) => map.set(6, 99)), 'verify');
  add('field-unknown', 'E_FIELD', await payload((map) => map.set(10, 0)), 'verify');
  add(
    'body-field-unknown',
    'E_FIELD',
    await payload((map) =>
      map.set(
        9,
        new Map<number, unknown>([
          [1, 'stop'],
          [2, 0],
        ]),
      ),
    ),
    'verify',
  );
  add(
    'signature-missing',
    'E_SIGNERS',
    frame(await freeze({}, [ada, ben]), (envelope) => ({ ...envelope, signatures: envelope.signatures.slice(0, 1) })),
    'verify',
  );
  add('signature-added', 'E_SIGNERS', await freeze({ frame: { signers: [ada.voice.ref] } }, [ada, ben]), 'verify');
  add('signer-twice', 'E_SIGNERS', await freeze({}, [ada, ada]), 'verify');
  add('signer-unknown', 'E_SIGNERS', await freeze({}, [await makeDevice(world.random, ada.member, 'stranger')]), 'verify');
  add('signer-presence-key', 'E_SIGNERS', await freeze({}, [{ voice: { ...ada.voice, signer: ada.presence } }]), 'verify');
  add('signer-revoked', 'E_REVOKED', await freeze({}, [found(world.member('eve').devices[1], 'lost')]), 'verify');
  add(
    'signature-broken',
    'E_SIGNATURE',
    frame(await freeze(), (envelope) => ({
      ...envelope,
      signatures: envelope.signatures.map((signature) => ({ ...signature, signature: new Uint8Array(64) })),
    })),
    'verify',
  );
  add(
    'verification-missing',
    'E_WEBAUTHN',
    frame(await freeze(), (envelope) => ({ ...envelope, signatures: envelope.signatures.map(({ keyId, signature }) => ({ keyId, signature })) })),
    'verify',
  );
  add('verification-other-origin', 'E_WEBAUTHN', await freeze({ assertion: { origin: 'https://evil.example' } }), 'verify');
  const twin = new World('vectors of refusals');
  await twin.genesis({ policies: [] });
  add('other-org', 'E_ORG', await twin.draft('org.freeze', { reason: '' }, [ada], { frame: { seq: seq + 1, prev: world.state.head.eh } }), 'verify');
  add('genesis-again', 'E_CHAIN', await world.draft('genesis', world.genesisBody(world.member('ada'), ada, [], 1, [])), 'verify');

  const newMember = { member: idFrom<MemberId>(world.random), name: 'new', roles: [] };
  add('member-one-admin', 'E_THRESHOLD', await world.draft('member.add', newMember));
  add('member-two-devices', 'E_SIGNERS', await world.draft('member.add', newMember, [ada, ada]));
  add('member-no-admin', 'E_ROLE', await world.draft('member.add', newMember, [eve]));
  add('member-id-reused', 'E_ID_REUSED', await world.draft('member.add', { ...newMember, member: eve.member }, [ada, ben]));
  add('member-name', 'E_TEXT', await world.draft('member.add', { ...newMember, name: 'a\u202eb' }, [ada, ben]));
  add('member-remove-unknown', 'E_UNKNOWN_ID', await world.draft('member.remove', { member: newMember.member, exposed: [] }));
  add('min-admins', 'E_MIN_ADMINS', await world.draft('member.remove', { member: ben.member, exposed: [] }));
  const device = await makeDevice(world.random, eve.member, 'new');
  add('device-one-admin', 'E_THRESHOLD', await world.draft('device.add', device.facts, [ada, device]));
  add('device-without-own-signature', 'E_SIGNERS', await world.draft('device.add', device.facts, [ada, eve]));
  add('device-key-reused', 'E_KEY_REUSED', await world.draft('device.add', { ...device.facts, custodyKey: ben.facts.custodyKey }, [ada, eve, device]));
  add(
    'device-key-off-curve',
    'E_KEY_ENCODING',
    await world.draft('device.add', { ...device.facts, presenceKey: device.facts.presenceKey.map((byte, index) => (index === 64 ? byte ^ 1 : byte)) }, [
      ada,
      eve,
      device,
    ]),
  );
  add(
    'device-key-modulus',
    'E_KEY_ENCODING',
    await world.draft('device.add', { ...device.facts, inboxKey: device.facts.inboxKey.map((byte, index) => (index < 3 ? 255 : byte)) }, [ada, eve, device]),
  );
  add(
    'device-other-rp',
    'E_WEBAUTHN',
    await world.draft('device.add', { ...device.facts, passkey: { ...device.facts.passkey, rpId: 'evil.example' } }, [ada, eve, device]),
  );
  const machine = await makeMachine(world.random, 'new');
  add('token-used', 'E_TOKEN_USED', await useAgain(world, used.token));
  add('token-expired', 'E_TOKEN_EXPIRED', await world.draft('machine.enrol', enrolmentOf(machine, short.id), [short, machine]));
  add('token-other-signer', 'E_TOKEN_SCOPE', await world.draft('machine.enrol', enrolmentOf(machine, token.id), [ada, machine]));
  const longLived = await makeToken(world.random, { expiresAt: world.clock.now() + limits.tokenLifeMs + 1, autoAdmit: false, groups: [] });
  add('token-too-long', 'E_TOKEN_EXPIRED', await world.draft('token.issue', longLived.facts));
  add(
    'token-admits-everywhere',
    'E_TOKEN_SCOPE',
    await world.draft('token.issue', { ...longLived.facts, expiresAt: world.clock.now() + 1_000, autoAdmit: true }, [ada, ben]),
  );
  const { eh: _, ...policy } = found([...world.state.policies.values()][0], 'policy');
  add('policy-widens', 'E_THRESHOLD', await world.draft('policy.set', { ...policy, maxTtlS: policy.maxTtlS + 1 }));
  add('policy-unreachable', 'E_QUORUM', await world.draft('policy.set', { ...policy, clauses: [{ k: 2, members: [ada.member], groups: [] }] }, [ada, ben]));
  add('policy-pattern-twice', 'E_POLICY', await world.draft('policy.set', world.policy({ pattern: policy.pattern }), [ada, ben]));
  add('rotate-epoch', 'E_MK_EPOCH', await world.draft('meta.rotate', { epoch: 2, commitment: zeroHash, wraps: zeroHash }));
  add('checkpoint-other-state', 'E_CHECKPOINT_STATE', await world.draft('checkpoint', { stateHash: zeroHash }));

  const put = await newVersion(world, secret.id, secret.putEh);
  const puts: readonly (readonly [name: string, code: ProtocolCode, change: Partial<SecretPut>])[] = [
    [
      'hidden-recipient',
      'E_RECIPIENTS',
      { wraps: [...put.wraps, { kind: 'device', recipient: eve.id, keyId: eve.custody.keyId, wrap: zeroHash } as const].sort(byRecipient) },
    ],
    ['recipient-missing', 'E_RECIPIENTS', { wraps: put.wraps.slice(1) }],
    ['key-not-in-log', 'E_KEY_NOT_IN_LOG', { wraps: put.wraps.map((wrap, index) => (index === 0 ? { ...wrap, keyId: eve.custody.keyId } : wrap)) }],
    ['other-threshold', 'E_QUORUM', { k: 2 }],
    ['version-skipped', 'E_VERSION', { ver: 3 }],
    ['version-other-parent', 'E_VERSION', { prevVerEh: zeroHash }],
    ['path-taken', 'E_ID_REUSED', { secret: idFrom<SecretId>(world.random), ver: 1, prevVerEh: zeroHash }],
    ['policy-changed', 'E_POLICY_CHANGED', { policyEh: zeroHash }],
    ['no-policy', 'E_ID_REUSED', { path: 'other/db' }],
    ['path-malformed', 'E_TEXT', { path: '/prod' }],
    ['share-points', 'E_SHARE_COMMIT', { shares: put.shares.map((share) => ({ ...share, x: 1 })) }],
  ];
  for (const [name, code, change] of puts) add(`put-${name}`, code, await world.draft('secret.put', { ...put, ...change }), 'secrets');
  add('put-by-machine', 'E_ROLE', await world.draft('secret.put', put, [laptop]), 'secrets');
  const late = world.machine('late');
  const wrap = { kind: 'machine', recipient: late.id, keyId: late.kem.keyId, wrap: zeroHash } as const;
  const rewrap = { secret: secret.id, putEh: secret.putEh, policyEh: secret.put.policyEh, shares: [], wraps: [wrap] };
  add('rewrap-twice', 'E_RECIPIENTS', await world.draft('secret.rewrap', { items: [{ ...rewrap, wraps: [wrap, wrap] }] }, [laptop]), 'secrets');
  add('rewrap-by-stranger', 'E_ROLE', await world.draft('secret.rewrap', { items: [rewrap] }, [late]), 'secrets');
  add('rewrap-old-version', 'E_VERSION', await world.draft('secret.rewrap', { items: [{ ...rewrap, putEh: zeroHash as Hash }] }, [laptop]), 'secrets');
  add('rewrap-secret-twice', 'E_FIELD', await world.draft('secret.rewrap', { items: [rewrap, rewrap] }, [laptop]), 'secrets');
  return [...out, ...(await frozen())];
}

async function frozen(): Promise<Named> {
  const world = new World('vectors of a freeze');
  await world.genesis();
  await world.append('org.freeze', { reason: '' });
  const entry = await world.draft('policy.set', world.policy({ pattern: 'x' }));
  return [
    ['log-frozen', logOf(world, 'a frozen org')],
    [
      'entry-frozen',
      { name: 'entry: while frozen', spec: `${spec}#rules`, kind: 'entry', log: 'log-frozen', now: world.clock.now(), entry: toHex(entry), code: 'E_FROZEN' },
    ],
  ];
}

async function useAgain(world: World, id: string): Promise<Uint8Array> {
  const again = found(world.tokens.get(id), 'token');
  const machine = await makeMachine(world.random, 'second');
  return world.draft('machine.enrol', enrolmentOf(machine, again.id), [again, machine]);
}

async function newVersion(world: World, secret: SecretId, prevVerEh: Hash): Promise<SecretPut> {
  return (
    await sealSecret(
      world.state,
      { secret, path: 'prod/db', ver: 2, prevVerEh, value: { kind: 'value', value: new Uint8Array(3) }, description: '' },
      world.random,
    )
  ).put;
}
