// What import reads besides: JSON, YAML, Vault, Bitwarden, 1Password, CSV and pass; and that no failure quotes what it read.
import { describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { strToU8, zipSync } from 'fflate';
import { StillvaultError } from '../../../sdk/errors.ts';
import { tracesIn } from '../../../testing/traces.ts';
import { importing, makeFolder, startStoring } from '../test-storing.ts';
import { lastJson } from '../test-command-line.ts';
import { bitwardenSource, csvSource, onePuxSource } from './exports.ts';
import { putsOf, targetsOf } from './names.ts';
import type { Source } from './source.ts';
import { treeSource, vaultSource } from './trees.ts';

/** Path → value or fields of what would be stored. */
function stored({ candidates }: Source, prefix = 'in'): Readonly<Record<string, unknown>> {
  const taken = candidates.filter(({ isTaken }) => isTaken);
  const puts = putsOf(targetsOf(taken, { prefix, asFields: false, maps: [] }));
  return Object.fromEntries(puts.map(({ path, value, fields }) => [path, value ?? fields]));
}
const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error instanceof StillvaultError ? error.detail : error;
  }
  return undefined;
};
const secret = 'Zeppelin-4711-gate';

describe('JSON and YAML', () => {
  test('nested keys are paths; what is no secret, and numbers, stay', () => {
    const tree = { db: { password: secret, host: 'db.x', port: 5432, pin_token: 12345678 }, list: [{ api_key: 'kq8ZpL2vN7xR4tW9yB3m' }] };
    const wanted = { 'in/db/password': secret, 'in/list/0/api_key': 'kq8ZpL2vN7xR4tW9yB3m' };
    expect(stored(treeSource(JSON.stringify(tree), 'JSON'))).toEqual(wanted);
    const source = treeSource(`db:\n  password: "${secret}"\n  pin_token: 012345678\nlist:\n- api_key: kq8ZpL2vN7xR4tW9yB3m\n`, 'YAML');
    expect(stored(source)).toEqual(wanted);
    expect(source.notes?.join()).toContain('db.pin_token');
  });
  test('names that are no paths become some, and meet', () => {
    expect(stored(treeSource(JSON.stringify({ 'Größe & Co.': { '../../etc token': secret } }), 'JSON'))).toEqual({ 'in/Gro-e-Co/etc-token': secret });
    expect(codeOf(() => stored(treeSource(JSON.stringify({ 'a token': secret, 'a-token': `${secret}2` }), 'JSON')))).toBe('E_IMPORT_COLLISION');
    expect(codeOf(() => stored(treeSource(JSON.stringify({ '...': { '///': `npm_${'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'}` } }), 'JSON')))).toBe(
      'E_IMPORT_NAME',
    );
  });
  test('aliases without end, depth without end, a key called __proto__', () => {
    const bomb = ['a0: &a0 [x,x,x,x,x,x,x,x,x]', ...Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(',')}]`)];
    expect(codeOf(() => treeSource(bomb.join('\n'), 'YAML'))).toBe('E_IMPORT_SYNTAX');
    for (const form of ['JSON', 'YAML'] as const) expect(codeOf(() => treeSource('['.repeat(300_000), form))).toBe('E_IMPORT_SYNTAX');
    expect(stored(treeSource(`{"__proto__":{"password":"${secret}"}}`, 'JSON'))).toEqual({ 'in/proto__/password': secret });
  });
});

describe('Vault', () => {
  const v1 = { request_id: 'r', lease_id: '', lease_duration: 2764800, renewable: false, data: { passcode: secret, n: 5 }, warnings: null };
  const v2 = {
    request_id: 'r',
    lease_id: '',
    renewable: false,
    data: { data: { passcode: secret }, metadata: { created_time: '2022-06-15T20:14:17Z', version: 1, destroyed: false } },
  };
  test('both versions, a list, and an object of paths', () => {
    expect(stored(vaultSource(JSON.stringify(v1), 'creds'))).toEqual({ 'in/creds': { passcode: secret, n: '5' } });
    expect(stored(vaultSource(JSON.stringify(v2), 'creds'))).toEqual({ 'in/creds': { passcode: secret } });
    expect(stored(vaultSource(JSON.stringify([v1, { ...v2, path: 'app/db' }]), 'all'))).toEqual({
      'in/all-1': { passcode: secret, n: '5' },
      'in/app/db': { passcode: secret },
    });
    expect(stored(vaultSource(JSON.stringify({ 'app/x': v2, 'app/y': v1 }), 'all'))).toEqual({
      'in/app/x': { passcode: secret },
      'in/app/y': { passcode: secret, n: '5' },
    });
  });
  test('a deleted version, and what is none', () => {
    expect(stored(vaultSource(JSON.stringify({ ...v2, data: { ...v2.data, data: null } }), 'x'))).toEqual({});
    for (const text of ['[]', '{}', '[1]', '{"a":{"b":1}}', '"x"']) expect(codeOf(() => vaultSource(text, 'x'))).toBe('E_IMPORT_FORMAT');
  });
});

describe('Bitwarden', () => {
  const items = [
    {
      id: '1',
      folderId: 'f',
      type: 1,
      name: 'Git Hub',
      notes: null,
      login: { uris: [{ match: null, uri: 'https://github.com' }], username: 'ben', password: secret, totp: 'otpauth://x' },
      fields: [
        { name: 'pin', value: '0815', type: 1 },
        { name: 'flag', value: 'true', type: 2 },
      ],
    },
    { id: '2', folderId: null, type: 2, name: 'note', notes: 'two\nlines', secureNote: { type: 0 } },
    { id: '3', folderId: null, type: 1, name: 'empty', notes: null, login: { username: 'ben', password: null } },
    { id: '4', folderId: null, type: 5, name: 'ssh', notes: null, sshKey: { privateKey: secret, publicKey: 'p', keyFingerprint: 'f' } },
  ];
  test('JSON', () => {
    const text = JSON.stringify({ encrypted: false, folders: [{ id: 'f', name: 'Work/Dev' }], items });
    expect(stored(bitwardenSource(text))).toEqual({
      'in/Work/Dev/Git-Hub': { username: 'ben', password: secret, totp: 'otpauth://x', pin: '0815' },
      'in/note': { notes: 'two\nlines' },
      'in/ssh': { private_key: secret },
    });
  });
  test('encrypted: refused, with what to do', () => {
    for (const text of ['{"encrypted":true,"data":"2.x"}', '{"encrypted":true,"passwordProtected":true,"salt":"x","data":"2.x"}'])
      expect(codeOf(() => bitwardenSource(text))).toBe('E_IMPORT_ENCRYPTED');
  });
  test('CSV', () => {
    const csv = `folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp\r\nWork,,login,Git Hub,"two\r\nlines",pin: 0815,0,https://x,ben,"${secret},""x""",\r\n`;
    expect(stored(csvSource(csv))).toEqual({ 'in/Work/Git-Hub': { username: 'ben', password: `${secret},"x"`, notes: 'two\r\nlines', pin: '0815' } });
  });
});

