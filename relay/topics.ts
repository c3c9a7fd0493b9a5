// Who waits for which mailbox or stream (spec/08-relay.md §live). Names contain the org, so nothing crosses between orgs.
import type { MailboxId, OrgId, StreamId } from '../protocol/wire.ts';

export interface Topics<T extends object> {
  add(topic: string, waiter: T): void;
  remove(topic: string, waiter: T): void;
  of(topic: string): readonly T[];
}

/** Most topics have one waiter: it is held without a list around it, because idle connections are counted in bytes. */
export function createTopics<T extends object>(): Topics<T> {
  const byTopic = new Map<string, T | readonly T[]>();
  const of = (topic: string): readonly T[] => {
    const held = byTopic.get(topic);
    return held === undefined ? [] : isList(held) ? held : [held];
  };
  const set = (topic: string, waiters: readonly T[]): void => {
    const [first] = waiters;
    if (first === undefined) byTopic.delete(topic);
    else byTopic.set(topic, waiters.length === 1 ? first : waiters);
  };
  return {
    add: (topic, waiter) => set(topic, [...of(topic), waiter]),
    remove: (topic, waiter) =>
      set(
        topic,
        of(topic).filter((other) => other !== waiter),
      ),
    of,
  };
}

function isList<T extends object>(held: T | readonly T[]): held is readonly T[] {
  return Array.isArray(held);
}

/** Counts by name; names at zero are forgotten. */
export interface Tally {
  of(name: string): number;
  add(name: string, by: 1 | -1): void;
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  const of = (name: string): number => counts.get(name) ?? 0;
  return {
    of,
    add: (name, by) => {
      if (of(name) + by > 0) counts.set(name, of(name) + by);
      else counts.delete(name);
    },
  };
}

// One character per byte: half the memory of hex.
export function mailTopic(org: OrgId, mailbox: MailboxId): string {
  return `m${Buffer.from(org + mailbox, 'hex').toString('latin1')}`;
}
export function streamTopic(org: OrgId, stream: StreamId): string {
  return `s${Buffer.from(org + stream, 'hex').toString('latin1')}`;
}
