// Every code that a program can meet is in spec/12-errors.md, and nothing there that does not exist.
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { daemonCodes } from '../daemon/errors.ts';
import { ProtocolError, check, protocolCodes } from './errors.ts';
import { relayCodes } from './wire.ts';

const text = readFileSync(join(import.meta.dir, '../spec/12-errors.md'), 'utf8');
const written = new Set([...text.matchAll(/`(E_[A-Z0-9_]+)`/g)].map(([, code]) => code));
const ofClients = ['E_RELAY_AWAY', 'E_RELAY_ANSWER', 'E_FAKE_DAEMON', 'E_LOCAL_API', 'E_POLICY_FILE', 'E_HOOK', 'E_RELAY_CONFIG'];
/** Rooms that list their codes in a chapter of their own. */
const elsewhere = ['E_PROXY_', 'E_IMPORT_'];

test('the spec has every code, and no other', () => {
  const existing = new Set<string>([...protocolCodes, ...relayCodes, ...daemonCodes, ...ofClients, ...elsewhere]);
  expect([...existing].filter((code) => !written.has(code))).toEqual([]);
  expect([...written].filter((code) => code === undefined || !existing.has(code))).toEqual([]);
});

test('an error carries its code, its cause, and a message of ours', () => {
  const cause = new Error('inner');
  const error = new ProtocolError('E_OPEN', 'does not open', { cause });
  expect([error.code, error.cause, error.message, error.name]).toEqual(['E_OPEN', cause, 'E_OPEN: does not open', 'ProtocolError']);
  expect(() => check(false, 'E_FIELD', 'no')).toThrow('E_FIELD: no');
  check(true, 'E_FIELD', 'yes');
});