describe('1Password', () => {
  const data = {
    accounts: [
      {
        attrs: { accountName: 'A' },
        vaults: [
          {
            attrs: { name: 'Team', type: 'U' },
            items: [
              {
                state: 'active',
                categoryUuid: '001',
                overview: { title: 'Data base', url: 'x' },
                details: {
                  loginFields: [
                    { value: 'ben', designation: 'username', fieldType: 'T' },
                    { value: secret, designation: 'password', fieldType: 'P' },
                  ],
                  notesPlain: '',
                  sections: [
                    {
                      title: 'more',
                      fields: [
                        { title: 'one-time password', value: { totp: 'otpauth://x' } },
                        { title: 'when', value: { date: 5 } },
                      ],
                    },
                  ],
                },
              },
              { state: 'archived', overview: { title: 'old' }, details: { password: secret } },
              { state: 'active', overview: { title: 'just a password' }, details: { password: secret } },
            ],
          },
        ],
      },
    ],
  };
  const pux = (json: string, name = 'export.data'): Uint8Array =>
    zipSync({ 'export.attributes': strToU8('{"version":3}'), [name]: strToU8(json), 'files/x': strToU8('y') });
  test('1PUX', () => {
    expect(stored(onePuxSource(pux(JSON.stringify(data))))).toEqual({
      'in/Team/Data-base': { username: 'ben', password: secret, 'one-time_password': 'otpauth://x' },
      'in/Team/just-a-password': { password: secret },
    });
  });
  test('archives that are none, hold nothing, or hold too much', () => {
    expect(codeOf(() => onePuxSource(new Uint8Array(50)))).toBe('E_IMPORT_SYNTAX');
    expect(codeOf(() => onePuxSource(pux('{}', 'other')))).toBe('E_IMPORT_FORMAT');
    expect(codeOf(() => onePuxSource(pux('{"accounts":5}')))).toBe('E_IMPORT_FORMAT');
    expect(codeOf(() => onePuxSource(pux(' '.repeat(33_554_433))))).toBe('E_IMPORT_FORMAT');
    const whole = pux(JSON.stringify(data));
    for (let cut = 0; cut < whole.length; cut += 7) expect(codeOf(() => onePuxSource(whole.subarray(0, cut)))).toStartWith('E_IMPORT_');
  });
  test('CSV', () => {
    const csv = `Title,Url,Username,Password,OTPAuth,Favorite,Archived,Tags,Notes\nData base,https://x,ben,${secret},,false,false,,hello\n`;
    expect(stored(csvSource(csv))).toEqual({ 'in/Data-base': { username: 'ben', password: secret, notes: 'hello' } });
  });
});

