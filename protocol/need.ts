// A need: a machine asks for a secret that does not exist yet; a writer types it, or says no (spec/09-release.md §needs).
import { type Codec, array, record, text } from './codec.ts';
import { check } from './errors.ts';
import type { MemberId } from './hash.ts';
import { limits } from './limits.ts';
import { type Machine, type OrgState, hasRole, secretAt } from './org-log/state.ts';
import { machineEntitled, policyFor } from './policy.ts';
import { verifyClaim, verifyFieldName, verifyPath } from './text.ts';

export interface Need {
  readonly path: string;
  /** Where a person gets it, in the asker's words: an address, a name. Never followed, never a link. */
  readonly where: string;
  /** Wanted names of its fields; empty = one value. */
  readonly fields: readonly string[];
}
export const needCodec: Codec<Need> = record<Need>({
  path: [1, text(limits.pathBytes, 1)],
  where: [2, text(1_024)],
  fields: [3, array(text(64, 1), limits.fields)],
});

/** What must hold for a need to be filed, shown and filled. Throws E_TEXT, E_FIELD, E_VERSION, E_POLICY, E_NOT_ENTITLED. */
export function verifyNeed(state: OrgState, machine: Machine, { path, where, fields }: Need, reason: string): void {
  verifyPath(path);
  verifyClaim(where, limits.whereGraphemes);
  for (const field of fields) verifyFieldName(field);
  check(new Set(fields).size === fields.length, 'E_FIELD', 'a field twice');
  check(reason !== '', 'E_FIELD', 'a need without a purpose');
  check(secretAt(state, path) === undefined, 'E_VERSION', 'this secret exists: a need never replaces one');
  const policy = policyFor(state, path);
  check(policy !== undefined, 'E_POLICY', 'no policy covers this path');
  check(machineEntitled(state, policy, machine.machine), 'E_NOT_ENTITLED', 'the machine could not ask for it afterwards');
}

/** Only a writer is asked. Throws E_NOT_ELIGIBLE. */
export function verifyWriter(state: OrgState, me: MemberId): void {
  check(hasRole(state, me, 'writer'), 'E_NOT_ELIGIBLE', 'this member does not write secrets');
}

/** Two paths that a hurried eye takes for one: case, 0 and o, 1, l and i, rn and m, and the marks between words. */
export function looksLike(a: string, b: string): boolean {
  return a !== b && skeleton(a) === skeleton(b);
}

function skeleton(path: string): string {
  return path
    .toLowerCase()
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
    .replaceAll(/[._-]/g, '')
    .replaceAll('0', 'o')
    .replaceAll(/[1i]/g, 'l')
    .replaceAll('5', 's');
}
