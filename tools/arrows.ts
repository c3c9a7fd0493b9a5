// The arrows between the rooms as data: who may import whom, and which packages. tools/boundaries.ts enforces it and prints it in ARCHITECTURE.md.

export type Room = {
  /** Folder or file below the root; the longest match decides to which room a file belongs. */
  readonly path: string;
  /** Rooms, or single modules of a room (`protocol/wire`), that it may import. */
  readonly imports: readonly string[];
  /** The same, but only by `import()` or `import type`: loaded when the verb needs it. */
  readonly lazily?: readonly string[];
  /** Packages and runtime modules; `x/*` means all below x. */
  readonly packages: readonly string[];
  /** What it is, in one line for ARCHITECTURE.md. */
  readonly about: string;
};

const runtime = ['bun', 'bun:*', 'node:*'];

export const rooms: readonly Room[] = [
  {
    path: 'protocol',
    imports: [],
    packages: ['cborg', 'hpke', '@panva/hpke-noble', '@noble/hashes', 'shamir-secret-sharing', '@scure/bip39'],
    about: 'bytes in, values out: encoding, keys, log, policy, custody, request, approval. No I/O, clock, randomness or platform',
  },
  {
    path: 'relay-client',
    imports: ['protocol'],
    packages: [],
    about: 'speaks to the relay and follows the org log; shared by daemon and console, runtime-neutral',
  },
  {
    path: 'sdk',
    imports: ['protocol/local-api', 'protocol/local-api/held', 'protocol/local-api/admin'],
    packages: ['node:*'],
    about: 'TypeScript client of the local daemon',
  },
  { path: 'mcp', imports: ['sdk', 'protocol/local-api'], packages: ['node:*', 'zod', '@modelcontextprotocol/server'], about: 'the same door for agents' },
  {
    path: 'proxy',
    imports: ['sdk', 'protocol/local-api'],
    packages: ['node:*', '@peculiar/x509', 'reflect-metadata', 'aws4fetch'],
    about: 'an HTTP proxy on loopback that puts values in on their way out, and takes them out of answers',
  },
  {
    path: 'daemon',
    imports: ['protocol', 'relay-client'],
    lazily: ['daemon/cli'],
    packages: [...runtime, 'zod'],
    about: 'machine keys, requester identity, requests, leases, release',
  },
  {
    path: 'daemon/cli',
    imports: ['sdk', 'protocol/local-api'],
    lazily: ['daemon', 'daemon/helpers', 'relay/main', 'relay/config', 'relay/backup', 'relay/static', 'console/build.ts', 'mcp', 'proxy', 'protocol'],
    packages: [...runtime, 'zod', 'uqr', 'csv-parse', 'fflate', 'yaml'],
    about: 'one file per command, each a client of the daemon; whole servers load when their verb runs',
  },
  {
    path: 'daemon/helpers',
    imports: ['sdk', 'protocol/local-api', 'daemon/cli'],
    packages: [...runtime, 'zod'],
    about: 'the doors that git, docker, ssh and others know; clients of the daemon like the commands',
  },
  {
    path: 'relay',
    imports: ['protocol/wire'],
    packages: [...runtime, 'zod'],
    about: 'stores and delivers opaque bytes; sees the wire contract and nothing else of ours: blind in code',
  },
  {
    path: 'console',
    imports: ['protocol', 'relay-client'],
    lazily: ['console/device/certificates.ts'],
    packages: ['preact', 'preact/*', '@preact/signals', 'uqr'],
    about: "the approver's web app; DOM only",
  },
  {
    path: 'console/device/certificates.ts',
    imports: ['protocol'],
    packages: ['@peculiar/x509', 'reflect-metadata'],
    about: 'certificates of authenticators; loaded where an organisation wants their proof, and never before',
  },
  { path: 'console/build.ts', imports: [], packages: runtime, about: 'bundles the console into files' },
  {
    path: 'tools',
    imports: ['console/build.ts', 'protocol'],
    packages: [...runtime, 'zod', 'playwright-core', '@sparticuz/chromium'],
    about: 'set-up, build and the checks',
  },
];

/** The fake world, the stories, the measurements and every *.test.ts: may import everything, and only they may import these rooms. */
export const testRooms: readonly { readonly path: string; readonly about: string }[] = [
  { path: 'testing', about: 'the fake world: clock, lossy and hostile relay, software authenticator, hostile device' },
  { path: 'models', about: 'state-machine models and their mutants' },
  { path: 'e2e', about: 'stories in a real browser with the real relay and daemon' },
  { path: 'bench', about: 'measurements, paired with peers' },
];
