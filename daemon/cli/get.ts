// `stillvault get`: one value to a pipe, byte for byte (spec/10-local-api.md §get). Every leased read pays for what is imported here.
import type { ReleaseAsk } from '../../protocol/local-api.ts';
import { parseReference, type Released, type Value } from '../../sdk/client.ts';
import { type Arguments, type Options, usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import type { Output } from './terminal/output.ts';
import { releasedNote, verifyShowable } from './terminal/released.ts';
import { parseCount, parseDuration, printable } from './terminal/text.ts';
import { awaitPeople } from './terminal/waiting.ts';

/** Of every ask for a release; the bounds are those of protocol/limits.ts, which a leased read need not load. */
export const askOptions: Options = {
  reason: { about: 'why, for the approver: one line, shown as your claim', takes: 'TEXT' },
  agent: { about: 'name of the agent that asks, shown as its claim', takes: 'NAME' },
  ttl: { about: 'ask for a lease of this length, such as 15m', takes: 'TIME' },
  uses: { about: 'how many uses the lease shall have', takes: 'N' },
  scope: { about: 'who may use the lease: process (default), exe or machine', takes: 'SCOPE' },
  wait: { about: 'how long to wait for people: 3m by default, at most 15m', takes: 'TIME' },
  'lease-only': { about: 'only from a live lease; ask nobody' },
  'no-wait': { about: 'the same as --lease-only' },
};

export const command: Command = {
  usage: ['get <reference> [options]'],
  examples: [
    ['stillvault get prod/db-primary | docker login -u ben --password-stdin', 'the value, exact bytes, no newline'],
    ['stillvault get prod/db-primary#password --reason "migrate orders"', 'one field, with a reason'],
    ['stillvault get prod/db-primary --ttl 15m --uses 20', 'and a lease for what comes after'],
    ['stillvault get prod/db-primary --reveal', 'on your own screen'],
  ],
  options: {
    ...askOptions,
    reveal: { about: 'allow a terminal as the place where the value goes' },
    'no-newline': { about: 'with --reveal: no newline after the value', short: 'n' },
  },
  notes: [
    'A reference is prod/db-primary, prod/db-primary#field or the same after\nstillvault://. To a pipe or file go the exact bytes of the value. Ctrl-C while\nwaiting withdraws the request everywhere.',
    'With --json the last line is {"event":"released","path",…,"value"}; a value that\nis not UTF-8 text comes as "value_base64".',
  ],
  async run({ args, world, output, client }) {
    const [reference, ...more] = args.operands;
    if (reference === undefined) throw usage('which secret? give its path');
    if (more.length > 0) throw usage('one reference at a time; several secrets for one program: stillvault run');
    const item = parseReference(reference);
    const ask = { items: [item], ...askFrom(args) };
    const toTerminal = world.isTerminal(1);
    if (toTerminal && !args.has('reveal')) throw usage('this would show the secret on the screen', `pipe it into the program that needs it, or add --reveal`);
    if (toTerminal) await verifyShowable(client(), [item]);
    const released = await awaitPeople({ world, output }, (waiting) => client().release(ask, waiting));
    const value = released.values[0];
    if (value === undefined) throw usage('the daemon released nothing');
    try {
      releasedNote(output, released, world.now());
      if (output.json) output.jsonLine(releasedJson(released, value));
      else if (toTerminal) reveal(output, value, !args.has('no-newline'));
      else output.data(value.bytes);
    } finally {
      value.bytes.fill(0);
    }
    return 0;
  },
};

/** Throws usage. */
export function askFrom(args: Arguments): Omit<ReleaseAsk, 'items'> {
  const [reason, agent, ttl, uses, scope, wait] = ['reason', 'agent', 'ttl', 'uses', 'scope', 'wait'].map((name) => args.text(name));
  if (ttl === undefined && (uses !== undefined || scope !== undefined)) throw usage('--uses and --scope belong to a lease: add --ttl, such as --ttl 15m');
  if (scope !== undefined && scope !== 'process' && scope !== 'exe' && scope !== 'machine') throw usage('--scope is process, exe or machine');
  const leaseOnly = args.has('lease-only') || args.has('no-wait');
  if (leaseOnly && (ttl !== undefined || wait !== undefined)) throw usage('--lease-only asks nobody: without --ttl and --wait');
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(agent === undefined ? {} : { agent }),
    ...(ttl === undefined
      ? {}
      : {
          lease: {
            ttlS: parseDuration(ttl, 'ttl', 86_400),
            ...(uses === undefined ? {} : { uses: parseCount(uses, 'uses', 100_000) }),
            ...(scope === undefined ? {} : { scope }),
          },
        }),
    ...(wait === undefined ? {} : { timeoutS: parseDuration(wait, 'wait', 900) }),
    ...(leaseOnly ? { leaseOnly: true } : {}),
  };
}

export function releasedJson(released: Released, { path, field, version, bytes }: Value): object {
  const text = new TextDecoder('utf-8', { ignoreBOM: true });
  const decoded = isUtf8(bytes) ? { value: text.decode(bytes) } : { value_base64: Buffer.from(bytes).toString('base64') };
  const about = { path, ...(field === undefined ? {} : { field }), version };
  return { event: 'released', from: released.from, ...about, ...decoded, approved_by: released.approvedBy, ...(released.lease && { lease: released.lease }) };
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** A value may hold what moves the cursor or sends keys to the shell: seen, not obeyed. */
export function reveal(output: Output, { bytes }: Value, newline: boolean): void {
  const text = new TextDecoder().decode(bytes);
  const shown = text
    .split(/([\n\t])/)
    .map((part) => (part === '\n' || part === '\t' ? part : printable(part)))
    .join('');
  output.data(newline ? `${shown}\n` : shown);
  if (shown !== text || !isUtf8(bytes)) output.note('the value holds bytes that a terminal cannot show: a pipe gets them exactly');
}
