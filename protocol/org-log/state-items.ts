// Everything that a state says as a list of items, and back: what the state hash covers is what a snapshot holds, no more and no less
// (spec/05-org-log.md §checkpoint).
import { type Codec, type Item, count, decode, encode, flag, int, text, time } from '../codec.ts';
import { ProtocolError, check } from '../errors.ts';
import type { GroupId, Hash, KeyId, MachineId, MemberId, OrgId, SecretId } from '../hash.ts';
import { keyIdOf } from '../keys.ts';
import { limits } from '../limits.ts';
import { byRecipient } from './apply-secret.ts';
import { type GroupSet, deviceAddCodec, memberAddCodec, secretPutCodec, shareCodec, wrapCodec } from './bodies.ts';
import { bodyCodecs, policyCodec } from './body-codecs.ts';
import type { SignerRef } from './entry.ts';
import { IdMap } from './id-map.ts';
import { authenticatorsCodec, originsCodec, recoveryCodec, recoveryUseCodec, rpIdsCodec } from './org-bodies.ts';
import { type Device, type KeyUse, type Machine, type Member, type OrgState, type PolicyInForce, type Secret, type Token, pathKey } from './state.ts';

/** One thing that the state holds. The same object says the same for ever. */
export interface Leaf {
  readonly of: object;
  readonly item: () => readonly Item[];
}

/** All of them, or those that `before` does not hold: nothing is ever taken out of a state. */
export function* stateLeaves(state: OrgState, before?: OrgState): Generator<Leaf> {
  yield* leavesOf(state.members, before?.members, memberItem);
  yield* leavesOf(state.devices, before?.devices, deviceItem);
  yield* leavesOf(state.machines, before?.machines, machineItem);
  yield* leavesOf(state.tokens, before?.tokens, tokenItem);
  yield* leavesOf(state.groups, before?.groups, groupItem);
  yield* leavesOf(state.policies, before?.policies, policyItem);
  yield* leavesOf(state.secrets, before?.secrets, secretItem);
  yield* leavesOf(state.keys, before?.keys, keyItem);
}

function* leavesOf<K extends string, V extends object>(
  values: IdMap<K, V>,
  before: IdMap<K, V> | undefined,
  itemOf: (value: V, id: K) => readonly Item[],
): Generator<Leaf> {
  for (const [id, value] of values.entries()) if (before?.get(id) !== value) yield { of: value, item: () => itemOf(value, id) };
}

/** What the state says of the organisation as a whole. */
export function topItem(state: OrgState): readonly Item[] {
  const { org, name, head, ts, authority, drafted, tAdmin, origins, rpIds, recovery, recovering, authenticators, frozen, mkEpoch, mkCommitment } = state;
  return [
    org,
    name,
    head.seq,
    head.eh,
    ts,
    tAdmin,
    origins,
    rpIds,
    recovery ? recoveryCodec.toItem(recovery) : [],
    frozen ? 1 : 0,
    mkEpoch,
    mkCommitment,
    authority,
    drafted ? [drafted.intent, drafted.next] : [],
    authenticatorsCodec.toItem(authenticators),
    recovering ? [recovering.eh, recovering.ts, recovering.delayMs, recoveryUseCodec.toItem(recovering)] : [],
    state.checkpoint,
  ];
}

const memberItem = ({ id, name, roles, removed }: Member): readonly Item[] => ['member', memberAddCodec.toItem({ member: id, name, roles }), removed ? 1 : 0];
const deviceItem = (device: Device): readonly Item[] => ['device', deviceAddCodec.toItem(device), device.revoked ? 1 : 0];
const machineItem = (machine: Machine): readonly Item[] => [
  'machine',
  bodyCodecs['machine.enrol'].toItem(machine),
  machine.status,
  machine.groups,
  machine.owner ?? '',
  machine.enrolledAt,
];
const tokenItem = (token: Token): readonly Item[] => ['token', bodyCodecs['token.issue'].toItem(token), token.usedBy ?? ''];
const groupItem = (group: GroupSet): readonly Item[] => ['group', bodyCodecs['group.set'].toItem(group)];
const policyItem = (policy: PolicyInForce): readonly Item[] => ['policy', policyCodec.toItem(policy), policy.eh];
// Shares and wraps that rewraps have added stand apart: those of the version itself are in its body. Each is bytes, so that the most that a
// secret may have stays within the items of one message.
const secretItem = ({ put, putEh, putTs, putBy, shares, wraps, retired }: Secret): readonly Item[] => {
  const given = new Set(put.wraps.map(({ recipient }) => recipient));
  return [
    'secret',
    encode(secretPutCodec, put),
    putEh,
    putTs,
    putBy,
    shares.slice(put.shares.length).map((share) => encode(shareCodec, share)),
    wraps.filter(({ recipient }) => !given.has(recipient)).map((wrap) => encode(wrapCodec, wrap)),
    retired ? 1 : 0,
  ];
};
const keyItem = ({ kind, id, use }: SignerRef & { readonly use: KeyUse }, keyId: KeyId): readonly Item[] => ['key', keyId, kind, id, use];

