// Why the proxy refuses: each code with the HTTP status that says it to the program (spec/16-proxy.md §refusals).

export const refusals = {
  /** No or another credential of this run. */ E_PROXY_CREDENTIAL: 407,
  /** Bytes that are no HTTP/1.1 message, or could be read as two. */ E_PROXY_MESSAGE: 400,
  /** Head, or what must be held whole, is too long. */ E_PROXY_SIZE: 431,
  /** The request names another host than the connection it came over. */ E_PROXY_HOST: 421,
  /** A place that nothing of this run names. */ E_PROXY_TARGET: 403,
  /** A secret towards a host that its policy does not name. */ E_PROXY_SECRET_HOST: 403,
  /** People, the daemon or the lease said no. */ E_PROXY_RELEASE: 403,
  /** The value cannot stand there. */ E_PROXY_VALUE: 403,
  /** A signed request that cannot be signed anew. */ E_PROXY_SIGNATURE: 403,
  /** No connection, or no verified one. */ E_PROXY_UPSTREAM: 502,
  /** An answer that is no HTTP/1.1, or that cannot be scrubbed. */ E_PROXY_ANSWER: 502,
  /** Nothing came for too long. */ E_PROXY_TIMEOUT: 504,
} as const;
export type ProxyCode = keyof typeof refusals;

/** The message is one line, holds no value and nothing that a peer wrote but hosts. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ProxyCode;

  constructor(code: ProxyCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
