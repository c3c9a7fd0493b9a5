// Every failure that a person can meet has its own words.
import { expect, test } from 'bun:test';
import { protocolCodes } from '../../protocol/errors.ts';
import { relayCodes } from '../../protocol/wire.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { RelayClientError } from '../../relay-client/client.ts';
import { ConsoleError, consoleCodes } from '../platform/console-error.ts';
import { explain } from './failure.ts';

// What only says that bytes were wrong, what only the daemon or a refused request meets: shown by its code beside the general words.
const general = new Set([
  ...[
    'E_CBOR',
    'E_CANONICAL',
    'E_ENVELOPE',
    'E_ORG',
    'E_SIGNERS',
    'E_KEY_REUSED',
    'E_KEY_NOT_IN_LOG',
    'E_LOG_STALE',
    'E_TOKEN_USED',
    'E_TOKEN_EXPIRED',
    'E_TOKEN_SCOPE',
    'E_CHECKPOINT_STATE',
    'E_BODY_HASH',
    'E_KEY_COMMIT',
  ],
  ...[
    'E_PADDING',
    'E_SIG_REQUEST',
    'E_REQ_SEEN',
    'E_CTR_BACK',
    'E_CLONE',
    'E_REPLAY',
    'E_BIND',
    'E_EXPIRED',
    'E_NO_APPROVAL',
    'E_NO_RECEIPT',
    'E_SOD',
    'E_QUORUM_DUP',
    'E_LEASE_SCOPE',
    'E_AUDIT_GAP',
  ],
  ...['E_RELAY_LIMIT', 'E_RELAY_REQUEST', 'E_RELAY_NOT_FOUND', 'E_RELAY_FORBIDDEN'],
]);

test('each code has words of its own, or is known to need none', () => {
  const unexpected = explain(new Error('x'));
  expect(unexpected.code).toBe('E_UNEXPECTED');
  const errors = [
    ...protocolCodes.map((code) => new ProtocolError(code, '')),
    ...relayCodes.map((code) => new RelayClientError(code, '')),
    ...consoleCodes.map((code) => new ConsoleError(code, '')),
    new RelayClientError('E_RELAY_AWAY', ''),
    new RelayClientError('E_RELAY_ANSWER', ''),
  ];
  const wordless = errors.filter((error) => explain(error).what === unexpected.what).map(({ code }) => code as string);
  expect(wordless.filter((code) => !general.has(code))).toEqual([]);
});

test('the words hold nothing of the message', () => {
  expect(JSON.stringify(explain(new ProtocolError('E_OPEN', 'hunter2')))).not.toContain('hunter2');
});
