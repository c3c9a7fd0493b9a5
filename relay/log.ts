// Structured log (spec/08-relay.md §log): one JSON object per line. Never content, bodies, tokens, addresses or whole ids.
import type { OrgId } from '../protocol/wire.ts';
import type { LogLevel } from './config.ts';

/** Everything a line may hold. A closed list, so that content cannot slip in. */
export interface LogFields {
  readonly id?: string;
  readonly path?: string;
  readonly status?: number;
  readonly code?: string | number;
  readonly ms?: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly org?: OrgId | undefined;
  readonly sockets?: number;
  readonly removed?: number;
  readonly url?: string;
  /** Class, code or stack of an unexpected error; never its message's data. */
  readonly cause?: string;
}

export interface Log {
  debug(what: string, fields?: LogFields): void;
  info(what: string, fields?: LogFields): void;
  warn(what: string, fields?: LogFields): void;
  error(what: string, fields?: LogFields): void;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'off'];

export function createLog(least: LogLevel, now: () => number, write: (line: string) => void): Log {
  const at =
    (level: LogLevel) =>
    (what: string, fields: LogFields = {}): void => {
      if (levels.indexOf(level) < levels.indexOf(least)) return;
      const org = fields.org === undefined ? {} : { org: fields.org.slice(0, 8) };
      write(JSON.stringify({ time: new Date(now()).toISOString(), level, what, ...fields, ...org }) + '\n');
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** What may be logged of an unexpected error: a code where it has one, else its class. */
export function causeOf(error: unknown): string {
  const inner = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(inner instanceof Error)) return typeof inner;
  return 'code' in inner && typeof inner.code === 'string' ? inner.code : inner.name;
}
