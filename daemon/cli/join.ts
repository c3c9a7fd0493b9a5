// `stillvault join`: enrols this machine with a token and waits until an admin admits it (spec/11-enrolment.md §machine).
import type { Client } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { Interrupted, type Output } from './terminal/output.ts';
import { promptHidden } from './terminal/prompt.ts';
import { countdown, parseDuration, printable } from './terminal/text.ts';
import type { World } from './terminal/world.ts';

export const command: Command = {
  usage: ['join [token] [--name NAME]'],
  examples: [
    ['stillvault join', 'asks for the token that the console shows under Machines'],
    ['stillvault join --name build-1 < token.txt', 'from a file'],
    ['stillvault join svt1_… --no-wait', 'a token is single use, so it may stand in the command line'],
  ],
  options: {
    name: { about: 'name of this machine for people; its host name by default', takes: 'NAME' },
    wait: { about: 'how long to wait for the admission: 15m by default', takes: 'TIME' },
    'no-wait': { about: 'do not wait for the admission' },
  },
  notes: [
    'An admin compares the five words in the console with those shown here, then admits\nthis machine. Repeat the same command if it was interrupted: nothing is lost.',
  ],
  async run({ args, world, output, client }) {
    const [given, ...more] = args.operands;
    if (more.length > 0) throw usage('one token');
    const [name, wait] = [args.text('name'), args.text('wait')];
    const waitMs = 1_000 * (wait === undefined ? 900 : parseDuration(wait, 'wait', 86_400));
    const token = given === undefined || given === '-' ? await readToken(world, output) : given;
    const daemon = client();
    const joining = daemon.join({ token, ...(name === undefined ? {} : { name }) });
    const done = new AbortController();
    void showProgress(daemon, output, done.signal);
    const joined = await joining.finally(() => done.abort());
    if (output.json) output.jsonLine({ event: joined.state, ...joined });
    else output.data(`machine ${printable(joined.machine.name)} of ${printable(joined.org.name) || 'the organisation'}\nwords   ${printable(joined.words)}\n`);
    if (joined.state === 'awaiting_admission') {
      output.note('an admin admits it in the console, after comparing these words');
      if (args.has('no-wait')) return 0;
      await waitForAdmission(daemon, world, output, waitMs);
    }
    output.note('admitted; next: stillvault put prod/db-primary');
    return 0;
  },
};

/** A long log takes a while to verify the first time. */
async function showProgress(daemon: Client, output: Output, done: AbortSignal): Promise<void> {
  let told = 0;
  while (!done.aborted) {
    await Bun.sleep(pollMs);
    const { verifying } = await daemon.status().catch(() => ({ verifying: undefined })); // join itself tells what is wrong
    if (done.aborted || !verifying || verifying.done === told) continue;
    told = verifying.done;
    output.note(`verifying the log: ${told} of ${verifying.of} entries`);
  }
}

async function readToken(world: World, output: Output): Promise<string> {
  if (world.isTerminal(0) && output.noInput) throw usage('no token: --no-input and no standard input', 'stillvault join < token.txt');
  const bytes = world.isTerminal(0) ? await promptHidden(world, 'token: ') : world.readInput(4_096);
  const token = new TextDecoder().decode(bytes).trim();
  if (token === '') throw usage('no token was given', 'copy it from the console, under Machines');
  return token;
}

const pollMs = 500;

/** The admission is an entry of the log: the daemon sees it, we look. Throws expired, Interrupted. */
async function waitForAdmission(daemon: Client, world: World, output: Output, waitMs: number): Promise<void> {
  const until = world.now() + waitMs;
  const live = !output.json && !output.quiet && world.isTerminal(2);
  let interrupted: Interrupted | undefined;
  const stop = Promise.withResolvers<void>();
  using _signals = world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => {
    interrupted = new Interrupted(signal, 'not waiting any more; this machine can still be admitted', 'stillvault status');
    stop.resolve();
  });
  if (!live) output.note('waiting for admission');
  try {
    for (;;) {
      const { state, halted } = await daemon.status();
      if (state === 'ready' || state === 'frozen') return output.json ? output.jsonLine({ event: 'admitted' }) : undefined;
      if (state === 'halted') throw new StillvaultError('not_enrolled', 'this machine was not admitted', { detail: halted, next: 'stillvault doctor' });
      const left = until - world.now();
      if (left <= 0) throw new StillvaultError('expired', 'nobody admitted this machine yet; it stays where it is', { next: 'stillvault status' });
      if (live) world.write(2, `\r\x1b[2Kwaiting for admission · ${countdown(left)} left · Ctrl-C stops waiting`);
      await Promise.race([Bun.sleep(Math.min(pollMs, left)), stop.promise]);
      if (interrupted !== undefined) throw interrupted;
    }
  } finally {
    if (live) world.write(2, '\r\x1b[2K');
  }
}
