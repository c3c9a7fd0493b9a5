// For tests: an agent's host. The official client, in either revision, and the real process over its standard streams.
import { join } from 'node:path';
import { type CallToolResult, Client, type ClientCapabilities, type RequestOptions } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { type StubAnswers, type StubDaemon, startStubDaemon } from '../testing/stub-daemon.ts';
import type { PolicySummary, SecretInfo } from '../protocol/local-api.ts';

export const eras = ['2025-11-25', '2026-07-28'] as const;
export type Era = (typeof eras)[number];

export interface HostOptions {
  readonly socketPath: string;
  readonly era?: Era;
  readonly capabilities?: ClientCapabilities;
  /** Answers a request to open an address. */
  readonly onLink?: (params: Readonly<Record<string, unknown>>) => 'accept' | 'decline' | 'cancel' | Promise<'accept' | 'decline' | 'cancel'>;
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of `stillvault mcp`: the same server with short times. */
  readonly times?: { readonly waitMs?: number; readonly progressMs?: number; readonly holdMs?: number };
}
export interface Answered {
  readonly structured: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly isError: boolean;
  /** All of it, as it came. */
  readonly whole: string;
}
export interface Host extends AsyncDisposable {
  readonly client: Client;
  readonly transport: StdioClientTransport;
  call(name: string, args: Record<string, unknown>, options?: RequestOptions): Promise<Answered>;
}

const main = join(import.meta.dir, '../daemon/main.ts');

export async function startHost({ socketPath, era = '2026-07-28', capabilities = {}, onLink, env = {}, times }: HostOptions): Promise<Host> {
  const mode = era === '2025-11-25' ? 'legacy' : { pin: era };
  const client = new Client({ name: 'test-agent', version: '1' }, { capabilities, versionNegotiation: { mode } });
  if (onLink !== undefined)
    client.setRequestHandler('elicitation/create', async (request) => ({
      action: await onLink((request as unknown as { readonly params: Readonly<Record<string, unknown>> }).params),
    }));
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: times === undefined ? [main, 'mcp'] : [join(import.meta.dir, 'test-server.ts'), JSON.stringify(times)],
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', STILLVAULT_SOCKET: socketPath, ...env },
  });
  await client.connect(transport);
  return {
    client,
    transport,
    async call(name, args, options) {
      const result: CallToolResult = await client.callTool({ name, arguments: args }, options);
      const { structuredContent, isError = false, content } = result;
      const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
      return { structured: (structuredContent ?? {}) as Answered['structured'], text, isError, whole: JSON.stringify(result) };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** A daemon that knows these policies for all paths, and answers a release as told. */
export function startDaemonStub(answers: StubAnswers, policy: Partial<PolicySummary> = {}): Promise<StubDaemon> {
  return startStubDaemon({ 'GET /v1/secrets/info': (ask) => ask.json(infoAt(ask.query.get('path') ?? '', policy)), ...answers });
}

export function infoAt(path: string, policy: Partial<PolicySummary> = {}): SecretInfo {
  return {
    path,
    version: 3,
    fields: [],
    description: '',
    updatedAt: '2026-11-23T11:00:00.000Z',
    entitled: true,
    id: '12'.repeat(16),
    policy: {
      pattern: '**',
      approvers: 'any of ben, ada',
      machines: 'any admitted machine',
      maxTtlS: 900,
      maxUses: 100,
      scopes: ['process'],
      tier: 'normal',
      reasonRequired: false,
      revealAllowed: false,
      hosts: [],
      ...policy,
    },
    custody: { k: 1, members: ['ben'], machines: ['build-1'], waiting: [], needVersion: [], exposedTo: [] },
  };
}
