// Connections to the hosts themselves: the address is looked up here and used as found, TLS is verified for the name that was asked (spec/16-proxy.md §upstream).
import { BlockList, connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, createSecureContext } from 'node:tls';
import { bounds } from './bounds.ts';
import { ProxyError } from './proxy-error.ts';
import type { Roots } from './roots.ts';
import { bareHost, isAddress } from './target.ts';

export interface Upstream {
  /** Of TLS for https, plain for http. Throws E_PROXY_UPSTREAM, E_PROXY_TARGET. */
  connect(target: URL, signal: AbortSignal): Promise<Socket>;
  /** Bytes as they are, for a tunnel that stays closed. */
  connectRaw(target: URL, signal: AbortSignal): Promise<Socket>;
}

/** The addresses of a name. */
export type Lookup = (hostname: string) => Promise<readonly { readonly address: string }[]>;

/** This machine, and the networks on which clouds hand out credentials. A name that points there must have been named. */
const local = new BlockList();
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32], // Alibaba
  ['168.63.129.16', 32], // Azure
  ['192.0.0.192', 32], // Oracle
] as const)
  local.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::1', 128],
  ['::', 128],
  ['fe80::', 10],
  ['fd00:ec2::', 32], // Amazon
  ['fd20:ce::254', 128], // Google
  ['64:ff9b::7f00:0', 104], // those of IPv4 behind NAT64
  ['64:ff9b::a9fe:0', 112],
] as const)
  local.addSubnet(network, prefix, 'ipv6');

export function isLocalAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return local.check(mapped, 'ipv4');
  if (/^::ffff:/i.test(address)) return true; // the same in hexadecimal, which nobody writes honestly
  return local.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

export function createUpstream({ system, extra }: Roots, isNamed: (target: URL) => boolean, lookup: Lookup): Upstream {
  const secureContext = createSecureContext({ ca: [system, extra].filter((pem) => pem !== '') });

  const connectRaw = async (target: URL, signal: AbortSignal): Promise<Socket> => {
    const hostname = bareHost(target);
    const port = Number(target.port === '' ? (target.protocol === 'https:' ? 443 : 80) : target.port);
    const over = AbortSignal.any([signal, AbortSignal.timeout(bounds.connectMs)]);
    const found = await lookup(hostname).catch((cause: unknown) => {
      throw new ProxyError('E_PROXY_UPSTREAM', `${target.host} has no address`, { cause });
    });
    const addresses = isNamed(target) ? found : found.filter(({ address }) => !isLocalAddress(address));
    if (addresses.length === 0) throw new ProxyError('E_PROXY_TARGET', `${target.host} is this machine or its network, which nothing of this run names`);
    let failure: unknown;
    for (const { address } of addresses) {
      try {
        return await opened(connectTcp({ host: address, port }), 'connect', over);
      } catch (error) {
        failure = error;
      }
    }
    throw new ProxyError('E_PROXY_UPSTREAM', `no connection to ${target.host}`, { cause: failure });
  };

  return {
    connectRaw,
    async connect(target, signal) {
      const raw = await connectRaw(target, signal);
      if (target.protocol === 'http:') return raw;
      const hostname = bareHost(target);
      const secured = connectTls({
        socket: raw,
        ...(!isAddress(target) && { servername: hostname }),
        secureContext,
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: true, // whatever the environment says
        checkServerIdentity: (_, certificate) => checkServerIdentity(hostname, certificate),
      });
      try {
        const socket = await opened(secured, 'secureConnect', AbortSignal.any([signal, AbortSignal.timeout(bounds.connectMs)]));
        if (!secured.authorized) throw new Error('not authorized');
        return socket;
      } catch (cause) {
        secured.destroy();
        raw.destroy();
        throw new ProxyError('E_PROXY_UPSTREAM', `${target.host} has no certificate that this machine believes`, { cause });
      }
    },
  };
}

function opened<S extends Socket>(socket: S, event: string, signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off(event, onOpen).off('error', onError).off('close', onClose);
      act();
    };
    const fail = (why: unknown): void =>
      settle(() => {
        socket.on('error', () => undefined);
        socket.destroy();
        reject(why instanceof Error ? why : new Error('closed'));
      });
    const onOpen = (): void => settle(() => resolve(socket));
    const onError = (error: unknown): void => fail(error);
    const onClose = (): void => fail(new Error('closed'));
    const onAbort = (): void => fail(signal.reason);
    socket.once(event, onOpen).once('error', onError).once('close', onClose);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
