// `stillvault-askpass <prompt>` for ssh, git and sudo (SSH_ASKPASS, GIT_ASKPASS, SUDO_ASKPASS; spec/14-helpers.md §askpass).
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from '../cli/terminal/arguments.ts';
import { printable } from '../cli/terminal/text.ts';
import { askFor, loginOf } from './ask.ts';
import { requirePipe, type Helper } from './helper.ts';
import type { Entry, Mapping } from './mapping.ts';
import { findExact, findUrl, urlOf } from './match.ts';
import { notMapped } from './named.ts';

export const helper: Helper = {
  async run(call) {
    // ssh asks for a yes, or shows a notice: neither is ours to give, and silence is a no.
    const kind = call.world.env['SSH_ASKPASS_PROMPT'];
    if (kind === 'none') return 0;
    if (kind === 'confirm') throw new StillvaultError('policy_forbids', 'askpass answers for secrets; it never says yes for a person');
    requirePipe(call.world);
    const [prompt = ''] = call.words;
    const asked = parsePrompt(prompt);
    if (asked === undefined) throw usage(`this prompt is none that askpass knows: ${printable(prompt.slice(0, 200))}`);
    const entry = find(await call.mapping(), asked);
    if (entry === undefined) throw notMapped('askpass', asked.name);
    if (asked.kind === 'username') {
      if (entry.username === undefined) throw usage(`no user name is mapped for ${printable(asked.name)}`, `stillvault helper map askpass … --username NAME`);
      call.world.write(1, `${entry.username}\n`);
      return 0;
    }
    const { password } = loginOf(await askFor(call, entry, `prompt: ${prompt}`), entry);
    call.world.write(1, `${password}\n`);
    return 0;
  },
};

interface Asked {
  readonly kind: 'password' | 'username';
  /** As `helper map askpass` takes it: `sudo:ben`, `ssh:ben@host`, `ssh-key:/path`, or a URL. */
  readonly name: string;
  readonly username?: string;
}

/**
 * Whole prompts only. The text is not to be trusted: a server may send any prompt, but ssh puts `(user@host) ` before it, so that a server
 * can only ever get what is mapped for itself.
 */
function parsePrompt(prompt: string): Asked | undefined {
  const found = (pattern: RegExp): readonly string[] | undefined => pattern.exec(prompt)?.slice(1);
  const [key] = found(/^Enter passphrase for (?:key )?'?([^'\p{Cc}]+?)'?: ?$/u) ?? [];
  if (key !== undefined) return { kind: 'password', name: `ssh-key:${key}` };
  const [login] = found(/^\(([^()\s\p{Cc}]+@[^()\s\p{Cc}]+)\) [Pp]assword: ?$/u) ?? found(/^([^()\s'\p{Cc}]+@[^()\s'\p{Cc}]+)'s password: ?$/u) ?? [];
  if (login !== undefined) return { kind: 'password', name: `ssh:${login}` };
  const [sudo] = found(/^\[sudo\] password for ([^\s:\p{Cc}]+): ?$/u) ?? [];
  if (sudo !== undefined) return { kind: 'password', name: `sudo:${sudo}` };
  const [what, url] = found(/^(Username|Password) for '([^'\s\p{Cc}]+)': ?$/u) ?? [];
  if (what === undefined || url === undefined) return undefined;
  const username = /^[a-z]+:\/\/([^/@:]+)(?::[^/@]*)?@/i.exec(url)?.[1];
  return { kind: what === 'Username' ? 'username' : 'password', name: url, ...(username === undefined ? {} : { username: decode(username) }) };
}

function find(mapping: Mapping, { name, username }: Asked): Entry | undefined {
  const exact = findExact(mapping, 'askpass', name);
  if (exact !== undefined || !name.includes('://')) return exact;
  return findUrl(mapping, 'askpass', urlOf(name), username) ?? findUrl(mapping, 'git', urlOf(name), username);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
