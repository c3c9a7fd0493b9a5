// Where a request goes, from what the program wrote: one spelling of every host, everything else is refused (spec/16-proxy.md §targets).
import { isIP } from 'node:net';
import { type RequestHead, valuesOf } from './head.ts';
import { ProxyError } from './proxy-error.ts';

const authorityPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+):(\d{1,5})$/;

/** Of `CONNECT host:port`. Throws E_PROXY_TARGET. */
export function connectTarget({ target }: RequestHead): URL {
  const text = target.toLowerCase();
  const [, host, port] = authorityPattern.exec(text) ?? [];
  if (host === undefined || port === undefined) throw refused('CONNECT takes host:port');
  return canonical(`https://${text}`, host);
}

/** Of `GET http://host/path`, and the path. Throws E_PROXY_MESSAGE, E_PROXY_TARGET. */
export function plainTarget({ target }: RequestHead): { readonly url: URL; readonly path: string } {
  const [, authority, path] = /^http:\/\/([^/?#@\\]+)(\/[^#]*|\?[^#]*)?$/i.exec(target) ?? [];
  if (authority === undefined) throw new ProxyError('E_PROXY_MESSAGE', 'a proxy takes CONNECT for https, and whole addresses for http, without a user in them');
  const text = authority.toLowerCase();
  const [, host] = authorityPattern.exec(/:\d+$/.test(text) ? text : `${text}:80`) ?? [];
  if (host === undefined) throw refused('the host is malformed');
  return { url: canonical(`http://${text}`, host), path: path === undefined ? '/' : path.startsWith('?') ? `/${path}` : path };
}

/** The request within a connection names its host and no other, and a path of it. Throws E_PROXY_HOST, E_PROXY_MESSAGE. */
export function verifyWithin(head: RequestHead, target: URL): void {
  const isAsterisk = head.target === '*' && head.method === 'OPTIONS';
  if (!isAsterisk && !/^\/[^#]*$/.test(head.target)) throw new ProxyError('E_PROXY_MESSAGE', 'within a connection to a host a request names a path');
  verifyHostHeader(head, target);
}

/** Exactly one, and the same host: what one server reads and another does not must not differ. */
export function verifyHostHeader({ headers, version }: RequestHead, target: URL): void {
  const hosts = valuesOf(headers, 'host');
  const [host] = hosts;
  if (host === undefined && version === '1.0') return;
  if (host === undefined || hosts.length > 1) throw new ProxyError('E_PROXY_MESSAGE', 'not exactly one host header');
  const usual = target.protocol === 'https:' ? ':443' : ':80';
  if (host.toLowerCase().replace(new RegExp(`${usual}$`), '') !== target.host)
    throw new ProxyError('E_PROXY_HOST', `the host header names another host than the connection to ${target.host}`);
}

/** Without the brackets that a URL puts around IPv6. */
export const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');
export const isAddress = (target: URL): boolean => isIP(bareHost(target)) !== 0;

/** Addresses in other spellings (0x7f.1, 2130706433, 127.1) would pass a comparison of names. */
function canonical(text: string, host: string): URL {
  if (!URL.canParse(text)) throw refused('the host is malformed');
  const url = new URL(text);
  if (url.hostname !== host) throw refused('write the host in its usual spelling');
  return url;
}

function refused(why: string): ProxyError {
  return new ProxyError('E_PROXY_TARGET', why);
}
