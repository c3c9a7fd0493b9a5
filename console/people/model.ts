// People as words: roles, the first few of many, models of authenticators. Pure.
import { fromHex, toHex } from '../../protocol/bytes.ts';
import { pageWords } from '../ui/words-pages.ts';

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