// --- And back ------------------------------------------------------------------------------------------

/** With the bytes that it was read from. */
export interface GivenItem {
  readonly item: Item;
  readonly bytes: Uint8Array;
}

/**
 * The state of these items; of several about one thing the last counts. Throws E_CHECKPOINT_STATE on what is no state.
 * They may come from anybody: the result counts only where its hash is that of a checkpoint that somebody trusted has verified.
 */
export function stateFrom(top: Item, items: Iterable<GivenItem>, made: (of: object, bytes: Uint8Array) => void): OrgState {
  try {
    return read(top, items, made);
  } catch (cause) {
    throw new ProtocolError('E_CHECKPOINT_STATE', 'a snapshot that is no state', { cause });
  }
}

function read(top: Item, items: Iterable<GivenItem>, made: (of: object, bytes: Uint8Array) => void): OrgState {
  const members = new Map<MemberId, Member>();
  const devices = new Map<Device['device'], Device>();
  const machines = new Map<MachineId, Machine>();
  const tokens = new Map<Token['token'], Token>();
  const groups = new Map<GroupId, GroupSet>();
  const policies = new Map<PolicyInForce['policy'], PolicyInForce>();
  const secrets = new Map<SecretId, Secret>();
  const keys = new Map<KeyId, SignerRef & { readonly use: KeyUse }>();
  const readers: Readonly<Record<string, (fields: readonly Item[]) => object>> = {
    member: ([body, removed]) => {
      const { member: id, name, roles } = memberAddCodec.fromItem(given(body));
      return put(members, id, { id, name, roles, removed: flag.fromItem(given(removed)) });
    },
    device: ([body, revoked]) => {
      const device = deviceAddCodec.fromItem(given(body));
      const keyIds = {
        sig: keyIdOf('ES256', device.sigKey),
        presence: keyIdOf('ES256', device.presenceKey),
        inbox: keyIdOf('X-Wing', device.inboxKey),
        custody: keyIdOf('X-Wing', device.custodyKey),
      };
      return put(devices, device.device, { ...device, keyIds, revoked: flag.fromItem(given(revoked)) });
    },
    machine: ([body, status, inGroups, owner, enrolledAt]) => {
      const machine = bodyCodecs['machine.enrol'].fromItem(given(body));
      const keyIds = { sig: keyIdOf('ES256', machine.sigKey), kem: keyIdOf('X-Wing', machine.kemKey) };
      const owned = owner === '' ? {} : { owner: hex<MemberId>(owner, 16) };
      const rest = { enrolledAt: time.fromItem(given(enrolledAt)), status: word(status, ['enrolled', 'active', 'revoked']) };
      return put(machines, machine.machine, { ...machine, keyIds, ...rest, groups: list(inGroups).map((group) => hex<GroupId>(group, 16)), ...owned });
    },
    token: ([body, usedBy]) => {
      const token = bodyCodecs['token.issue'].fromItem(given(body));
      return put(tokens, token.token, { ...token, ...(usedBy === '' ? {} : { usedBy: hex<MachineId>(usedBy, 16) }) });
    },
    group: ([body]) => {
      const group = bodyCodecs['group.set'].fromItem(given(body));
      return put(groups, group.group, group);
    },
    policy: ([body, eh]) => {
      const policy = policyCodec.fromItem(given(body));
      return put(policies, policy.policy, { ...policy, eh: hex<Hash>(eh, 32) });
    },
    secret: ([body, putEh, putTs, putBy, shares, wraps, retired]) => {
      const version = inBytes(secretPutCodec, body);
      return put(secrets, version.secret, {
        id: version.secret,
        path: version.path,
        put: version,
        putEh: hex<Hash>(putEh, 32),
        putTs: time.fromItem(given(putTs)),
        putBy: hex<MemberId>(putBy, 16),
        shares: [...version.shares, ...list(shares).map((share) => inBytes(shareCodec, share))],
        wraps: [...version.wraps, ...list(wraps).map((wrap) => inBytes(wrapCodec, wrap))].sort(byRecipient),
        retired: flag.fromItem(given(retired)),
      });
    },
    key: ([keyId, kind, id, use]) =>
      put(keys, hex<KeyId>(keyId, 32), {
        kind: word(kind, ['device', 'machine', 'token', 'recovery']),
        id: hex(id, 16),
        use: word(use, ['sig', 'presence', 'passkey', 'kem']),
      }),
  };
  for (const { item, bytes } of items) {
    const [kind, ...fields] = list(item);
    const reader = typeof kind === 'string' && Object.hasOwn(readers, kind) ? readers[kind] : undefined;
    check(reader !== undefined, 'E_CHECKPOINT_STATE', 'something that states do not hold');
    made(reader(fields), bytes);
  }
  const byPath = [...secrets.values()].filter(({ retired }) => !retired).map(({ path, id }) => [pathKey(path), id] as const);
  return {
    ...topOf(list(top)),
    members: mapOf(members),
    devices: mapOf(devices),
    machines: mapOf(machines),
    tokens: mapOf(tokens),
    groups: mapOf(groups),
    policies: mapOf(policies),
    secrets: mapOf(secrets),
    byPath: mapOf(new Map<Hash, SecretId | undefined>(byPath)),
    keys: mapOf(keys),
  };
}

