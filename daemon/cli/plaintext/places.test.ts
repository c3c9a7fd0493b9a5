// What is looked for where, and what names say, without files.
import { describe, expect, test } from 'bun:test';
import { isSecretName, judge } from './judge.ts';
import { placeOf } from './places.ts';

const value = 'kq8ZpL2vN7xR4tW9yB3m';

test('exports of password managers', () => {
  const find = (path: string, text: string): readonly string[] =>
    placeOf(path)
      .find(text)
      .map(({ name, what }) => `${name} ${what}`.trim());
  expect(find('/h/1Password.csv', `Title,Url,Username,Password,Notes\nDB,,ben,${value},\n`)).toEqual(['export of a password manager']);
  expect(find('/h/b.csv', `folder,name,login_username,login_password\n,DB,ben,${value}\n`)).toEqual(['export of a password manager']);
  expect(find('/h/c.csv', 'name,password\n')).toEqual([]);
  expect(find('/h/d.csv', 'name,password_changed_at\nben,2026\n')).toEqual([]);
  expect(find('/h/bitwarden_export.json', `{"encrypted":false,"items":[{"login":{"password":"${value}"}}]}`)).toEqual(['items.0.login.password credential']);
});

describe('names', () => {
  test.each([
    'dbPassword',
    'PGPASSWORD',
    'client_secret',
    'apiKey',
    'API-KEY',
    'accessToken',
    'private_key',
    'JWT_SIGNING_KEY',
    'awsSecretAccessKey',
    'passphrase',
  ])('%s holds a secret', (name) => {
    expect(isSecretName(name)).toBeString();
    expect(judge(name, value)).toMatchObject({ by: 'name' });
  });
  test.each([
    'tokenUrl',
    'PASSWORD_FILE',
    'SECRET_ID',
    'publicKey',
    'passwordMinLength',
    'TOKEN_EXPIRY',
    'secretName',
    'compass_heading',
    'author',
    'path',
    'bypass_cache',
  ])('%s holds none', (name) => {
    expect(isSecretName(name)).toBeUndefined();
  });
  test('a name that only ends in key needs random text', () => {
    expect(judge('row_key', value)?.what).toBe('random text named key');
    expect(judge('row_key', 'customer-invoice-number')).toBeUndefined();
  });
});
