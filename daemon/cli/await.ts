// `stillvault await`: what was asked with `stillvault request`, once people have decided (spec/17-run.md §held).
import type { AwaitAsk } from '../../protocol/local-api/held.ts';
import type { Released, ReleaseProgress, Value } from '../../sdk/client.ts';
import { releasedJson, reveal } from './get.ts';
import { parseDuration } from './terminal/text.ts';
import { usage } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { Interrupted, type Output } from './terminal/output.ts';
import { releasedNote, verifyShowable } from './terminal/released.ts';
import { waitingText } from './terminal/waiting.ts';

export const command: Command = {
  usage: ['await <handle> [options]'],
  examples: [
    ['stillvault await "$handle" | psql-login', 'the value of one secret, exact bytes, no newline'],
    ['stillvault await "$handle" --wait 20s --json', 'or {"event":"pending"} after 20 s, exit code 12'],
  ],
  options: {
    wait: { about: 'how long to wait; as long as the request lives without it', takes: 'TIME' },
    reveal: { about: 'allow a terminal as the place where the value goes' },
  },
  notes: [
    'Only under the process that asked, and only once. Ctrl-C stops waiting and leaves\nthe request as it is; stillvault request --withdraw ends it. A request of several\nsecrets needs --json: one line for each.',
  ],
  async run(call) {
    const { args, world, output, client } = call;
    const [handle, ...more] = args.operands;
    if (handle === undefined || more.length > 0 || !/^[0-9a-f]{32}$/.test(handle))
      throw usage('which request? give the handle that stillvault request printed');
    const toTerminal = world.isTerminal(1);
    if (toTerminal && !args.has('reveal')) throw usage('this would show the secret on the screen', 'pipe it into the program that needs it, or add --reveal');
    const wait = args.text('wait');
    const released = await taken(call, () => client(), {
      handle,
      one: !output.json,
      ...(wait === undefined ? {} : { timeoutS: parseDuration(wait, 'wait', 900) }),
    });
    if (released === undefined) {
      if (output.json) output.jsonLine({ event: 'pending', handle });
      output.note('nobody has decided yet; the request goes on');
      return 12;
    }
    try {
      if (toTerminal) await verifyShowable(client(), released.values);
      releasedNote(output, released, world.now());
      print(output, released, toTerminal);
    } finally {
      for (const { bytes } of released.values) bytes.fill(0);
    }
    return 0;
  },
};

async function taken({ world, output }: Call, client: () => ReturnType<Call['client']>, ask: AwaitAsk): Promise<Released | undefined> {
  const leaving = new AbortController();
  using _signals = world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) =>
    leaving.abort(new Interrupted(signal, 'stopped waiting; the request goes on', `stillvault request --withdraw ${ask.handle}`)),
  );
  const onProgress = (event: ReleaseProgress): void => {
    if (output.json) output.jsonLine(event);
    else if (event.event === 'waiting') output.note(waitingText(event, [], world.now()).replace(/ · Ctrl-C withdraws$/, ''));
  };
  return client().takeRequest(ask, { signal: leaving.signal, onProgress });
}

/** Several values side by side could not be told apart. */
function print(output: Output, released: Released, toTerminal: boolean): void {
  const { values } = released;
  if (output.json) return values.forEach((value) => output.jsonLine(releasedJson(released, value)));
  const [value] = values as readonly [Value, ...Value[]]; // a request has at least one item
  if (toTerminal) reveal(output, value, true);
  else output.data(value.bytes);
}
