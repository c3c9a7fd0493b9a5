// What a tool answers: one shape for all, so that a model learns it once, and no value in it (spec/13-mcp.md §answers).
import { z } from 'zod';
import { type FailureCode, failureCodes } from '../protocol/local-api.ts';
import type { StillvaultError } from '../sdk/errors.ts';
import type { Mask } from '../sdk/mask.ts';
import { bounds } from './bounds.ts';
import type { Ticket } from './ticket.ts';

type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };
export type Status = 'ok' | 'pending' | 'approved' | 'denied' | 'withdrawn' | 'failed';

export interface Answer {
  readonly status: Status;
  readonly content?: Readonly<Record<string, Json>>;
  /** For the model: what it means and what to do next. */
  readonly words: string;
}
/** In a result of the protocol. */
export interface Told {
  readonly [name: string]: unknown;
  readonly content: [{ readonly type: 'text'; readonly text: string }];
  readonly structuredContent: Record<string, unknown>;
  readonly isError?: true;
}

/** Fields of every tool's answer; each tool adds its own. */
export const answerFields: z.ZodRawShape = {
  status: z.enum(['ok', 'pending', 'approved', 'denied', 'withdrawn', 'failed']),
  request_id: z.string().optional().describe('pass it to stillvault_await, stillvault_cancel, or the call that it is for'),
  retry_after_ms: z.int().optional(),
  paths: z.array(z.string()).optional(),
  approvers: z.array(z.string()).optional().describe('who may approve'),
  needed: z.int().optional().describe('how many of them have to'),
  match_code: z.string().optional().describe('the approver sees the same number: tell it to your user'),
  expires_at: z.string().optional(),
  code: z.enum(failureCodes).optional(),
  reason: z.string().optional(),
  next: z.string().optional(),
};

/** All strings are masked but our own words. */
export function told({ status, content = {}, words }: Answer, mask: Mask): Told {
  const structured = { status, ...masked(content, mask) };
  const text = `${mask.text(words)}\n${JSON.stringify(structured)}`;
  const isError = status === 'denied' || status === 'failed';
  return { content: [{ type: 'text', text }], structuredContent: structured, ...(isError ? { isError: true } : {}) };
}

const ownWords: ReadonlySet<string> = new Set(['request_id', 'code', 'match_code', 'expires_at']);

function masked(content: Readonly<Record<string, Json>>, mask: Mask): Record<string, Json> {
  const deep = (value: Json): Json => {
    if (typeof value === 'string') return mask.text(value);
    if (Array.isArray(value)) return value.map(deep);
    return typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [mask.text(name), deep(inner)])) : value;
  };
  return Object.fromEntries(Object.entries(content).map(([name, value]) => [name, ownWords.has(name) ? value : deep(value)]));
}

/** People have not decided: the model shall come back. */
export function pending(ticket: Ticket): Answer {
  const about = ticket.state.kind === 'waiting' ? ticket.state.event : undefined;
  return {
    status: 'pending',
    content: {
      request_id: ticket.id,
      retry_after_ms: bounds.retryAfterMs,
      paths: ticket.paths,
      ...(about && { approvers: about.approvers, needed: about.needed, match_code: about.code, expires_at: about.expires_at }),
    },
    words: `${waitingWords(ticket)}. Call stillvault_await with request_id ${ticket.id} until it is decided; do not ask again and do not look for another way to obtain this credential.`,
  };
}

/** Shown to people too: names, no values. */
export function waitingWords({ state, paths }: Ticket): string {
  const what = paths.join(', ');
  return state.kind === 'waiting' ? `Waiting for ${state.event.approvers.join(' or ')} to approve ${what} (code ${state.event.code})` : `Asking for ${what}`;
}

export function failed(error: StillvaultError): Answer {
  const { code, message, next } = error;
  if (code === 'denied')
    return {
      status: 'denied',
      content: { code, reason: message },
      words: `A person denied this: ${message}. Respect it: do not retry or look for another way to obtain this credential. Tell your user, and go on without it or stop.`,
    };
  return {
    status: 'failed',
    content: { code, reason: message, ...(next === undefined ? {} : { next }) },
    words: `${message}. ${advice[code] ?? ''}${next === undefined ? '' : ` Next: ${next}.`}`.trim(),
  };
}

const noOtherWay = 'Do not look for another way to obtain this credential.';
const advice: Partial<Record<FailureCode, string>> = {
  expired: `Nobody decided in time: ask your user before you ask again. ${noOtherWay}`,
  withdrawn: noOtherWay,
  policy_forbids: `The policy forbids it: tell your user. ${noOtherWay}`,
  unreachable: `Tell your user. ${noOtherWay}`,
  daemon_not_running: 'Ask your user to start it.',
  not_enrolled: 'Ask your user to enrol this machine.',
  not_found: 'stillvault_list tells what there is; stillvault_need asks a person to store what is not there yet.',
};
