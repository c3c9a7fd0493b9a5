// After a recovery: what nobody can open any more is opened by the kit and sealed anew under the rule in force (spec/18-recovery.md §use).
// One value at a time is in memory, and none of it is kept.
import { wipe } from '../../protocol/bytes.ts';
import { type SecretValue, openRecovered, sealSecret } from '../../protocol/custody.ts';
import { check } from '../../protocol/errors.ts';
import type { KeyId, SecretId } from '../../protocol/hash.ts';
import { keyIdOf } from '../../protocol/keys.ts';
import { recipientsOf, recoveryRecipient } from '../../protocol/org-log/apply-secret.ts';
import type { OrgState, Secret } from '../../protocol/org-log/state.ts';
import { policyFor, quorumOf } from '../../protocol/policy.ts';
import type { KitKeys } from '../../protocol/recovery.ts';
import type { KemKey } from '../../protocol/seal.ts';
import { type Plan, appendSigned } from '../device/entries.ts';
import { codeOf } from '../device/failure.ts';
import { type Session, requireRole } from '../device/session.ts';
import type { ResealReport, ResealRow } from './contract.ts';

/** One gesture signs so many new versions: a batch that fails is not much to do again. */
const batchSize = 32;

export function isInKit(secret: Secret, kemKey: Uint8Array): boolean {
  return isWrappedFor(secret, keyIdOf('X-Wing', kemKey));
}
function isWrappedFor({ wraps }: Secret, keyId: KeyId): boolean {
  return wraps.some((wrap) => wrap.recipient === recoveryRecipient && wrap.keyId === keyId);
}

/** Secrets that not everybody holds whom the rule in force names. `kit`: which of them it opens. */
export function resealRows(state: OrgState, kit: KitKeys | undefined): readonly ResealRow[] {
  const keyId = kit?.kem.keyId ?? (state.recovery && keyIdOf('X-Wing', state.recovery.kemKey));
  const rows = [...state.secrets.values()].flatMap((secret): readonly ResealRow[] => {
    const missing = secret.retired ? 'nobody' : missingFrom(state, secret);
    if (missing === 'nobody') return [];
    const held = keyId !== undefined && isWrappedFor(secret, keyId);
    return [{ id: secret.id, path: secret.path, state: held ? (missing === 'rule' ? 'no-rule' : 'ready') : 'no-kit' }];
  });
  return rows.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function missingFrom(state: OrgState, secret: Secret): 'nobody' | 'somebody' | 'rule' {
  const policy = policyFor(state, secret.path);
  if (!policy) return 'rule';
  try {
    const isWhole = recipientsOf(state, policy).every(({ recipient, keyId }) =>
      secret.wraps.some((wrap) => wrap.recipient === recipient && wrap.keyId === keyId),
    );
    return isWhole ? 'nobody' : 'somebody';
  } catch {
    return 'rule'; // fewer people can approve than it needs
  }
}

/** Patterns of rules that nobody can fulfil any more. */
export function brokenRules(state: OrgState): readonly string[] {
  return [...state.policies.values()].flatMap((policy) => {
    if (policy.retired) return [];
    try {
      quorumOf(state, policy);
      return [];
    } catch {
      return [policy.pattern];
    }
  });
}

export async function reseal(
  session: Session,
  kit: KitKeys,
  ids: readonly SecretId[],
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<ResealReport> {
  const failed = new Map<SecretId, { readonly path: string; readonly code: string }>();
  let done = 0;
  for (let at = 0; at < ids.length && !signal.aborted; at += batchSize) {
    const batch = ids.slice(at, at + batchSize);
    await appendSigned(session, async (state) => {
      requireRole(session, state, 'writer');
      const plans: Plan[] = [];
      for (const id of batch) {
        const secret = state.secrets.get(id);
        if (!secret || failed.has(id) || missingFrom(state, secret) !== 'somebody') continue; // somebody else was faster
        try {
          plans.push(await sealedAnew(session, state, secret, kit.kem));
        } catch (error) {
          if (codeOf(error).startsWith('E_RELAY_')) throw error;
          failed.set(id, { path: secret.path, code: codeOf(error) });
        }
        progress(done + plans.length);
      }
      return plans;
    });
    done += batch.filter((id) => !failed.has(id)).length;
    progress(done);
  }
  return { done, failed: [...failed.values()] };
}

async function sealedAnew({ client, platform }: Session, state: OrgState, secret: Secret, kem: KemKey): Promise<Plan> {
  const { put, id, path, putEh } = secret;
  const mine = secret.wraps.find(({ recipient }) => recipient === recoveryRecipient);
  check(mine?.keyId === kem.keyId, 'E_NOT_ENTITLED', 'stored before this kit');
  const [wrap, body] = await client.getBlobs([mine.wrap, put.body]);
  check(wrap !== undefined && body !== undefined, 'E_WRAP_MIX', 'the relay gave less than was asked for');
  const value = await openRecovered(state.org, secret, kem, wrap, body);
  try {
    const input = { secret: id, path, ver: put.ver + 1, prevVerEh: putEh, value, description: put.description };
    const sealed = await sealSecret(state, input, platform.random);
    await client.putBlobs(sealed.blobs);
    return { draft: { type: 'secret.put', body: sealed.put } };
  } finally {
    wipe(...plainOf(value));
  }
}

function plainOf(value: SecretValue): readonly Uint8Array[] {
  return value.kind === 'value' ? [value.value] : value.fields.map((field) => field.value);
}
