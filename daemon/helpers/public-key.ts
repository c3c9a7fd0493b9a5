// One line of a public key file: `ssh-ed25519 AAAA… comment` (spec/14-helpers.md §ssh-agent).
import { usage } from '../cli/terminal/arguments.ts';

export interface PublicKeyLine {
  readonly type: string;
  readonly comment: string;
  /** Type, key and comment, single spaces. */
  readonly line: string;
}

const types = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa'];

/** Throws usage. */
export function parsePublicKey(text: string): PublicKeyLine {
  const [type = '', key = '', ...words] = text.trim().split(/[ \t]+/);
  if (/[\p{Cc}]/u.test(text.trim().replaceAll('\t', ' '))) throw usage('a public key is one line of text');
  if (!types.includes(type)) throw usage(`the agent signs with ${types.join(', ')}; give the .pub file of such a key`);
  const bytes = Buffer.from(key, 'base64');
  const named = bytes.length > 4 && bytes.length <= 4_096 ? bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString('latin1') : '';
  if (named !== type || bytes.toString('base64') !== key) throw usage('this is no public key');
  const comment = words.join(' ').slice(0, 200);
  return { type, comment, line: [type, key, ...(comment === '' ? [] : [comment])].join(' ') };
}
