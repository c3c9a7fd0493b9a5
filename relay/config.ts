// Settings of a relay: defaults with their reasons, and STILLVAULT_RELAY_* from the environment (spec/08-relay.md §running).
import { z } from 'zod';

/** Bounds per organisation and per caller. They protect the relay's resources, not the secrets. */
export interface RelayQuotas {
  /** Bytes of all records, blobs and waiting mails of one org. */
  readonly orgBytes: number;
  readonly orgRecords: number;
  readonly orgMails: number;
  /** Live keys of one org: 512 devices + 512 machines + join keys. */
  readonly orgKeys: number;
  readonly orgSockets: number;
  /** Calls per second of one key, and how many it may save up. */
  readonly keyRate: number;
  readonly keyBurst: number;
  /** Calls per second without a session, per address (IPv6: per /64). */
  readonly addressRate: number;
  readonly addressBurst: number;
}

export type SignUp = { readonly kind: 'open' } | { readonly kind: 'closed' } | { readonly kind: 'token'; readonly token: string };
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'off';

export interface RelayConfig {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly dataDir: string;
  /** Origin under which clients address the relay; unset: the loopback origins of its port. */
  readonly publicUrl?: string;
  readonly signUp: SignUp;
  /** Directory of the built console; unset: no console is served. */
  readonly consoleDir?: string;
  readonly logLevel: LogLevel;
  /** How many proxies in front append to x-forwarded-for; 0: the address of the socket counts. */
  readonly proxyHops: number;
  /** Time between `/readyz` 503 and closing the listener, for load balancers. */
  readonly drainMs: number;
  readonly quotas: RelayQuotas;
}
export type RelayOptions = Partial<Omit<RelayConfig, 'quotas'>> & { readonly dataDir: string; readonly quotas?: Partial<RelayQuotas> };

export class RelayConfigError extends Error {
  override readonly name = 'RelayConfigError';
  readonly code = 'E_RELAY_CONFIG';
}

const defaultQuotas: RelayQuotas = {
  orgBytes: 1_073_741_824,
  orgRecords: 1_000_000,
  orgMails: 100_000,
  orgKeys: 2_048,
  orgSockets: 8_192,
  keyRate: 200,
  keyBurst: 2_000,
  addressRate: 10,
  addressBurst: 200,
};

export function relayConfig(options: RelayOptions): RelayConfig {
  const host = options.host ?? '127.0.0.1';
  const publicUrl = options.publicUrl === undefined ? undefined : originOf(options.publicUrl);
  return {
    port: 8460,
    // A relay that strangers can reach, directly or through a proxy, signs nobody up unless told so.
    signUp: isLoopback(host) && publicUrl === undefined ? { kind: 'open' } : { kind: 'closed' },
    logLevel: 'info',
    proxyHops: 0,
    drainMs: 0,
    ...options,
    host,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    quotas: { ...defaultQuotas, ...options.quotas },
  };
}

