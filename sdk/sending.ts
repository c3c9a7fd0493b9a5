// Where a broker may send a value, and how it stands there: shared by stillvault_http and the egress proxy (spec/13-mcp.md §http, spec/16-proxy.md).

/** A host of a policy is a name for https on its usual port, or a name with its port. */
export function namesHost(hosts: readonly string[] | undefined, { host }: URL): boolean {
  return hosts?.some((allowed) => allowed.toLowerCase().replace(/:443$/, '') === host) === true;
}

/** In the words of a refusal. */
export function hostsInWords(hosts: readonly string[] | undefined): string {
  return hosts === undefined || hosts.length === 0 ? 'its policy names no host' : `its policy names ${hosts.join(', ')}`;
}

/** Secrets travel over https, or stay on this machine. */
export function isProtected({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

export const isLoopback = (hostname: string): boolean => hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

/** A value with a quote in it stays one value, in a body of this content-type. */
export function bodyEncoding(contentType: string): (text: string) => string {
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType)) return (text) => JSON.stringify(text).slice(1, -1);
  return /^application\/x-www-form-urlencoded\b/i.test(contentType) ? encodeURIComponent : (text) => text;
}
