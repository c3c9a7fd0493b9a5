// Finding secrets, and what may be stored: bounds at the edge and one past it, values wiped.
import { expect, test } from 'bun:test';
import { limits } from '../../protocol/limits.ts';
import { manySecrets } from '../../testing/fake-states.ts';
import { type Draft, checkDraft, draftOf, emptyDraft, encodeValue, findSecrets, lookAt, shareableBy, wipeValue } from './model.ts';

const draft = (part: Partial<Draft>): Draft => ({ ...emptyDraft, path: 'prod/db', value: 'x', ...part });

test('every part of a query must be found, in any order, in name, description or field', () => {
  expect(findSecrets(manySecrets, '').length).toBe(manySecrets.length);
  expect(findSecrets(manySecrets, 'KEY release').map(({ path }) => path)).toEqual(['prod/signing/release-key']);
  expect(findSecrets(manySecrets, 'orders').map(({ path }) => path)).toEqual(['prod/db-primary']);
  expect(findSecrets(manySecrets, 'password').length).toBe(1);
  expect(findSecrets(manySecrets, 'nothing like it')).toEqual([]);
});

test('those to renew, those that somebody waits for, and whom this device can serve', () => {
  expect(lookAt(manySecrets, 'all')).toBe(manySecrets);
  expect(lookAt(manySecrets, 'exposed').map(({ path }) => path)).toEqual(['prod/signing/release-key']);
  expect(lookAt(manySecrets, 'waiting').map(({ path }) => path)).toEqual(['prod/signing/release-key']);
  expect(shareableBy(manySecrets)).toMatchObject({ rows: [{ path: 'prod/signing/release-key' }], devices: ['ana’s tablet'] });
});

test('a name must be one that the log takes', () => {
  expect(checkDraft(draft({}))).toEqual({});
  for (const path of ['', '/a', 'a/', 'a//b', 'a b', 'ä', 'a/../b.', 'x'.repeat(limits.pathBytes + 1)]) expect(checkDraft(draft({ path })).path).toBeDefined();
  expect(checkDraft(draft({ path: 'x'.repeat(limits.pathBytes) })).path).toBeUndefined();
});

test('a value has at least one byte and at most 64 KiB, counted in bytes', () => {
  expect(checkDraft(draft({ value: '' })).value).toBeDefined();
  expect(checkDraft(draft({ value: 'x'.repeat(limits.valueBytes) })).value).toBeUndefined();
  expect(checkDraft(draft({ value: 'x'.repeat(limits.valueBytes + 1) })).value).toBeDefined();
  expect(checkDraft(draft({ value: 'ä'.repeat(limits.valueBytes / 2 + 1) })).value).toBeDefined();
});

test('field names are valid and each once, and every field has a value', () => {
  const fields = (...names: string[]): Draft => draft({ kind: 'fields', fields: names.map((name) => ({ name, value: 'v' })) });
  expect(checkDraft(fields('user', 'password')).fields).toBeUndefined();
  expect(checkDraft(fields('user', 'user')).fields?.[1]).toBeDefined();
  expect(checkDraft(fields('1st')).fields?.[0]).toBeDefined();
  expect(checkDraft(draft({ kind: 'fields', fields: [{ name: 'user', value: '' }] })).fields?.[0]).toBeDefined();
});

test('a new version keeps the shape and holds no value', () => {
  const primary = manySecrets.find(({ path }) => path === 'prod/db-primary');
  if (!primary) throw new Error('the fixture is gone');
  expect(draftOf(primary)).toMatchObject({ path: 'prod/db-primary', kind: 'fields', value: '', fields: primary.fields.map((name) => ({ name, value: '' })) });
});

test('the bytes of a value are wiped', () => {
  const one = encodeValue(draft({ value: 'sécret' }));
  if (one.kind !== 'value') throw new Error('another kind');
  expect(new TextDecoder().decode(one.value)).toBe('sécret');
  wipeValue(one);
  expect(one.value.every((byte) => byte === 0)).toBe(true);
  const several = encodeValue(draft({ kind: 'fields', fields: [{ name: 'a', value: 'b' }] }));
  wipeValue(several);
  expect(several.kind === 'fields' && several.fields[0]?.value).toEqual(new Uint8Array(1));
});
