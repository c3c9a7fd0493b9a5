// `stillvault run`: one request for all secrets, then the program with them and nothing of ours in its way (spec/17-run.md).
import type { Released } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { type Mask, createMask } from '../../sdk/mask.ts';
import { minValueBytes } from '../../sdk/mask-forms.ts';
import { nameOf, valueOf } from '../../sdk/template.ts';
import { askFrom, askOptions } from './get.ts';
import { openInMemory } from './run/descriptors.ts';
import { placeFiles } from './run/files.ts';
import { findProgram } from './run/find-program.ts';
import type { Guard } from './run/guard.ts';
import { openProxy, proxyOptions, verifyProxyOptions } from './run/open-proxy.ts';
import { isInForeground, runProgram } from './run/program.ts';
import { environmentOf, verifyArguments } from './run/variables.ts';
import { type Wishes, argumentsOf, collectWishes, placeOptions } from './run/wishes.ts';
import { type Arguments, usage } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { releasedNote } from './terminal/released.ts';
import { printable } from './terminal/text.ts';
import { awaitPeople } from './terminal/waiting.ts';
import type { World } from './terminal/world.ts';

export const command: Command = {
  usage: ['run [-e NAME=reference]… [--env-file FILE]… [options] -- program [argument]…'],
  examples: [
    ['stillvault run -e PGPASSWORD=prod/db-primary -- psql -h db', 'one secret in one program'],
    ['stillvault run --env-file .env --reason "deploy 42" -- ./deploy', 'references in a file, one request for all'],
    ['stillvault run --file PGPASSFILE=prod/pgpass -- psql -h db', 'a file in memory, gone at the end; the variable has its path'],
    ['stillvault run --stdin prod/registry -- docker login -u ben --password-stdin', 'the value as standard input'],
    ['stillvault run --fd KEY=prod/key -- sh -c \'openssl pkey -in "$KEY" -noout\'', 'a descriptor: in no file at all'],
    ['API_KEY=stillvault://prod/api-key stillvault run -- node app.js', 'references that are in the environment already'],
    ['stillvault run -e T=prod/token --ttl 15m -- make all', 'and a lease for the next runs'],
    ['stillvault run --proxy -e STRIPE_KEY=prod/stripe -- npm test', 'the program never has the value; a proxy puts it in'],
  ],
  options: {
    ...placeOptions,
    'no-mask': { about: 'let the program print values' },
    tty: { about: 'insist on a terminal for the program' },
    'no-tty': { about: 'pipes for the program, also at a terminal' },
    ...askOptions,
    ...proxyOptions,
  },
  notes: [
    'Variables of this environment whose whole value is stillvault://… are resolved\ntoo. All secrets are one request and one approval. The program is started exactly\nas written, without a shell; its exit code is ours. 125: not started by us (denied,\nexpired, …; --json tells which, on standard error), 126: not executable,\n127: not found, 128+n: ended by signal n.',
    'What the program prints is masked as it streams through. That protects against\naccidents and is no wall: a program that has a value can write it in another way.\nValues of less than 4 bytes are not masked. At a terminal the program gets one too.',
  ],
  stopAtOperand: true,
  failureExit: 125,
  jsonToStderr: true,
  async run(call) {
    const { args, world, output, client } = call;
    const written = args.operands;
    const [name] = written;
    if (name === undefined) throw usage('which program? write it after --', 'stillvault run -e NAME=prod/secret -- program');
    const wishes = collectWishes(args, world.env, written, output);
    verifyArguments(written);
    verifyProxyOptions(args);
    const terminal = wantsTerminal(args, world, wishes);
    const ask = askFrom(args);
    // Found before anybody is asked: an approval for a program that is not there is a gesture wasted.
    const program = findProgram(name, wishes.variables.plain['PATH'] ?? world.env['PATH']);
    if (program.kind !== 'found') {
      const missing = program.kind === 'missing';
      output.failure(
        new StillvaultError(missing ? 'not_found' : 'error', `${printable(name)}: ${missing ? 'no such program' : 'not executable'}; nobody was asked`),
      );
      return missing ? 127 : 126;
    }
    if (args.has('proxy')) return startProxied(call, wishes, program.path);
    if (wishes.items.length === 0) return start(call, wishes, program.path, undefined, terminal);
    const released = await awaitPeople({ world, output }, (waiting) => client().release({ items: wishes.items, ...ask }, waiting));
    releasedNote(output, released, world.now());
    return start(call, wishes, program.path, released, terminal);
  },
};

/** Where all three are a terminal and we are its foreground; a program between pipes keeps those. Throws usage. */
function wantsTerminal(args: Arguments, world: World, wishes: Wishes): boolean {
  if (args.has('tty') && args.has('no-tty')) throw usage('--tty or --no-tty, one of them');
  if (args.has('no-tty')) return false;
  const possible = wishes.stdin === undefined && ([1, 2, 0] as const).every((fd) => world.isTerminal(fd)) && isInForeground();
  if (args.has('tty') && !possible) throw usage('--tty needs a terminal as standard input, output and error, in its foreground, and no --stdin');
  return possible;
}

async function start({ args, world, output }: Call, wishes: Wishes, path: string, released: Released | undefined, terminal: boolean): Promise<number> {
  const values = released?.values ?? [];
  const mask = args.has('no-mask') ? undefined : maskOf(values, (line) => output.note(line));
  let guard: Guard | undefined;
  using memory = new DisposableStack();
  try {
    const argv = argumentsOf(wishes, args.operands, values);
    let env = environmentOf(wishes.variables, values);
    const open = (item: Parameters<typeof valueOf>[1]): number => memory.use(openInMemory(valueOf(values, item).bytes)).fd;
    const descriptors = wishes.descriptors.map(({ item }) => open(item));
    const stdin = wishes.stdin && open(wishes.stdin);
    if (wishes.files.length > 0) {
      const files = await placeFiles(wishes.files, values, world.env);
      guard = files.guard;
      env = { ...env, ...files.variables };
    }
    env = { ...env, ...Object.fromEntries(wishes.descriptors.map(({ name }, at) => [name, `/dev/fd/${at + 3}`])) };
    for (const { bytes } of values) bytes.fill(0);
    return await runProgram({ world, output }, { path, argv, env, descriptors, stdin, mask, terminal: terminal && mask !== undefined, guard });
  } finally {
    for (const { bytes } of values) bytes.fill(0);
    await guard?.[Symbol.asyncDispose]();
  }
}

/** With placeholders instead of values (spec/16-proxy.md). */
async function startProxied(call: Call, { variables }: Wishes, path: string): Promise<number> {
  const { args, world, output } = call;
  await using proxy = await openProxy(call, variables);
  const env = { ...variables.plain, ...proxy.environment };
  return await runProgram(
    { world, output },
    { path, argv: args.operands, env, descriptors: [], stdin: undefined, mask: undefined, terminal: false, guard: undefined },
  );
}

/** Undefined where nothing could be found: the program then keeps our own output. */
function maskOf(values: Released['values'], note: (line: string) => void): Mask | undefined {
  for (const value of values) if (value.bytes.length < minValueBytes) note(`${printable(nameOf(value))} is too short to be masked`);
  const mask = createMask(values.map(({ bytes }) => bytes));
  return mask.isEmpty ? undefined : mask;
}