type Maps = 'members' | 'devices' | 'machines' | 'tokens' | 'groups' | 'policies' | 'secrets' | 'byPath' | 'keys';

function topOf(fields: readonly Item[]): Omit<OrgState, Maps> {
  const [org, name, seq, eh, ts, tAdmin, origins, rpIds, recovery, frozen, mkEpoch, mkCommitment, authority, drafted, authenticators, use, checkpoint] = fields;
  const [intent, next] = list(drafted);
  const [useEh, useTs, delayMs, body] = list(use);
  return {
    org: hex<OrgId>(org, 32),
    name: text(limits.nameBytes).fromItem(given(name)),
    head: { seq: count.fromItem(given(seq)), eh: hex<Hash>(eh, 32) },
    ts: time.fromItem(given(ts)),
    authority: hex<Hash>(authority, 32),
    drafted: intent === undefined ? undefined : { intent: hex<Hash>(intent, 32), next: count.fromItem(given(next)) },
    tAdmin: int(1, limits.admins).fromItem(given(tAdmin)),
    origins: originsCodec.fromItem(given(origins)),
    rpIds: rpIdsCodec.fromItem(given(rpIds)),
    ...(recovery instanceof Map ? { recovery: recoveryCodec.fromItem(recovery) } : {}),
    recovering:
      body === undefined
        ? undefined
        : { ...recoveryUseCodec.fromItem(body), eh: hex<Hash>(useEh, 32), ts: time.fromItem(given(useTs)), delayMs: time.fromItem(given(delayMs)) },
    authenticators: authenticatorsCodec.fromItem(given(authenticators)),
    frozen: flag.fromItem(given(frozen)),
    mkEpoch: count.fromItem(given(mkEpoch)),
    mkCommitment: hex<Hash>(mkCommitment, 32),
    checkpoint: count.fromItem(given(checkpoint)),
  };
}

function put<K, V extends object>(map: Map<K, V>, key: K, value: V): V {
  map.set(key, value);
  return value;
}

function mapOf<K extends string, V>(values: ReadonlyMap<K, V>): IdMap<K, V> {
  return IdMap.from([...values]);
}

function given(item: Item | undefined): Item {
  check(item !== undefined, 'E_CHECKPOINT_STATE', 'something is missing');
  return item;
}

function inBytes<T>(codec: Codec<T>, item: Item | undefined): T {
  check(item instanceof Uint8Array, 'E_CHECKPOINT_STATE', 'not bytes');
  return decode(codec, item, limits.entryBytes);
}

function list(item: Item | undefined): readonly Item[] {
  check(Array.isArray(item), 'E_CHECKPOINT_STATE', 'not a list');
  return item as readonly Item[]; // Array.isArray does not narrow readonly lists
}

function hex<T extends string>(item: Item | undefined, length: number): T {
  check(typeof item === 'string' && item.length === 2 * length && /^[0-9a-f]*$/.test(item), 'E_CHECKPOINT_STATE', 'not an id');
  return item as T; // the id is minted here; the hash over the whole state says whether it is one
}

function word<const T extends string>(item: Item | undefined, words: readonly T[]): T {
  const found = words.find((one) => one === item);
  check(found !== undefined, 'E_CHECKPOINT_STATE', 'not one of the words');
  return found;
}
