// Validations of what programs may ask (spec/10-local-api.md §calls, §rate): each bound, one past it, and unknown fields.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { z } from 'zod';
import { limits } from '../../protocol/limits.ts';
import { joinAsk, leaseEnd, putAsk, releaseAsk } from './asks.ts';
import { bounds } from './bounds.ts';
import { createAskLimiter } from './rate.ts';

const item = { path: 'prod/db' };
const items = [item];
const base64 = (bytes: number): string => Buffer.alloc(bytes).toString('base64');
const several = (count: number): readonly object[] => Array.from({ length: count }, (_, at) => ({ path: `a/${at}`, value: 'aA==' }));
const fields = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, 'aA==']));

const accepted: readonly (readonly [string, z.ZodType, unknown])[] = [
  ['one item', releaseAsk, { items }],
  ['the most items', releaseAsk, { items: Array.from({ length: limits.itemsPerRequest }, () => item) }],
  [
    'a field, a lease and claims',
    releaseAsk,
    {
      items: [{ path: 'prod/db', field: 'password' }],
      reason: 'x'.repeat(limits.claimGraphemes),
      agent: 'claude',
      lease: { ttlS: limits.leaseMaxS, uses: 1, scope: 'exe' },
    },
  ],
  ['the longest wait', releaseAsk, { items, timeoutS: 900, leaseOnly: true }],
  ['a value at the bound', putAsk, { puts: [{ path: 'a/b', value: base64(limits.valueBytes) }] }],
  ['the most fields', putAsk, { puts: [{ path: 'a', fields: fields(limits.fields) }] }],
  ['the most secrets', putAsk, { puts: several(limits.putsPerRequest) }],
  ['a token', joinAsk, { token: 'x', name: 'build-7' }],
  ['one lease', leaseEnd, { id: '0'.repeat(32) }],
  ['all leases', leaseEnd, { all: true }],
];
const refused: readonly (readonly [string, z.ZodType, unknown])[] = [
  ['no items', releaseAsk, { items: [] }],
  ['one item too many', releaseAsk, { items: Array.from({ length: limits.itemsPerRequest + 1 }, () => item) }],
  ['a path that climbs', releaseAsk, { items: [{ path: '../x' }] }],
  ['a path with a look-alike', releaseAsk, { items: [{ path: 'prоd/db' }] }],
  ['an unknown field inside', releaseAsk, { items: [{ path: 'a', more: 1 }] }],
  ['a claim one too long', releaseAsk, { items, reason: 'x'.repeat(limits.claimGraphemes + 1) }],
  ['a claim of two lines (attack 84)', releaseAsk, { items, reason: 'a\nb' }],
  ['a claim that turns direction (attack 85)', releaseAsk, { items, agent: 'claude\u202e' }],
  ['a lease one second too long', releaseAsk, { items, lease: { ttlS: limits.leaseMaxS + 1 } }],
  ['a lease of no time', releaseAsk, { items, lease: { ttlS: 0 } }],
  ['an unknown scope', releaseAsk, { items, lease: { ttlS: 1, scope: 'world' } }],
  ['an undefined that is present', releaseAsk, { items, reason: undefined }],
  ['a wait one second too long', releaseAsk, { items, timeoutS: 901 }],
  ['a value past the bound', putAsk, { puts: [{ path: 'a', value: base64(limits.valueBytes + 3) }] }],
  ['a value that is no base64', putAsk, { puts: [{ path: 'a', value: '!' }] }],
  ['value and fields', putAsk, { puts: [{ path: 'a', value: 'aA==', fields: fields(1) }] }],
  ['neither value nor fields', putAsk, { puts: [{ path: 'a' }] }],
  ['one field too many', putAsk, { puts: [{ path: 'a', fields: fields(limits.fields + 1) }] }],
  ['no secret at all', putAsk, { puts: [] }],
  ['one secret too many', putAsk, { puts: several(limits.putsPerRequest + 1) }],
  ['one path twice', putAsk, { puts: [...several(2), ...several(1)] }],
  ['a field name with a space', putAsk, { puts: [{ path: 'a', fields: { 'a b': 'aA==' } }] }],
  ['no token', joinAsk, { token: '' }],
  ['a lease and all', leaseEnd, { id: '0'.repeat(32), all: true }],
  ['no lease', leaseEnd, {}],
  ['not really all', leaseEnd, { all: false }],
];

describe('an ask', () => {
  test.each(accepted)('with %s is taken as it is', (_, schema, ask) => {
    expect(schema.parse(ask)).toEqual(ask);
  });

  test.each(refused)('with %s is refused', (_, schema, ask) => {
    expect(schema.safeParse(ask).success).toBe(false);
  });

  test('of any shape is refused or taken, never more', () => {
    fc.assert(
      fc.property(fc.constantFrom<z.ZodType>(releaseAsk, putAsk, joinAsk, leaseEnd), fc.jsonValue(), (schema, ask) => {
        const parsed = schema.safeParse(ask);
        if (parsed.success) expect(parsed.data).toEqual(ask);
      }),
    );
  });
});

describe('asks for a human’s attention (attack 49)', () => {
  test('of one program: the burst at once, then its rate; another program has its own', () => {
    let now = 0;
    const limiter = createAskLimiter(() => now);
    const take = (program: string): void => limiter.take(1_000, program);
    for (let n = 0; n < bounds.askBurst; n++) take('1:1');
    expect(() => take('1:1')).toThrow(expect.objectContaining({ detail: 'E_RATE_LOCAL' }) as Error); // cast: a matcher
    take('1:2');
    now += 60_000 / bounds.asksPerMinute - 1;
    expect(() => take('1:1')).toThrow();
    now += 1;
    take('1:1');
    expect(() => take('1:1')).toThrow();
  });

  test('of one uid over many copies of a program', () => {
    const limiter = createAskLimiter(() => 0);
    for (let n = 0; n < bounds.askBurstPerUid; n++) limiter.take(1_000, `1:${n}`);
    expect(() => limiter.take(1_000, '1:copy')).toThrow(expect.objectContaining({ detail: 'E_RATE_LOCAL' }) as Error); // cast: a matcher
    limiter.take(1_001, '1:0');
  });

  test('a flood of programs does not forget the uid that floods', () => {
    const limiter = createAskLimiter(() => 0);
    let taken = 0;
    for (let n = 0; n < bounds.rateKeys * 2; n++) {
      try {
        limiter.take(1_000, `1:${n}`);
        taken++;
      } catch {
        // counted below
      }
    }
    expect(taken).toBe(bounds.askBurstPerUid);
  });
});
