// `stillvault need`: asks a person for a secret that does not exist yet (spec/09-release.md §needs). The answer is a reference, never a value.
import type { NeedSummary } from '../../protocol/local-api.ts';
import type { Client } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { type Arguments, usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { Interrupted, type Output } from './terminal/output.ts';
import { dateTime, printable, table } from './terminal/text.ts';
import type { World } from './terminal/world.ts';

export const command: Command = {
  usage: ['need <path> --for <purpose> [--where <place>] [--field <name>]… [--wait]', 'need ls', 'need withdraw <path>'],
  examples: [
    ['stillvault need prod/stripe --for "test payments" --where "https://dashboard.stripe.com/apikeys"', 'a writer types it in the console'],
    ['stillvault need prod/smtp --for "mail reports" --field user --field password', 'with these fields'],
    ['stillvault need prod/stripe --for "test payments" --wait', 'until it is there, or declined; the same need, asked again'],
    ['stillvault need ls', 'what this machine waits for, and how it ended'],
    ['stillvault need withdraw prod/stripe', 'nobody needs it any more'],
  ],
  options: {
    for: { about: 'what it is for, for the person who types it: one honest line', takes: 'purpose' },
    where: { about: 'where a person gets it', takes: 'place' },
    field: { about: 'a field that it should have; absent: one value', takes: 'name', repeats: true },
    wait: { about: 'until it is filled or over; Ctrl-C leaves it open' },
  },
  notes: [
    'It stays open for 7 days, also when this machine restarts. Asked again, it\nsays how it stands, and nobody is asked twice. Once it is there, ask for a\nrelease as always: stillvault get, run.',
  ],
  async run({ args, world, output, client }) {
    const [verb, path, ...more] = args.operands;
    const daemon = client();
    if (verb === 'ls') return list(await daemon.needs(), output);
    if (verb === 'withdraw') {
      if (path === undefined || more.length > 0) throw usage('which need? give its path', 'stillvault need ls');
      return tell(await daemon.withdrawNeed(path), output);
    }
    if (verb === undefined || path !== undefined) throw usage('which secret? give one path', 'stillvault need <path> --for "…"');
    return tell(await file(daemon, verb, args, world, output), output);
  },
};

async function file(daemon: Client, path: string, args: Arguments, world: World, output: Output): Promise<NeedSummary> {
  const [purpose, where, fields] = [args.text('for'), args.text('where'), args.all('field')];
  if (purpose === undefined) throw usage('what is it for? a person reads it and decides', `stillvault need ${printable(path)} --for "…"`);
  const need = await daemon.need(path, { for: purpose, ...(where === undefined ? {} : { where }), ...(fields.length > 0 ? { fields } : {}) });
  if (!args.has('wait') || need.state !== 'open') return need;
  const leaving = new AbortController();
  using _signals = world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) =>
    leaving.abort(new Interrupted(signal, 'nobody waits here any more; the need is still open', 'stillvault need ls')),
  );
  if (output.json) output.jsonLine({ event: 'waiting', ...need });
  else output.note(`${openLine(need)} · Ctrl-C leaves it open`);
  return await daemon.awaitNeed(path, { signal: leaving.signal });
}

/** The reference on standard output wherever there is or will be one; a need that came to nothing is a failure. */
function tell(need: NeedSummary, output: Output): number {
  const failure = failureOf(need);
  if (failure) throw failure;
  if (output.json) output.jsonLine(need);
  else if (need.state !== 'withdrawn') output.data(`${printable(need.reference)}\n`);
  output.note(wordsOf(need));
  return 0;
}

function failureOf({ path, state, by = 'a writer', note }: NeedSummary): StillvaultError | undefined {
  const why = note === undefined ? '' : `: “${note}”`;
  if (state === 'declined')
    return new StillvaultError('denied', `${by} declined ${path}${why}`, { detail: 'E_DENIED', next: 'do not look for another way to it; talk to them' });
  if (state === 'expired')
    return new StillvaultError('expired', `nobody typed ${path} in 7 days`, { detail: 'E_EXPIRED', next: 'ask again, and tell a writer' });
  if (state === 'failed') return new StillvaultError('policy_forbids', `${path} cannot be stored any more`, { detail: note, next: 'stillvault log show' });
  return undefined;
}

function wordsOf(need: NeedSummary): string {
  const path = printable(need.path);
  if (need.state === 'exists') return `${path} exists: stillvault get ${path} asks for its release`;
  if (need.state === 'filled') return `${printable(need.by ?? 'a writer')} stored ${path}: stillvault get ${path} asks for its release`;
  if (need.state === 'withdrawn') return `nobody is asked for ${path} any more`;
  return openLine(need);
}

function openLine({ path, writers, code = '', expires_at = '' }: NeedSummary): string {
  const [first = 'a writer', ...others] = writers;
  const who = others.length === 0 ? printable(first) : `${printable(first)} or ${others.length} other writer${others.length === 1 ? '' : 's'}`;
  return `waiting for ${who} to type it · ${printable(path)} · code ${printable(code)} · until ${dateTime(expires_at)}`;
}

function list(needs: readonly NeedSummary[], output: Output): number {
  if (output.json) output.jsonLine(needs);
  else output.data(table(needs.map(({ path, state, by, note, reason }) => [printable(path), state, printable(by ?? ''), printable(note ?? reason)])));
  if (needs.length === 0) output.note('this machine needs nothing that does not exist');
  return 0;
}
