// stillvault_need: asks a person for a secret that does not exist yet; the agent gets its reference, never its value (spec/13-mcp.md §needs).
import { z } from 'zod';
import type { NeedSummary } from '../../protocol/local-api.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import type { Answer } from '../answer.ts';
import { bounds } from '../bounds.ts';
import { claimOf } from '../claim.ts';
import { type Session, withProgress } from '../session.ts';
import type { Call } from '../call.ts';
import { type Registrar, defineTool, reason, waitS } from '../tool.ts';

export const needTool: Registrar = defineTool({
  name: 'stillvault_need',
  title: 'Ask for a secret that does not exist yet',
  description:
    'Asks a person to store a secret that stillvault_list does not show: say what it is for and where they get it. They type the value on their own device; you get a reference. Status pending: it can take hours or days, so go on with other work and call it again with the same path to see how it stands. Asking again bothers nobody. Never ask for the value in this conversation.',
  input: z.object({
    path: z.string().min(1).max(256).describe('a new name such as prod/stripe, below a path that a policy covers'),
    reason: reason.describe('what it is for, for the person who types it: one honest line'),
    where: z.string().max(bounds.whereCharacters).optional().describe('where a person gets it, such as the address of the page with API keys'),
    fields: z.array(z.string().max(64)).max(32).optional().describe('names of the fields that it should have; absent: one value'),
    wait_s: waitS,
  }),
  output: { reference: z.string().optional(), writers: z.array(z.string()).optional().describe('who can store it') },
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  async run({ path, reason: why, where, fields, wait_s: seconds = 0 }, call, session) {
    const { client } = session;
    const about = {
      for: claimOf(why),
      ...(call.agent === undefined ? {} : { agent: call.agent }),
      ...(where === undefined ? {} : { where: where.trim() }),
      ...(fields === undefined ? {} : { fields }),
    };
    const need = await client.need(path, about);
    return answerOf(need.state === 'open' && seconds > 0 ? await awaitNeed(session, call, need, seconds) : need);
  },
});

/** As it stands when the time is over: it stays open whatever becomes of the call. */
async function awaitNeed(session: Session, call: Call, need: NeedSummary, seconds: number): Promise<NeedSummary> {
  const left = AbortSignal.timeout(Math.min(session.waitMs ?? bounds.waitMs, seconds * 1_000));
  const wait = session.client.awaitNeed(need.path, { signal: AbortSignal.any([call.signal, left]) });
  return withProgress(
    session,
    call,
    () => pendingWords(need),
    () =>
      wait.catch((error: unknown) => {
        if (left.aborted && !call.signal.aborted) return need;
        throw error;
      }),
  );
}

/** Throws what it came to nothing with. */
function answerOf(need: NeedSummary): Answer {
  const { path, reference, state, fields, writers, by = 'a writer', note } = need;
  const content = { reference, fields, writers };
  switch (state) {
    case 'open':
      return { status: 'pending', content, words: pendingWords(need) };
    case 'exists':
    case 'filled':
      return {
        status: 'ok',
        content,
        words: `${path} exists${state === 'filled' ? `: ${by} stored it` : ''}. Use ${reference} through stillvault_run, stillvault_http or stillvault_inject_file; a person approves that use.`,
      };
    case 'withdrawn':
      return { status: 'withdrawn', content, words: `Nobody is asked for ${path} any more. Call again if the task still needs it.` };
    case 'declined':
      throw new StillvaultError('denied', `${by} declined ${path}${note === undefined ? '' : `: “${note}”`}`);
    case 'expired':
      throw new StillvaultError('expired', `nobody stored ${path} in 7 days`, { next: 'tell the person you work for' });
    case 'failed':
      throw new StillvaultError('policy_forbids', `${path} cannot be stored any more`, { detail: note, next: 'tell the person you work for' });
  }
}

function pendingWords({ path, writers }: NeedSummary): string {
  return `Asked ${writers.join(', ') || 'the writers'} to store ${path}; that can take hours. Go on with other work, and call stillvault_need again with the same path later. Its reference will be stillvault://${path}.`;
}
