// `keyring get <service> <username>` for pip and uv (--keyring-provider subprocess; spec/14-helpers.md §keyring).
import { parseArguments, usage } from '../cli/terminal/arguments.ts';
import { printable } from '../cli/terminal/text.ts';
import { askFor, loginOf } from './ask.ts';
import { requirePipe, type Helper } from './helper.ts';
import type { Entry, Mapping } from './mapping.ts';
import { findExact, findUrl, normalise } from './match.ts';
import { notMapped } from './named.ts';

export const helper: Helper = {
  async run(call) {
    // uv asks with --mode creds where it has no user name, and takes `username\npassword`.
    const args = parseArguments(call.words, { mode: { about: 'password (default) or creds', takes: 'MODE' } });
    const asCreds = args.text('mode') === 'creds';
    const [operation, service, username] = args.operands;
    if (operation !== 'get' || service === undefined) throw usage(`pip and uv use get only; not ${printable(operation ?? 'nothing')}`, 'stillvault put <path>');
    requirePipe(call.world);
    const entry = find(await call.mapping(), service, username);
    if (entry === undefined) throw notMapped('keyring', service); // pip takes any failure for "none", and asks: give it --no-input
    const login = loginOf(await askFor(call, entry, `keyring: ${service}${username === undefined ? '' : ` as ${username}`}`), entry);
    if (asCreds && login.username === undefined)
      throw usage(`no user name is mapped for ${printable(service)}`, 'stillvault helper map keyring … --username NAME');
    call.world.write(1, asCreds ? `${login.username}\n${login.password}\n` : `${login.password}\n`);
    return 0;
  },
};

function find(mapping: Mapping, service: string, username: string | undefined): Entry | undefined {
  const name = normalise('keyring', service);
  if (name.includes('://')) return findUrl(mapping, 'keyring', name, username);
  const entry = findExact(mapping, 'keyring', name);
  return entry?.username === undefined || username === undefined || entry.username === username ? entry : undefined;
}
