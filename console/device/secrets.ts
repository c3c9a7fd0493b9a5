// Secrets from this device: store a version, retire one (spec/07-custody.md). A value is here only while a person types it.
import { sealSecret } from '../../protocol/custody.ts';
import { check } from '../../protocol/errors.ts';
import { wipe } from '../../protocol/bytes.ts';
import type { SecretId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { zeroHash } from '../../protocol/org-log/entry.ts';
import { type OrgState, secretAt } from '../../protocol/org-log/state.ts';
import { entitledMachines, policyFor } from '../../protocol/policy.ts';
import { verifyFieldName, verifyPath, verifyText } from '../../protocol/text.ts';
import { newId } from '../../relay-client/org-log.ts';
import type { App } from '../app.ts';
import { ConsoleError } from '../platform/console-error.ts';
import { appendSigned } from './entries.ts';
import { type Session, requireRole } from './session.ts';

export type PutInput = Parameters<App['putSecret']>[0];

/** `isNew`: never over a secret that exists. Wipes the value once it is stored; where it fails the caller still has it. */
export async function putSecret(session: Session, input: PutInput, isNew = false): Promise<void> {
  verifyPath(input.path);
  verifyText(input.description, limits.claimGraphemes);
  verifyFields(input);
  await appendSigned(session, async (state) => {
    requireRole(session, state, 'writer');
    verifyMachines(state, input.path);
    const before = secretAt(state, input.path);
    check(before === undefined || !isNew, 'E_VERSION', 'this secret exists meanwhile');
    const { put, blobs } = await sealSecret(
      state,
      {
        secret: before?.id ?? newId<SecretId>(session.platform.random),
        path: input.path,
        ver: (before?.put.ver ?? 0) + 1,
        prevVerEh: before?.putEh ?? zeroHash,
        value: input.value,
        description: input.description,
      },
      session.platform.random,
    );
    await session.client.putBlobs(blobs);
    return { draft: { type: 'secret.put', body: put } };
  });
  wipe(...(input.value.kind === 'value' ? [input.value.value] : input.value.fields.map(({ value }) => value)));
}

function verifyFields({ value }: PutInput): void {
  if (value.kind === 'value') return check(value.value.length > 0, 'E_FIELD', 'an empty value');
  for (const { name } of value.fields) verifyFieldName(name);
  check(value.fields.length > 0 && new Set(value.fields.map(({ name }) => name)).size === value.fields.length, 'E_FIELD', 'no field, or one twice');
}

// Half of the key goes to machines only: with none to give it to, the value could never be opened again.
function verifyMachines(state: OrgState, path: string): void {
  const policy = policyFor(state, path);
  check(policy !== undefined, 'E_POLICY', 'no policy covers this path');
  if (entitledMachines(state, policy).length === 0 && !state.recovery) throw new ConsoleError('E_NO_MACHINE', 'no machine may use this path');
}

export async function retireSecret(session: Session, secret: SecretId): Promise<void> {
  await appendSigned(session, (state) => {
    requireRole(session, state, 'writer');
    return { draft: { type: 'secret.retire', body: { secret } } };
  });
}
