// `stillvault run`: one request for all secrets, then the program with them in its environment and nowhere else (spec/10-local-api.md §run).
import { StillvaultError } from '../../sdk/errors.ts';
import { askFrom, askOptions } from './get.ts';
import { openProxy, proxyOptions, verifyProxyOptions } from './run/open-proxy.ts';
import { findProgram, runProgram } from './run/program.ts';
import { collectVariables, environmentOf, verifyArguments } from './run/variables.ts';
import { usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { releasedNote } from './terminal/released.ts';
import { printable } from './terminal/text.ts';
import { awaitPeople } from './terminal/waiting.ts';

export const command: Command = {
  usage: ['run [-e NAME=reference]… [--env-file FILE]… [options] -- program [argument]…'],
  examples: [
    ['stillvault run -e PGPASSWORD=prod/db-primary -- psql -h db', 'one secret in one program'],
    ['stillvault run --env-file .env --reason "deploy 42" -- ./deploy', 'references in a file, one request for all'],
    ['API_KEY=stillvault://prod/api-key stillvault run -- node app.js', 'references that are in the environment already'],
    ['stillvault run -e T=prod/token --ttl 15m -- make all', 'and a lease for the next runs'],
    ['stillvault run --proxy -e STRIPE_KEY=prod/stripe -- npm test', 'the program never has the value; a proxy puts it in'],
  ],
  options: {
    env: { about: 'variable and the secret that it shall hold', takes: 'NAME=REFERENCE', short: 'e', repeats: true },
    'env-file': { about: 'lines NAME=value; values that are stillvault://… are resolved', takes: 'FILE', repeats: true },
    ...askOptions,
    ...proxyOptions,
  },
  notes: [
    'Variables of this environment whose whole value is stillvault://… are resolved\ntoo. All secrets are one request and one approval. The program is started exactly\nas written, without a shell; its exit code is ours. 125: not started by us (denied,\nexpired, …; --json tells which, on standard error), 126: not executable,\n127: not found, 128+n: ended by signal n.',
  ],
  stopAtOperand: true,
  failureExit: 125,
  jsonToStderr: true,
  async run(call) {
    const { args, world, output, client } = call;
    const argv = args.operands;
    const [name] = argv;
    if (name === undefined) throw usage('which program? write it after --', 'stillvault run -e NAME=prod/secret -- program');
    const variables = collectVariables(world.env, args.all('env'), args.all('env-file'));
    verifyArguments(argv);
    verifyProxyOptions(args);
    const ask = askFrom(args);
    // Found before anybody is asked: an approval for a program that is not there is a gesture wasted.
    const program = findProgram(name, variables.plain['PATH'] ?? world.env['PATH']);
    if (program.kind !== 'found') {
      const missing = program.kind === 'missing';
      output.failure(
        new StillvaultError(missing ? 'not_found' : 'error', `${printable(name)}: ${missing ? 'no such program' : 'not executable'}; nobody was asked`),
      );
      return missing ? 127 : 126;
    }
    if (args.has('proxy')) {
      await using proxy = await openProxy(call, variables);
      return await runProgram(world, output, program.path, argv, { ...variables.plain, ...proxy.environment });
    }
    if (variables.items.length === 0) return runProgram(world, output, program.path, argv, variables.plain);
    const released = await awaitPeople({ world, output }, (waiting) => client().release({ items: variables.items, ...ask }, waiting));
    let env;
    try {
      env = environmentOf(variables, released.values);
    } finally {
      for (const { bytes } of released.values) bytes.fill(0);
    }
    releasedNote(output, released, world.now());
    return runProgram(world, output, program.path, argv, env);
  },
};
