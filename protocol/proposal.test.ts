// What a machine may propose at once, and that the list is exactly what it signed (spec/09-release.md §proposal).
import { expect, test } from 'bun:test';
import { codeOf } from '../testing/code-of.ts';
import { World } from '../testing/world.ts';
import { array, bytesUpTo, encode } from './codec.ts';
import type { Hash } from './hash.ts';
import { limits } from './limits.ts';
import { type SecretPut, secretPutCodec } from './org-log/bodies.ts';
import { type Proposal, encodeProposal, parseProposal, verifyProposal } from './proposal.ts';

const blob = 'ab'.repeat(32) as Hash; // of no blob
const world = new World('proposal');
await world.genesis();
await world.addMachine('laptop', { owner: world.member('ada').id });
await world.put('prod/db', 'x');
const { put } = world.secret('prod/db');
const puts = (count: number): readonly SecretPut[] => Array.from({ length: count }, (_, at) => ({ ...put, path: `prod/${at}` }));

test('INV-PROPOSAL-LIST: 64 at once and not 65, nor more than a record holds', async () => {
  const { encoded, named } = encodeProposal(puts(limits.putsPerRequest));
  expect(parseProposal({ blob, puts: named }, encoded)).toEqual(puts(limits.putsPerRequest));
  expect(await codeOf(async () => encodeProposal(puts(limits.putsPerRequest + 1)))).toBe('E_LIMIT');
  const long = puts(64).map((one) => ({ ...one, description: 'x'.repeat(limits.descriptionBytes), wraps: Array.from({ length: 12 }, () => put.wraps).flat() }));
  expect(await codeOf(async () => encodeProposal(long))).toBe('E_LIMIT');
  // A machine that does it all the same.
  const each = puts(65).map((one) => encode(secretPutCodec, one));
  const forged = encode(array(bytesUpTo(limits.entryBytes), 100), each);
  expect(await codeOf(async () => parseProposal({ blob, puts: named }, forged))).toBe('E_FIELD');
});

test('INV-PROPOSAL-LIST: each is the one that the request names, in its place', async () => {
  const { encoded, named } = encodeProposal(puts(2));
  const judge = (of: Proposal['puts']): Promise<string> => codeOf(async () => parseProposal({ blob, puts: of }, encoded));
  const [one, two] = named;
  if (!one || !two) throw new Error('two were made');
  expect(await judge([two, one])).toBe('E_BIND');
  expect(await judge([one])).toBe('E_BIND');
  expect(await judge([one, { ...two, path: 'prod/calm' }])).toBe('E_BIND');
  expect(await codeOf(async () => verifyProposal({ blob, puts: [one, two, one] }))).toBe('E_FIELD');
});
