// The egress proxy for `run --proxy` and `stillvault proxy`: options, asking, and a running proxy (spec/16-proxy.md §command-line).
import type { RunningProxy } from '../../../proxy/start.ts';
import type { ReleaseAsk } from '../../../protocol/local-api.ts';
import { askFrom } from '../get.ts';
import { type Arguments, type Options, usage } from '../terminal/arguments.ts';
import type { Call } from '../terminal/command.ts';
import { releasedNote } from '../terminal/released.ts';
import { printable } from '../terminal/text.ts';
import { awaitPeople, waitingText } from '../terminal/waiting.ts';
import type { Variables } from './variables.ts';

/** Of both commands. */
export const proxyRules: Options = {
  lazy: { about: 'proxy: ask at the first use of a secret, not before the start' },
  'deny-unmatched': { about: 'proxy: refuse hosts that nothing names' },
  'allow-host': { about: 'proxy: a further host, also one on this machine or another port', takes: 'HOST[:PORT]', repeats: true },
  tunnel: { about: 'proxy: a host whose connections stay closed (pinned, client certificate)', takes: 'HOST[:PORT]', repeats: true },
  ca: { about: 'proxy: certificates to believe beside those of the system', takes: 'FILE', repeats: true },
};

/** Of `run`. */
export const proxyOptions: Options = {
  proxy: { about: 'placeholders instead of values; a proxy puts them in, towards hosts of the policies' },
  ...proxyRules,
};

/** Places that would give the program the value itself. */
const valuePlaces = ['file', 'fd', 'stdin', 'arg-secrets'];

/** Throws usage. */
export function verifyProxyOptions(args: Arguments): void {
  const stray = Object.keys(proxyRules).find((name) => args.has(name));
  if (stray !== undefined && !args.has('proxy')) throw usage(`--${stray} belongs to the proxy: add --proxy`);
  const place = valuePlaces.find((name) => args.has(name));
  if (place !== undefined && args.has('proxy')) throw usage(`with --proxy the program gets no value, and --${place} would give it one: only -e and --env-file`);
}

/** Asks people, unless --lazy; the proxy runs until it is disposed. Throws StillvaultError, and Interrupted where Ctrl-C withdrew. */
export async function openProxy({ args, world, output, client }: Call, { plain, secret }: Variables, port = 0): Promise<RunningProxy> {
  if (secret.size === 0) throw usage('which secrets? name them: -e NAME=prod/secret');
  const isLazy = args.has('lazy');
  const asked = askFrom(args);
  if (asked.lease?.scope !== undefined && asked.lease.scope !== 'process')
    throw usage(`--scope ${asked.lease.scope} would let the program read the values itself; a lease of the proxy is for the proxy alone`);
  const ask: typeof asked = { ...asked, ...(asked.lease && { lease: { ...asked.lease, self: true } }) };
  if (isLazy && ask.leaseOnly === true) throw usage('--lazy asks people later, --lease-only never: one of them');
  const hosts = [...args.all('allow-host'), ...args.all('tunnel')];
  const odd = hosts.find((host) => !/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host));
  if (odd !== undefined) throw usage(`${printable(odd)} is no host: write api.example.com or localhost:8443`);
  const [{ startProxy }, { lookup }] = await Promise.all([import('../../../proxy/start.ts'), import('node:dns/promises')]);
  const daemon = client();
  const withdrawal = new AbortController();
  const now = (question: ReleaseAsk) => awaitPeople({ world, output }, (waiting) => daemon.release(question, waiting));
  // The terminal is the program's by then: a line for each question, and Ctrl-C is not ours.
  const later = (question: ReleaseAsk) =>
    daemon.release(question, {
      signal: withdrawal.signal,
      onProgress: (event) => (event.event === 'waiting' ? output.note(waitingText(event, [], world.now())) : undefined),
    });
  let isRunning = false;
  const proxy = await startProxy({
    client: daemon,
    async release(question) {
      if (isRunning) return later(question);
      const released = await now(question);
      releasedNote(output, released, world.now());
      return released;
    },
    variables: secret,
    plain,
    ask,
    isLazy,
    denyUnmatched: args.has('deny-unmatched'),
    allowed: args.all('allow-host'),
    tunnelled: args.all('tunnel'),
    caFiles: args.all('ca'),
    env: world.env,
    port,
    random: world.random,
    now: world.now,
    lookup: (hostname) => lookup(hostname, { all: true }),
    log: (line) => output.note(printable(line)),
  });
  isRunning = true;
  // Closes our memory to the program. Not where the daemon will be asked again: it could not see who asks either.
  if (!isLazy && ask.lease === undefined && ask.leaseOnly !== true) (await import('../../intake/libc.ts')).libc()?.setNonDumpable();
  return {
    ...proxy,
    async [Symbol.asyncDispose]() {
      withdrawal.abort();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
