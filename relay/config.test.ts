// Settings from the environment: what is unknown or wrong stops the start, and no message shows a value (spec/08-relay.md §running).
import { expect, test } from 'bun:test';
import { relayConfig, relayOptionsFromEnv } from './config.ts';

const noFile = (): string => {
  throw new Error('no file is read here');
};
const fromEnv = (env: Record<string, string>, read = noFile): ReturnType<typeof relayConfig> =>
  relayConfig(relayOptionsFromEnv(env, { dataDir: '/data', consoleDir: '/console' }, read));

test('without settings: loopback, sign-up open, console on', () => {
  expect(fromEnv({ HOME: '/home', STILLVAULT_OTHER: 'x' })).toMatchObject({
    host: '127.0.0.1',
    port: 8460,
    dataDir: '/data',
    consoleDir: '/console',
    signUp: { kind: 'open' },
    logLevel: 'info',
  });
});

test('a relay that strangers reach signs nobody up unless told so', () => {
  expect(fromEnv({ STILLVAULT_RELAY_HOST: '0.0.0.0' }).signUp).toEqual({ kind: 'closed' });
  expect(fromEnv({ STILLVAULT_RELAY_HOST: '127.example.com' }).signUp).toEqual({ kind: 'closed' });
  expect(fromEnv({ STILLVAULT_RELAY_PUBLIC_URL: 'https://relay.example' }).signUp).toEqual({ kind: 'closed' });
  expect(fromEnv({ STILLVAULT_RELAY_HOST: '0.0.0.0', STILLVAULT_RELAY_SIGNUP: 'open' }).signUp).toEqual({ kind: 'open' });
});

test('every setting arrives', () => {
  const config = fromEnv({
    STILLVAULT_RELAY_HOST: '::1',
    STILLVAULT_RELAY_PORT: '0',
    STILLVAULT_RELAY_DATA: '/elsewhere',
    STILLVAULT_RELAY_PUBLIC_URL: 'https://Relay.Example:443/',
    STILLVAULT_RELAY_SIGNUP: 'closed',
    STILLVAULT_RELAY_CONSOLE: 'off',
    STILLVAULT_RELAY_LOG_LEVEL: 'warn',
    STILLVAULT_RELAY_PROXY_HOPS: '1',
    STILLVAULT_RELAY_DRAIN_MS: '5000',
    STILLVAULT_RELAY_ORG_BYTES: '7',
    STILLVAULT_RELAY_ORG_RECORDS: '8',
    STILLVAULT_RELAY_ORG_MAILS: '9',
    STILLVAULT_RELAY_KEY_RATE: '10',
    STILLVAULT_RELAY_ADDRESS_RATE: '11',
  });
  expect(config).toMatchObject({
    host: '::1',
    port: 0,
    dataDir: '/elsewhere',
    publicUrl: 'https://relay.example',
    signUp: { kind: 'closed' },
    logLevel: 'warn',
    proxyHops: 1,
    drainMs: 5_000,
    quotas: { orgBytes: 7, orgRecords: 8, orgMails: 9, keyRate: 10, keyBurst: 100, addressRate: 11, addressBurst: 220 },
  });
  expect(config.consoleDir).toBeUndefined();
});

test('a sign-up token comes from the environment or from a file', () => {
  const token = 'a token of some length';
  expect(fromEnv({ STILLVAULT_RELAY_SIGNUP_TOKEN: token }).signUp).toEqual({ kind: 'token', token });
  expect(fromEnv({ STILLVAULT_RELAY_SIGNUP: 'token', STILLVAULT_RELAY_SIGNUP_TOKEN_FILE: '/token' }, () => `${token}\n`).signUp).toEqual({
    kind: 'token',
    token,
  });
});

test.each([
  [{ STILLVAULT_RELAY_PROT: '1' }, 'unknown setting STILLVAULT_RELAY_PROT'],
  [{ STILLVAULT_RELAY_PORT: '65536' }, 'STILLVAULT_RELAY_PORT'],
  [{ STILLVAULT_RELAY_PORT: '80x' }, 'STILLVAULT_RELAY_PORT'],
  [{ STILLVAULT_RELAY_SIGNUP: 'yes' }, 'STILLVAULT_RELAY_SIGNUP'],
  [{ STILLVAULT_RELAY_SIGNUP: 'token' }, 'STILLVAULT_RELAY_SIGNUP_TOKEN_FILE'],
  [{ STILLVAULT_RELAY_SIGNUP: 'token', STILLVAULT_RELAY_SIGNUP_TOKEN: 'short-secret' }, '16 to 128'],
  [{ STILLVAULT_RELAY_SIGNUP: 'open', STILLVAULT_RELAY_SIGNUP_TOKEN: 'a secret that is not used' }, 'only with'],
  [{ STILLVAULT_RELAY_SIGNUP_TOKEN: 'a token of some length', STILLVAULT_RELAY_SIGNUP_TOKEN_FILE: '/token' }, 'one of'],
  [{ STILLVAULT_RELAY_PUBLIC_URL: 'https://relay.example/path' }, 'origin'],
  [{ STILLVAULT_RELAY_PUBLIC_URL: 'ftp://relay.example' }, 'origin'],
  [{ STILLVAULT_RELAY_PUBLIC_URL: 'https://user:secret@relay.example' }, 'origin'],
  [{ STILLVAULT_RELAY_CONSOLE: 'maybe' }, 'STILLVAULT_RELAY_CONSOLE'],
])('%j is refused', (env, message) => {
  let said = '';
  try {
    fromEnv(env);
  } catch (error) {
    said = error instanceof Error && 'code' in error ? `${String(error.code)} ${error.message}` : '';
  }
  expect(said).toStartWith('E_RELAY_CONFIG');
  expect(said).toContain(message);
  expect(said).not.toContain('secret');
});
