// For tests: the MCP server as a process of its own, with other times than `stillvault mcp` has.
import { createClient } from '../sdk/client.ts';
import { serveMcp } from './server.ts';

const times = JSON.parse(process.argv[2] ?? '{}') as { readonly waitMs?: number; readonly progressMs?: number; readonly holdMs?: number }; // cast: from test-host.ts
const gone = new Promise<void>((resolve) => process.stdin.once('end', resolve).once('close', resolve));
const consoleUrl = async (): Promise<string | undefined> => process.env['STILLVAULT_CONSOLE'];
await serveMcp(
  {
    client: createClient(),
    env: process.env,
    version: 'test',
    nowMs: () => performance.now(),
    log: (line) => void process.stderr.write(`${line}\n`),
    consoleUrl,
    ...times,
  },
  gone,
);
process.exit(0);
