// The variables that make the usual runtimes use the proxy and believe its authority (spec/16-proxy.md §environment).

export interface ProxyPlaces {
  /** With the credential of this run. */
  readonly url: string;
  /** The run's authority, and what the user had added: for what adds to the authorities of a runtime. */
  readonly addedFile: string;
  /** These and those of the system: for what replaces them. */
  readonly wholeFile: string;
  /** The program talks to this machine through the proxy too: a policy or an option names it. */
  readonly isLocalServed: boolean;
}

export function proxyEnvironment({ url, addedFile, wholeFile, isLocalServed }: ProxyPlaces): Readonly<Record<string, string>> {
  const direct = isLocalServed ? '' : 'localhost,127.0.0.1,::1';
  const proxies = { HTTP_PROXY: url, HTTPS_PROXY: url, ALL_PROXY: url, NO_PROXY: direct };
  return {
    ...proxies,
    ...Object.fromEntries(Object.entries(proxies).map(([name, value]) => [name.toLowerCase(), value])),
    NODE_USE_ENV_PROXY: '1',
    NODE_EXTRA_CA_CERTS: addedFile,
    DENO_CERT: addedFile,
    SSL_CERT_FILE: wholeFile,
    REQUESTS_CA_BUNDLE: wholeFile,
    CURL_CA_BUNDLE: wholeFile,
    GIT_SSL_CAINFO: wholeFile,
    AWS_CA_BUNDLE: wholeFile,
    PIP_CERT: wholeFile,
    CARGO_HTTP_CAINFO: wholeFile,
  };
}
