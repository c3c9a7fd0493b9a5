// Rules as a form: who approves a pattern, how many, how long. Pure.
import { fromHex, toHex } from '../../protocol/bytes.ts';
import type { MemberId } from '../../protocol/hash.ts';
import type { MemberRow } from '../app.ts';
import { pageWords } from '../ui/words-pages.ts';

export interface RuleDraft {
  readonly pattern: string;
  readonly approvers: readonly MemberId[];
  readonly k: string;
  readonly maxTtlS: number;
  readonly maxUses: string;
  readonly tier: 'low' | 'normal' | 'high';
}

export const ttlChoices: readonly number[] = [0, 300, 900, 3_600, 28_800];

/** A new rule asks for one of all approvers, with leases of at most fifteen minutes. */
export function draftRule(pattern: string, members: readonly MemberRow[]): RuleDraft {
  return { pattern, approvers: members.filter(mayApprove).map(({ id }) => id), k: '1', maxTtlS: 900, maxUses: '100', tier: 'normal' };
}

export const mayApprove = ({ roles }: Pick<MemberRow, 'roles'>): boolean => roles.some((role) => role === 'approver' || role === 'admin');

export interface RuleErrors {
  readonly pattern?: string;
  readonly k?: string;
  readonly maxUses?: string;
}
export function checkRule({ pattern, approvers, k, maxUses, maxTtlS }: RuleDraft): RuleErrors {
  return {
    ...(/^[A-Za-z0-9._\-/*]+$/.test(pattern) ? {} : { pattern: pageWords.secrets.pathBad }),
    ...(isCount(k, approvers.length) ? {} : { k: pageWords.people.quorumBad }),
    ...(maxTtlS === 0 || isCount(maxUses, 100_000) ? {} : { maxUses: pageWords.people.usesBad }),
  };
}

const isCount = (text: string, max: number): boolean => /^[1-9]\d{0,5}$/.test(text) && Number(text) <= max;

const roleNames: Readonly<Record<string, string>> = pageWords.people.roles;
export const rolesText = (roles: readonly string[]): string => roles.map((role) => roleNames[role] ?? role).join(', ');

/** A sentence about some of many: the first few by name. */
export function someOf(names: readonly string[], most = 4): { readonly shown: readonly string[]; readonly more: number } {
  return { shown: names.slice(0, most), more: Math.max(0, names.length - most) };
}

/** One a line, with or without dashes; undefined where a line is none. */
export function parseAaguids(text: string): readonly Uint8Array[] | undefined {
  const lines = text.split(/[\s,]+/).filter((line) => line !== '');
  const hex = lines.map((line) => line.toLowerCase().replaceAll('-', ''));
  return hex.every((one) => /^[0-9a-f]{32}$/.test(one)) ? [...new Set(hex)].sort().map(fromHex) : undefined;
}

export const readAaguids = (aaguids: readonly Uint8Array[]): string => aaguids.map(toHex).join('\n');
