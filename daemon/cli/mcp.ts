// `stillvault mcp`: the MCP server for agents, on standard input and output (spec/13-mcp.md). Loaded by this verb alone.
import type { Command } from './terminal/command.ts';
import { usage } from './terminal/arguments.ts';
import { dataFolder } from './terminal/places.ts';
import { readRunning } from './up/running.ts';

export const command: Command = {
  usage: ['mcp [--console URL]'],
  examples: [
    ['stillvault mcp', 'started by an agent’s host; it speaks on standard input and output'],
    ['stillvault init claude-code', 'let your agent start it'],
  ],
  options: {
    console: { about: "the console's address, for hosts that can open one for their user", takes: 'URL' },
  },
  notes: [
    'Tools: list, request, await, run, http, inject_file, cancel, and reveal where a\npolicy allows it. No other tool returns a value: outputs are masked.',
  ],
  async run({ args, world, output, client }) {
    if (args.operands.length > 0) throw usage('mcp takes no operands');
    const given = args.text('console') ?? world.env['STILLVAULT_CONSOLE'];
    if (given !== undefined && !URL.canParse(given)) throw usage('--console takes an address, such as https://console.example.com');
    const { serveMcp } = await import('../../mcp/server.ts');
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    using _signals = world.onSignals(['SIGINT', 'SIGTERM', 'SIGHUP'], () => resolve());
    process.stdin.once('end', resolve).once('close', resolve).once('error', resolve);
    const options = {
      client: client(),
      env: world.env,
      version: world.version,
      nowMs: () => performance.now(),
      log: (line: string) => output.note(line),
      consoleUrl: async () => given ?? readRunning(dataFolder(world.env, undefined))?.console,
    };
    await serveMcp(options, gone);
    return 0;
  },
};
