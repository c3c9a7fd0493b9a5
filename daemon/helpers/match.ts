// When an entry of the mapping is meant: exact words, normalised the same way on both sides; never a guess (spec/14-helpers.md §mapping).
import { usage } from '../cli/terminal/arguments.ts';
import { printable } from '../cli/terminal/text.ts';
import type { Entry, Kind, Mapping } from './mapping.ts';

/** What a person wrote, as it is kept and compared. Throws usage. */
export function normalise(kind: Kind, text: string): string {
  if (kind === 'git' || (kind === 'cargo' && text.includes('://')) || (kind === 'keyring' && text.includes('://'))) return urlOf(text);
  if (kind === 'docker') return registryOf(text);
  return kind === 'keyring' || kind === 'terraform' ? text.toLowerCase() : text;
}

/** The entry with exactly this word. */
export function findExact(mapping: Mapping, kind: Kind, word: string): Entry | undefined {
  return mapping.find((entry) => entry.kind === kind && entry.match === word);
}

/** Same scheme, host and port, and the longest path that the asked one lies in. An entry with a user name is for that user only. */
export function findUrl(mapping: Mapping, kind: Kind, url: string, username: string | undefined): Entry | undefined {
  const found = mapping.filter(
    (entry) =>
      entry.kind === kind &&
      (entry.match === url || url.startsWith(`${entry.match}/`)) &&
      (entry.username === undefined || username === undefined || entry.username === username),
  );
  return found.sort((a, b) => b.match.length - a.match.length)[0];
}

/** `https://github.com/acme`, without user, query and trailing slash. Throws usage. */
export function urlOf(text: string): string {
  const found = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#@]*@)?([^/?#@\s]+)(\/[^?#\s]*)?$/i.exec(text);
  const [, scheme = '', host = '', path = ''] = found ?? [];
  if (!found || path.split('/').some((part) => part === '..' || part === '.'))
    throw usage(`not a URL such as https://github.com: ${printable(text.replace(/\/\/[^/@]*@/, '//…@'))}`);
  const port: Readonly<Record<string, string>> = { https: ':443', http: ':80' };
  const plain = host.toLowerCase();
  const usual = port[scheme.toLowerCase()];
  return `${scheme.toLowerCase()}://${usual !== undefined && plain.endsWith(usual) ? plain.slice(0, -usual.length) : plain}${path.replace(/\/+$/, '')}`;
}

/** `ghcr.io`; Docker Hub's `https://index.docker.io/v1/` is `index.docker.io/v1`. */
function registryOf(text: string): string {
  const plain = text.replace(/^https?:\/\//i, '').replace(/\/+$/, '');
  const slash = plain.indexOf('/');
  return slash < 0 ? plain.toLowerCase() : plain.slice(0, slash).toLowerCase() + plain.slice(slash);
}
