// One call of a tool as the tools see it, whichever revision of the protocol the client speaks (spec/13-mcp.md §waiting, §link).
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type McpServer,
  type RequestStateCodec,
  type ServerContext,
  inputRequired,
} from '@modelcontextprotocol/server';
import { agentName } from './claim.ts';
import { waitingWords } from './answer.ts';
import type { Ticket } from './ticket.ts';

type InputRequired = ReturnType<typeof inputRequired>;

export interface Call {
  /** The client cancelled, or is gone. */
  readonly signal: AbortSignal;
  readonly agent: string | undefined;
  /** The request that this call already filed, where the client comes back with it. Signed by us. */
  readonly requestId: string | undefined;
  /** Only where the client asked for progress. */
  readonly progress: ((message: string) => void) | undefined;
  /** Shows the person at the host where to decide, once for each request; a result means: return it, the client comes back. */
  sendLink(ticket: Ticket): Promise<InputRequired | undefined>;
}

interface Envelope {
  readonly [CLIENT_CAPABILITIES_META_KEY]?: ReturnType<McpServer['server']['getClientCapabilities']>;
  readonly [CLIENT_INFO_META_KEY]?: ReturnType<McpServer['server']['getClientVersion']>;
}

/** Travels through the client, signed: only the id of a request. */
export interface Round {
  readonly requestId: string;
}
export interface CallDeps {
  readonly server: McpServer;
  readonly era: 'legacy' | 'modern';
  readonly rounds: RequestStateCodec<Round>;
  /** The console's address for a request; undefined where nobody told it. */
  readonly linkFor: (requestId: string) => Promise<string | undefined>;
}

export function createCall({ server, era, rounds, linkFor }: CallDeps, context: ServerContext): Call {
  const { mcpReq } = context;
  const { signal } = mcpReq;
  const ofEnvelope = mcpReq.envelope as Envelope | undefined; // cast: the library has checked it against its schema, whose type gets lost in its declarations
  const capabilities = ofEnvelope?.[CLIENT_CAPABILITIES_META_KEY] ?? server.server.getClientCapabilities();
  const client = ofEnvelope?.[CLIENT_INFO_META_KEY] ?? server.server.getClientVersion();
  const token = mcpReq._meta?.progressToken;
  let progress = 0;

  return {
    signal,
    agent: agentName(client?.name),
    requestId: mcpReq.requestState<Round>()?.requestId,
    progress:
      token === undefined
        ? undefined
        : (message) => {
            progress++;
            mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress, message } }).catch(() => undefined); // the client is gone: its signal tells
          },
    async sendLink(ticket) {
      if (ticket.isLinkSent || ticket.state.kind !== 'waiting' || capabilities?.elicitation?.url === undefined) return undefined;
      const url = await linkFor(ticket.state.event.request_id);
      if (url === undefined) return undefined;
      ticket.isLinkSent = true;
      const message = `${waitingWords(ticket)}. Whoever may approve can decide in the console.`;
      if (era === 'modern')
        return inputRequired({
          inputRequests: { approve: inputRequired.elicitUrl({ message, url }) },
          requestState: await rounds.mint({ requestId: ticket.id }, context),
        });
      // Not awaited: opening the address decides nothing, and the answer to it is no answer to us.
      void elicit(server, ticket, { message, url }, signal);
      return undefined;
    },
  };
}

async function elicit(
  server: McpServer,
  ticket: Ticket,
  { message, url }: { readonly message: string; readonly url: string },
  signal: AbortSignal,
): Promise<void> {
  const elicitationId = ticket.id;
  try {
    const shown = server.server.elicitInput({ mode: 'url', message, url, elicitationId }, { signal, timeout: 600_000 });
    const complete = server.server.createElicitationCompletionNotifier(elicitationId);
    void ticket.settled.then(complete).catch(() => undefined); // the client is gone
    await shown;
  } catch {
    // Closed, refused or unknown to the client: the approver has other devices.
  }
}
