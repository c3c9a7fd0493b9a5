// The requests of one session, and everything that must not appear in its answers (spec/13-mcp.md §requests, §masking).
import { createHash, randomBytes } from 'node:crypto';
import type { ReleaseAsk } from '../protocol/local-api.ts';
import type { Client, parseReference } from '../sdk/client.ts';
import { StillvaultError } from '../sdk/errors.ts';
import { type Mask, createMask } from '../sdk/mask.ts';
import { bounds } from './bounds.ts';
import { type Ticket, openTicket } from './ticket.ts';

export type Item = ReturnType<typeof parseReference>;

export interface FileAsk {
  readonly items: readonly Item[];
  /** The one act that it is for, in full; undefined: any that needs no more than these secrets. */
  readonly act?: string;
  /** Of an earlier call. */
  readonly requestId?: string | undefined;
  readonly reason: string;
  readonly agent?: string | undefined;
  readonly leaseS?: number | undefined;
}
export interface Desk {
  /** The request of that id, or one that the same call filed and nobody used yet, or a new one. Throws usage, not_found, denied. */
  file(ask: FileAsk): Ticket;
  find(requestId: string): Ticket;
  /** Hides all values that this session has seen. */
  mask(): Mask;
  /** Withdraws everything and forgets the values. */
  close(): void;
}

export interface DeskDeps {
  readonly client: Pick<Client, 'release'>;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly holdMs: number;
}

export function createDesk({ client, nowMs, holdMs }: DeskDeps): Desk {
  const tickets = new Map<string, Ticket>();
  const seen = new Map<string, Uint8Array>();
  let mask: Mask | undefined;

  const deps = {
    client,
    nowMs,
    holdMs,
    onReleased: ({ values }: { readonly values: readonly { readonly bytes: Uint8Array }[] }) => {
      for (const { bytes } of values) {
        const name = createHash('sha256').update(bytes).digest('hex');
        if (!seen.has(name)) seen.set(name, bytes.slice());
      }
      mask = undefined;
    },
  };

  const isOpen = ({ state }: Ticket): boolean => state.kind === 'asking' || state.kind === 'waiting' || state.kind === 'approved';

  function find(requestId: string): Ticket {
    const ticket = tickets.get(requestId);
    if (ticket === undefined) throw new StillvaultError('not_found', 'this session has no such request', { next: 'stillvault_request' });
    return ticket;
  }

  /** A person said no: the same secrets are not asked for again at once, in other words or by another tool. */
  function verifyNotDenied(paths: readonly string[]): void {
    for (const { state, paths: before } of tickets.values())
      if (
        state.kind === 'failed' &&
        state.error.code === 'denied' &&
        nowMs() - state.atMs < bounds.denialMs &&
        paths.some((path) => before.some((denied) => secretOf(denied) === secretOf(path)))
      )
        throw state.error;
  }

  function found({ items, requestId }: FileAsk, act: string | undefined, key: string): Ticket | undefined {
    if (requestId === undefined) return [...tickets.values()].find((ticket) => ticket.key === key && isOpen(ticket));
    const ticket = find(requestId);
    if (ticket.act !== undefined && ticket.act !== act) throw new StillvaultError('usage', 'that request was approved for another act: ask anew for this one');
    const missing = items.find((item) => !ticket.paths.includes(nameOf(item)));
    if (missing !== undefined) throw new StillvaultError('usage', `that request does not cover ${nameOf(missing)}: ask anew for all that is needed`);
    return ticket;
  }

  return {
    find,
    file(ask) {
      const items = [...new Map(ask.items.map((item) => [nameOf(item), item])).values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      const act = ask.act === undefined ? undefined : digest(ask.act);
      const key = digest(JSON.stringify([items.map(nameOf), act, ask.leaseS]));
      const known = found(ask, act, key);
      if (known !== undefined) return known;
      verifyNotDenied(items.map(nameOf));
      if ([...tickets.values()].filter(isOpen).length >= bounds.openRequests)
        throw new StillvaultError('usage', `${bounds.openRequests} requests of this session are open already: await or cancel some`);
      for (const [id, ticket] of tickets) if (tickets.size > 100 && !isOpen(ticket)) tickets.delete(id);
      const release: ReleaseAsk = {
        items,
        reason: ask.reason,
        ...(ask.agent === undefined ? {} : { agent: ask.agent }),
        ...(ask.leaseS === undefined ? {} : { lease: { ttlS: ask.leaseS } }),
      };
      const ticket = openTicket(deps, { id: randomBytes(8).toString('hex'), key, act }, release);
      tickets.set(ticket.id, ticket);
      return ticket;
    },
    mask: () => (mask ??= createMask(seen.values())),
    close() {
      for (const ticket of tickets.values()) ticket.withdraw();
      for (const bytes of seen.values()) bytes.fill(0);
      seen.clear();
      mask = undefined;
    },
  };
}

export function nameOf({ path, field }: Item): string {
  return field === undefined ? path : `${path}#${field}`;
}

const secretOf = (name: string): string => name.split('#')[0] ?? '';

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
