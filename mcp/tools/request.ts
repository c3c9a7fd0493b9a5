// stillvault_request, stillvault_await, stillvault_cancel: ask for a task's secrets at once, come back, or withdraw (spec/13-mcp.md §tools).
import { z } from 'zod';
import { parseReference } from '../../sdk/client.ts';
import { type Answer, pending } from '../answer.ts';
import { bounds } from '../bounds.ts';
import { claimOf } from '../claim.ts';
import { awaitPeople } from '../session.ts';
import type { Ticket } from '../ticket.ts';
import { type Registrar, defineTool, reason, reference, waitS } from '../tool.ts';

export const requestTool: Registrar = defineTool({
  name: 'stillvault_request',
  title: 'Ask for secrets',
  description:
    'Asks people to release secrets for a task, all of them in one request, and returns at once: status pending with a request_id. Then stillvault_await, then give request_id to stillvault_run, stillvault_http or stillvault_inject_file. Without ttl_s it is good for one use; with ttl_s the approver may grant a lease, and later calls need no approval until it ends. For a single use you need not call this: those tools ask by themselves.',
  input: z.object({
    refs: z.array(reference).min(1).max(bounds.items).describe('such as stillvault://prod/db-primary#password'),
    reason,
    ttl_s: z.int().min(1).max(86_400).optional().describe('ask for a lease of this length'),
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: true },
  async run({ refs, reason: why, ttl_s: leaseS }, call, session) {
    const ticket = session.desk.file({ items: refs.map(parseReference), requestId: call.requestId, reason: claimOf(why), agent: call.agent, leaseS });
    return (await awaitPeople(session, call, ticket, bounds.announceS, 'announced')) ?? stateOf(ticket);
  },
});

export const awaitTool: Registrar = defineTool({
  name: 'stillvault_await',
  title: 'Wait for an approval',
  description:
    'Waits up to wait_s seconds for people to decide a request. Still pending: call it again. Approved: use request_id in the call that needs the secrets.',
  input: z.object({ request_id: z.string().max(64), wait_s: waitS }),
  annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: true },
  async run({ request_id: id, wait_s: seconds }, call, session) {
    const ticket = session.desk.find(id);
    return (await awaitPeople(session, call, ticket, seconds)) ?? stateOf(ticket);
  },
});

export const cancelTool: Registrar = defineTool({
  name: 'stillvault_cancel',
  title: 'Withdraw a request',
  description:
    'Withdraws a request everywhere, also from the phones of those who were asked, and forgets what was approved and not used. Call it when the task no longer needs it.',
  input: z.object({ request_id: z.string().max(64) }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run({ request_id: id }, _call, session) {
    const ticket = session.desk.find(id);
    ticket.withdraw();
    return { status: 'withdrawn', content: { request_id: id, paths: ticket.paths }, words: 'The request is withdrawn; nothing of it is held any more.' };
  },
});

/** Throws what it failed with. */
function stateOf(ticket: Ticket): Answer {
  const { state, id, paths } = ticket;
  switch (state.kind) {
    case 'asking':
    case 'waiting':
      return pending(ticket);
    case 'failed':
      throw state.error;
    case 'over':
      return { status: 'withdrawn', content: { request_id: id, paths }, words: `Nothing is held for this request: it was ${state.why}.` };
    case 'approved': {
      const { approvedBy, lease } = state.released;
      const length = lease === undefined ? 'one use within five minutes' : `a lease until ${lease.until}, ${lease.uses_left} more uses`;
      return {
        status: 'approved',
        content: { request_id: id, paths, approvers: approvedBy, ...(lease && { expires_at: lease.until }) },
        words: `Approved by ${approvedBy.join(', ')} for ${length}. Use it now: pass request_id ${id} to stillvault_run, stillvault_http or stillvault_inject_file.`,
      };
    }
  }
}
