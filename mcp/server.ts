// `stillvault mcp`: an MCP server on standard input and output, for clients of both revisions (spec/13-mcp.md).
import { randomBytes } from 'node:crypto';
import { McpServer, createRequestStateCodec } from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { type Round, createCall } from './call.ts';
import { type SessionDeps, createSession } from './session.ts';
import type { Registrar } from './tool.ts';
import { httpTool } from './tools/http.ts';
import { injectFileTool } from './tools/inject-file.ts';
import { listTool } from './tools/list.ts';
import { needTool } from './tools/need.ts';
import { awaitTool, cancelTool, requestTool } from './tools/request.ts';
import { revealTool } from './tools/reveal.ts';
import { runTool } from './tools/run.ts';

export interface McpOptions extends SessionDeps {
  readonly version: string;
  /** The console's address, without fragment; undefined where it is not known. */
  readonly consoleUrl: () => Promise<string | undefined>;
  /** Of messages of ours; standard output belongs to the protocol. */
  readonly log: (line: string) => void;
}

/** Always these, in this order, for every client. */
const tools: readonly Registrar[] = [listTool, requestTool, awaitTool, needTool, runTool, httpTool, injectFileTool, cancelTool, revealTool];

const instructions = `Stillvault lets you work with credentials that you never see. A person approves each use on their own device. Find references with stillvault_list. Use them with stillvault_run (environment or standard input of a program), stillvault_http (an API call) or stillvault_inject_file (a file for a program); those ask for approval themselves. If status is pending, call stillvault_await with the request_id, then the same call again. A secret that the task needs and that does not exist: stillvault_need asks a person to store it. If a request is denied, stop: do not retry or look for another way to obtain this credential. Never ask a person to paste a secret into this conversation.`;

/** Resolves when the client is gone, and everything of the session with it. */
export async function serveMcp({ version, consoleUrl, log, ...deps }: McpOptions, gone: Promise<unknown>): Promise<void> {
  const session = createSession(deps);
  const rounds = createRequestStateCodec<Round>({ key: randomBytes(32), ttlSeconds: 900, bind: ({ mcpReq }) => mcpReq.method });
  const linkFor = async (requestId: string): Promise<string | undefined> => consoleLink(await consoleUrl(), requestId);
  const hints = { ttlMs: 3_600_000, cacheScope: 'public' } as const;

  const handle = serveStdio(
    ({ era }) => {
      const server = new McpServer(
        { name: 'stillvault', title: 'Stillvault', version },
        {
          capabilities: { tools: {} },
          instructions,
          requestState: { verify: rounds.verify },
          cacheHints: { 'tools/list': hints, 'server/discover': hints },
        },
      );
      for (const register of tools) register(server, session, (context) => createCall({ server, era, rounds, linkFor }, context));
      return server;
    },
    { transport: new StdioServerTransport(), onerror: (error) => log(error.message) },
  );
  await gone;
  session.end();
  await handle.close();
}

/** The request's place in the console: its id and nothing else. Undefined for an address that no person should be sent to. */
function consoleLink(console: string | undefined, requestId: string): string | undefined {
  if (console === undefined || !URL.canParse(console)) return undefined;
  const url = new URL(console);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && (url.hostname === 'localhost' || url.hostname === '127.0.0.1'))) return undefined;
  return `${url.origin}${url.pathname}#/review/${encodeURIComponent(requestId)}`;
}
