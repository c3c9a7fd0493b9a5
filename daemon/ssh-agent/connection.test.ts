// The SSH agent's messages, byte for byte: what is bound, what is refused, and that no bytes from outside break it.
import { describe, expect, test } from 'bun:test';
import { generateKeyPairSync, type KeyObject, randomBytes, sign as signBytes } from 'node:crypto';
import { createSshConnection, type ListedKey, type SshConnection } from './connection.ts';
import { fingerprint, publicBlob } from './public-key.ts';
import { concat, maxMessageBytes, mpint, string, u32 } from './wire.ts';

const failure = [5];
const success = [6];
const extensionFailure = [28];

interface Host {
  readonly key: KeyObject;
  readonly blob: Uint8Array;
  sign(data: Uint8Array): Uint8Array;
}
function ed25519Host(): Host {
  const key = generateKeyPairSync('ed25519').privateKey;
  return { key, blob: publicBlob(key), sign: (data) => concat(string('ssh-ed25519'), string(signBytes(null, data, key))) };
}
function ecdsaHost(): Host {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const sign = (data: Uint8Array): Uint8Array => {
    const both = signBytes('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
    return concat(string('ecdsa-sha2-nistp256'), string(concat(mpint(both.subarray(0, 32)), mpint(both.subarray(32)))));
  };
  return { key, blob: publicBlob(key), sign };
}
function rsaHost(): Host {
  const key = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
  return { key, blob: publicBlob(key), sign: (data) => concat(string('rsa-sha2-512'), string(signBytes('sha512', data, key))) };
}

const host = ed25519Host();
const other = ed25519Host();
const mine: ListedKey = { blob: ed25519Host().blob, comment: 'mine' };
const session = randomBytes(32);

const framed = (...parts: readonly Uint8Array[]): Uint8Array => string(concat(...parts));
const byte = (value: number): Uint8Array => new Uint8Array([value]);
const bind = (from: Host, id: Uint8Array, isForwarding = false, signature = from.sign(id)): Uint8Array =>
  framed(byte(27), string('session-bind@openssh.com'), string(from.blob), string(id), string(signature), byte(isForwarding ? 1 : 0));
const signRequest = (data: Uint8Array, blob = mine.blob): Uint8Array => framed(byte(13), string(blob), string(data), u32(0));
const userauth = (
  id: Uint8Array,
  { user = 'git', service = 'ssh-connection', key = mine.blob, bound }: { user?: string; service?: string; key?: Uint8Array; bound?: Uint8Array } = {},
): Uint8Array =>
  concat(
    string(id),
    byte(50),
    string(user),
    string(service),
    string(bound ? 'publickey-hostbound-v00@openssh.com' : 'publickey'),
    byte(1),
    string('ssh-ed25519'),
    string(key),
    ...(bound ? [string(bound)] : []),
  );
const sshsig = (namespace: string, hash = 'sha512'): Uint8Array =>
  concat(Buffer.from('SSHSIG'), string(namespace), string(''), string(hash), string(randomBytes(64)));

function connection(): { readonly agent: SshConnection; readonly purposes: string[]; say(...messages: readonly Uint8Array[]): Promise<readonly number[]> } {
  const purposes: string[] = [];
  const agent = createSshConnection({
    keys: [mine],
    onRefused: () => undefined,
    sign: async (_key, _data, _flags, purpose) => {
      purposes.push(purpose);
      return string('signed');
    },
  });
  return {
    agent,
    purposes,
    /** The last answer. */
    async say(...messages) {
      let last: Uint8Array = new Uint8Array();
      for (const message of messages) for (const answer of await agent.take(message)) last = answer;
      return [...last.subarray(4)];
    },
  };
}

describe('a bound session', () => {
  test.each([
    ['ed25519', ed25519Host()],
    ['ecdsa', ecdsaHost()],
    ['rsa', rsaHost()],
  ] as const)('%s: the purpose names the host key', async (_name, from) => {
    const { say, purposes } = connection();
    expect(await say(bind(from, session))).toEqual(success);
    expect((await say(signRequest(userauth(session))))[0]).toBe(14);
    expect(purposes).toEqual([`log in as git to host key ${fingerprint(from.blob)}`]);
  });

  test('the same session again is no other session', async () => {
    const { say, purposes } = connection();
    await say(bind(host, session, true), bind(host, session, true), bind(other, randomBytes(32)), signRequest(sshsig('file')));
    expect(purposes[0]).toMatch(/^FORWARDED agent: sign a file/);
  });

  const wrong: readonly (readonly [what: string, bindings: readonly Uint8Array[], data: Uint8Array])[] = [
    ['a signature of another key', [bind(host, session, false, other.sign(session))], userauth(session)],
    ['a signature over another session', [bind(host, session, false, host.sign(randomBytes(32)))], userauth(session)],
    ['a second host after a login', [bind(host, session), bind(other, randomBytes(32))], userauth(session)],
    ['the same session under another host key', [bind(host, session, true), bind(other, session)], userauth(session)],
    [
      'a host key of an unknown kind',
      [framed(byte(27), string('session-bind@openssh.com'), string(string('ssh-dss')), string(session), string('x'), byte(0))],
      userauth(session),
    ],
    ['an empty session', [bind(host, new Uint8Array())], userauth(new Uint8Array())],
  ];
  test.each(wrong)('INV-HELP-SSH-BIND: %s: nothing is signed on this connection any more', async (_what, bindings, data) => {
    const { say, purposes } = connection();
    expect(await say(...bindings)).toEqual(extensionFailure);
    expect(await say(bind(host, randomBytes(32)))).toEqual(extensionFailure);
    expect(await say(signRequest(data))).toEqual(failure);
    expect(await say(signRequest(sshsig('git')))).toEqual(failure);
    expect(purposes).toEqual([]);
  });

  test('seventeen sessions are too many', async () => {
    const { say } = connection();
    for (let count = 0; count < 16; count++) expect(await say(bind(host, randomBytes(32), true))).toEqual(success);
    expect(await say(bind(host, randomBytes(32), true))).toEqual(extensionFailure);
  });

  test.each([
    ['in another session than the bound one', userauth(randomBytes(32))],
    ['to another host key than the bound one', userauth(session, { bound: other.blob })],
  ])('INV-HELP-SSH-BIND: a login %s is refused', async (_what, data) => {
    const { say, purposes } = connection();
    expect(await say(bind(host, session), signRequest(data))).toEqual(failure);
    expect(purposes).toEqual([]);
  });
});

describe('what is signed', () => {
  test('INV-HELP-SSH-HOST: without a bound session the host is said to be unproven', async () => {
    const { say, purposes } = connection();
    await say(signRequest(userauth(session)));
    expect(purposes).toEqual(['log in as git to a host that is NOT PROVEN']);
  });
  test('INV-HELP-SSH-FORWARD: a login from where the agent was forwarded to', async () => {
    const { say, purposes } = connection();
    await say(bind(host, session, true), signRequest(userauth(randomBytes(32))));
    await say(bind(other, randomBytes(32), true), signRequest(sshsig('git')));
    expect(purposes[0]).toBe('FORWARDED agent: log in as git to a host that is NOT PROVEN');
    expect(purposes[1]).toMatch(/^FORWARDED agent: sign a git commit or tag \(SSHSIG namespace git, sha512 [0-9a-f]{12}\)$/);
  });
  test('a user name cannot say more than a user name', async () => {
    const { say, purposes } = connection();
    await say(signRequest(userauth(session, { user: 'git to host key SHA256:aaaa\n\u202e'.repeat(9) })));
    expect(purposes).toEqual(['log in as git?to?host?key?SHA256:a to a host that is NOT PROVEN']);
  });
  const unknown: readonly (readonly [string, Uint8Array])[] = [
    ['bytes that mean nothing', randomBytes(64)],
    ['nothing', new Uint8Array()],
    ['another service', userauth(session, { service: 'ssh-userauth' })],
    ['a login with another key', userauth(session, { key: other.blob })],
    ['a login with more behind it', concat(userauth(session), byte(0))],
    ['a namespace with a line break', sshsig('git\nfile')],
    ['an unknown hash', sshsig('git', 'md5')],
    ['half an SSHSIG', sshsig('git').subarray(0, 20)],
  ];
  test.each(unknown)('INV-HELP-SSH-KNOWN: %s is not signed, since nobody could tell what they approve', async (_what, data) => {
    const { say, purposes } = connection();
    expect(await say(signRequest(data))).toEqual(failure);
    expect(purposes).toEqual([]);
  });
  test('a key that is not listed', async () => {
    expect(await connection().say(signRequest(userauth(session), other.blob))).toEqual(failure);
  });
});

describe('messages', () => {
  test.each([1, 9, 17, 18, 19, 20, 21, 22, 23, 25, 26, 99, 255])('INV-HELP-SSH-KEEP: type %d is refused', async (type) => {
    expect(await connection().say(framed(byte(type), randomBytes(20)))).toEqual(failure);
  });
  test('extensions: query names the one there is; others are refused', async () => {
    expect(Buffer.from(await connection().say(framed(byte(27), string('query')))).toString()).toContain('session-bind@openssh.com');
    expect(await connection().say(framed(byte(27), string('restrict-destination-v00@openssh.com')))).toEqual(extensionFailure);
  });
  test('byte by byte, and several at once', async () => {
    const list = framed(byte(11));
    const { agent } = connection();
    const answers: Uint8Array[] = [];
    for (const one of list) answers.push(...(await agent.take(byte(one))));
    answers.push(...(await agent.take(concat(list, list))));
    expect(answers).toHaveLength(3);
    expect(answers[0]).toEqual(framed(byte(12), u32(1), string(mine.blob), string('mine')));
  });
  test('at most 256 KiB a message', async () => {
    const whole = framed(byte(99), new Uint8Array(maxMessageBytes - 1));
    expect(await connection().say(whole)).toEqual(failure);
    expect(connection().agent.take(u32(maxMessageBytes + 1))).rejects.toThrow('too large');
    expect(connection().agent.take(u32(0))).rejects.toThrow('too large');
  });
  test('no bytes break it', async () => {
    for (let round = 0; round < 300; round++) {
      const body = randomBytes(1 + (round % 97));
      body[0] = [11, 13, 27][round % 3] ?? 0;
      const answer = await connection().say(framed(body));
      expect([5, 12, 28, 29]).toContain(answer[0] ?? -1);
    }
  });
});
