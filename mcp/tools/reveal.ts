// stillvault_reveal: the value itself, only where every policy concerned allows it (spec/13-mcp.md §reveal).
import { z } from 'zod';
import { parseReference } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { infoOf, valuesFor } from '../session.ts';
import { textOf, valueOf } from '../../sdk/template.ts';
import { type Registrar, defineTool, reason, reference, waitS } from '../tool.ts';

export const revealTool: Registrar = defineTool({
  name: 'stillvault_reveal',
  title: 'Read a value',
  description:
    'Returns a value into this conversation, after a person approved. Refused unless the policy allows it (reveal_allowed in stillvault_list), which is rare: use stillvault_run, stillvault_http or stillvault_inject_file.',
  input: z.object({ ref: reference, reason, wait_s: waitS }), // no request_id: who approves has to have read that it is for the model
  output: { value: z.string().optional() },
  annotations: { readOnlyHint: true, openWorldHint: true },
  reveals: true,
  async run({ ref, reason: why, wait_s }, call, session) {
    const item = parseReference(ref);
    for (const { path, policy } of await infoOf(session, [item]))
      if (policy.revealAllowed !== true)
        throw new StillvaultError('policy_forbids', `the policy of ${path} does not allow to reveal it; nobody was asked`, {
          next: 'stillvault_run, stillvault_http or stillvault_inject_file',
        });
    const got = await valuesFor(session, call, {
      items: [item],
      reason: why,
      shown: 'REVEAL to the model',
      exact: ['reveal', ref],
      requestId: undefined,
      waitS: wait_s,
    });
    if ('detour' in got) return got.detour;
    const value = valueOf(got.values, item);
    const text = textOf(value);
    value.bytes.fill(0);
    return { status: 'ok', content: { value: text }, words: 'The value is now part of this conversation: do not repeat it.' };
  },
});