test('INV-IMPORT-ERRORS: no failure quotes what was read, and each has a code', () => {
  const sources: readonly ((text: string) => unknown)[] = [
    (text) => treeSource(text, 'JSON'),
    (text) => treeSource(text, 'YAML'),
    (text) => vaultSource(text, 'x'),
    bitwardenSource,
    csvSource,
    (text) => onePuxSource(strToU8(text)),
  ];
  const around = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom('{"items":[{"name":"', 'a,b\n"', '- [', 'Title,Password\n"x,', '{"data":{"data":"', 'PK\x03\x04', '"'),
  );
  fc.assert(
    fc.property(around, around, fc.nat(sources.length - 1), (before, behind, which) => {
      try {
        sources[which]?.(`${before}${secret}${behind}`);
      } catch (error) {
        expect(error).toBeInstanceOf(StillvaultError);
        const { message, detail, next, cause } = error as StillvaultError; // compared in the line before
        expect(detail).toStartWith('E_IMPORT_');
        expect(tracesIn(Buffer.from(`${message} ${next ?? ''} ${String(cause)}`), { secret })).toEqual([]);
      }
    }),
    { numRuns: 2_000 },
  );
});

const hasPass = Bun.which('pass') !== null && Bun.which('gpg') !== null;
test.skipIf(!hasPass)(
  'pass: read by the real program',
  async () => {
    using folder = makeFolder();
    await using daemon = await startStoring();
    const home = mkdtempSync('/tmp/sv-gpg-'); // short: gpg-agent's socket lies in it
    const env = { ...folder.env, PATH: process.env['PATH'] ?? '', GNUPGHOME: home, PASSWORD_STORE_DIR: join(folder.path, 'store') };
    const call = (words: readonly string[], input = ''): boolean =>
      Bun.spawnSync([...words], { env, stdin: new TextEncoder().encode(input), stdout: 'ignore', stderr: 'ignore' }).success;
    try {
      expect(call(['gpg', '--batch', '--passphrase', '', '--quick-gen-key', 'ben@x', 'rsa2048', 'encr', 'never'])).toBe(true);
      expect(call(['pass', 'init', 'ben@x'])).toBe(true);
      expect(call(['pass', 'insert', '-m', 'web/github.com'], `${secret}\nlogin: ben\nurl: https://github.com\nfree words\n`)).toBe(true);
      expect(call(['pass', 'insert', '-m', 'plain'], `${secret}2\n`)).toBe(true);
      const ended = await importing({ ...folder, env }, daemon, 'store', '--to', 'team', '--yes', '--json');
      expect(ended.code).toBe(0);
      expect(Object.fromEntries(daemon.secrets)).toEqual({
        'team/plain': { version: 1, value: `${secret}2` },
        'team/web/github.com': { version: 1, fields: { password: secret, login: 'ben', url: 'https://github.com', notes: 'free words' } },
      });
      expect(lastJson(ended)).toMatchObject({ event: 'imported', format: 'pass', rewritten: false });
      expect(tracesIn(Buffer.concat([ended.bytes, Buffer.from(ended.err), folder.state()]), { secret })).toEqual([]);
      mkdirSync(join(folder.path, 'none'));
      expect((await importing({ ...folder, env }, daemon, 'none')).err).toContain('E_IMPORT_FORMAT');
      writeFileSync(join(folder.path, 'store', 'broken.gpg'), 'x');
      expect((await importing({ ...folder, env }, daemon, 'store', '--dry-run')).err).toContain('E_IMPORT_UNREADABLE');
    } finally {
      call(['gpgconf', '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    }
  },
  30_000,
);