/** Reads STILLVAULT_RELAY_*; throws RelayConfigError on a key or a value that it does not know. */
export function relayOptionsFromEnv(
  env: Readonly<Record<string, string | undefined>>,
  defaults: { readonly dataDir: string; readonly consoleDir?: string },
  readTextFile: (path: string) => string,
): RelayOptions {
  const given = Object.fromEntries(
    Object.entries(env)
      .filter(([name, value]) => name.startsWith(prefix) && value !== undefined && value !== '')
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
  const parsed = envSchema.safeParse(given);
  if (!parsed.success) throw new RelayConfigError(parsed.error.issues.map(describe).join('; '));
  const { HOST, PORT, DATA, PUBLIC_URL, SIGNUP, SIGNUP_TOKEN, SIGNUP_TOKEN_FILE, CONSOLE, LOG_LEVEL, PROXY_HOPS, DRAIN_MS } = parsed.data;
  if (SIGNUP_TOKEN !== undefined && SIGNUP_TOKEN_FILE !== undefined)
    throw new RelayConfigError(`set one of ${prefix}SIGNUP_TOKEN and ${prefix}SIGNUP_TOKEN_FILE`);
  const token = SIGNUP_TOKEN ?? (SIGNUP_TOKEN_FILE === undefined ? undefined : readTextFile(SIGNUP_TOKEN_FILE).trim());
  const signUp = signUpOf(SIGNUP, token);
  const consoleDir = CONSOLE === 'off' ? undefined : defaults.consoleDir;
  return {
    dataDir: DATA ?? defaults.dataDir,
    ...(HOST === undefined ? {} : { host: HOST }),
    ...(PORT === undefined ? {} : { port: PORT }),
    ...(PUBLIC_URL === undefined ? {} : { publicUrl: PUBLIC_URL }),
    ...(signUp === undefined ? {} : { signUp }),
    ...(consoleDir === undefined ? {} : { consoleDir }),
    ...(LOG_LEVEL === undefined ? {} : { logLevel: LOG_LEVEL }),
    ...(PROXY_HOPS === undefined ? {} : { proxyHops: PROXY_HOPS }),
    ...(DRAIN_MS === undefined ? {} : { drainMs: DRAIN_MS }),
    quotas: quotasOf(parsed.data),
  };
}

const prefix = 'STILLVAULT_RELAY_';
const whole = (max: number): z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> =>
  z.string().transform((value, context) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number <= max)) context.addIssue(`not a whole number up to ${max}`);
    return number;
  });
const envSchema = z
  .strictObject({
    HOST: z.string(),
    PORT: whole(65_535),
    DATA: z.string(),
    PUBLIC_URL: z.string(),
    SIGNUP: z.enum(['open', 'token', 'closed']),
    SIGNUP_TOKEN: z.string(),
    SIGNUP_TOKEN_FILE: z.string(),
    CONSOLE: z.enum(['on', 'off']),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'off']),
    PROXY_HOPS: whole(8),
    DRAIN_MS: whole(60_000),
    ORG_BYTES: whole(1e15),
    ORG_RECORDS: whole(1e12),
    ORG_MAILS: whole(1e12),
    KEY_RATE: whole(1e6),
    ADDRESS_RATE: whole(1e6),
  })
  .partial();
type Env = z.output<typeof envSchema>;

function quotasOf(env: Env): Partial<RelayQuotas> {
  return {
    ...(env.ORG_BYTES === undefined ? {} : { orgBytes: env.ORG_BYTES }),
    ...(env.ORG_RECORDS === undefined ? {} : { orgRecords: env.ORG_RECORDS }),
    ...(env.ORG_MAILS === undefined ? {} : { orgMails: env.ORG_MAILS }),
    ...(env.KEY_RATE === undefined ? {} : { keyRate: env.KEY_RATE, keyBurst: 10 * env.KEY_RATE }),
    ...(env.ADDRESS_RATE === undefined ? {} : { addressRate: env.ADDRESS_RATE, addressBurst: 20 * env.ADDRESS_RATE }),
  };
}

function signUpOf(kind: Env['SIGNUP'], token: string | undefined): SignUp | undefined {
  if (kind === 'token' || (kind === undefined && token !== undefined)) {
    if (token === undefined || token.length < 16 || token.length > 128) {
      throw new RelayConfigError(`${prefix}SIGNUP=token needs ${prefix}SIGNUP_TOKEN_FILE (or SIGNUP_TOKEN) with 16 to 128 characters`);
    }
    return { kind: 'token', token };
  }
  if (token !== undefined) throw new RelayConfigError(`a sign-up token counts only with ${prefix}SIGNUP=token`);
  return kind === undefined ? undefined : { kind };
}

// Never shows a value: one of them is a token.
function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown setting ${issue.keys.map((key) => prefix + key).join(', ')}`;
  return `${prefix}${issue.path.join('.')}: ${issue.message}`;
}

function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const plain =
    parsed !== undefined && parsed.pathname === '/' && parsed.search === '' && parsed.hash === '' && parsed.username === '' && parsed.password === '';
  if (!plain || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')) {
    throw new RelayConfigError('the public URL must be an origin such as https://relay.example, without a path');
  }
  return parsed.origin;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
