// Data to standard output, everything else to standard error; one JSON value or event a line with --json (spec/10-local-api.md §command-line).
import { exitCodes, type Failure, type FailureCode } from '../../../protocol/local-api.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { printable, printableJson } from './text.ts';
import type { World } from './world.ts';

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly noColor: boolean;
  readonly noInput: boolean;
  readonly jsonToStderr: boolean;
}

export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly noInput: boolean;
  /** Data as it is. */
  data(data: string | Uint8Array): void;
  /** A line of JSON: the answer, or an event. */
  jsonLine(value: object): void;
  /** A line for people on standard error; nothing with --quiet or --json. */
  note(line: string): void;
  style: Styles;
  failure(error: StillvaultError): void;
}
export type Styles = Readonly<Record<'bold' | 'dim' | 'red' | 'green' | 'yellow', (text: string) => string>>;

export function createOutput(world: World, { json, quiet, noColor, noInput, jsonToStderr }: OutputOptions): Output {
  const jsonLine = (value: object): void => world.write(jsonToStderr ? 2 : 1, `${printableJson(value)}\n`);
  const style = createStyles(() => !noColor && !json && !world.env['NO_COLOR'] && world.env['TERM'] !== 'dumb' && world.isTerminal(2));
  return {
    json,
    quiet,
    noInput,
    data: (data) => world.write(1, data),
    jsonLine,
    note: (line) => {
      if (!quiet && !json) world.write(2, `${line}\n`);
    },
    style,
    failure(error) {
      if (json) return jsonLine(failureJson(error));
      const detail = error.detail === undefined ? '' : style.dim(` (${printable(error.detail)})`);
      const next = error.next === undefined ? '' : `  next: ${printable(error.next)}\n`;
      world.write(2, `${style.red('stillvault:')} ${printable(error.message)}${detail}\n${next}`);
    },
  };
}

function failureJson({ code, message, next, detail }: StillvaultError): Failure {
  return { error: { code, message, ...(next === undefined ? {} : { next }), ...(detail === undefined ? {} : { detail }) } };
}

function createStyles(enabled: () => boolean): Styles {
  let on: boolean | undefined;
  const style = (code: number) => (text: string) => {
    on ??= enabled();
    return on ? `\x1b[${code}m${text}\x1b[0m` : text;
  };
  return { bold: style(1), dim: style(2), red: style(31), green: style(32), yellow: style(33) };
}

/** A command was ended by a signal: 128+n, after everything asked was withdrawn. */
export class Interrupted extends StillvaultError {
  readonly exitCode: number;
  constructor(signal: string, message: string, next?: string) {
    super('withdrawn', message, { next });
    this.exitCode = 128 + ({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal] ?? 1);
  }
}

/** The exit code that product and contract give a failure. */
export function exitCodeOf(error: StillvaultError): number {
  return error instanceof Interrupted ? error.exitCode : exitCodes[error.code];
}

/** Errors of the servers that `up`, `daemon` and `relay` start have codes of their own rooms; anything else is a fault of ours. */
export function toStillvaultError(error: unknown): StillvaultError {
  if (error instanceof StillvaultError) return error;
  if (!(error instanceof Error)) return new StillvaultError('error', 'an unexpected failure', { cause: error });
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const next = 'next' in error && typeof error.next === 'string' ? error.next : undefined;
  const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : code;
  if (code !== undefined && Object.hasOwn(exitCodes, code)) {
    return new StillvaultError(code as FailureCode, error.message, { next, detail, cause: error }); // cast: it is a key of exitCodes
  }
  if (code === 'E_RELAY_CONFIG') return new StillvaultError('usage', error.message, { detail, cause: error });
  return new StillvaultError('error', error.message.split('\n')[0] ?? error.name, { next: next ?? 'stillvault doctor', detail, cause: error });
}
