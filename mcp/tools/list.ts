// stillvault_list: what secrets there are and what their policies say; never values (spec/13-mcp.md §tools).
import { z } from 'zod';
import type { SecretInfo, SecretSummary } from '../../protocol/local-api.ts';
import { bounds } from '../bounds.ts';
import type { Session } from '../session.ts';
import { type Registrar, defineTool } from '../tool.ts';

const listed = z.object({
  reference: z.string(),
  fields: z.array(z.string()),
  description: z.string(),
  version: z.int(),
  entitled: z.boolean().describe('whether this machine may ask for it'),
  approvers: z.string().optional(),
  max_lease_s: z.int().optional(),
  http_hosts: z.array(z.string()).optional().describe('where stillvault_http may send it'),
  reveal_allowed: z.boolean().optional(),
});

const needed = z.object({ reference: z.string(), state: z.string(), note: z.string().optional() });

export const listTool: Registrar = defineTool({
  name: 'stillvault_list',
  title: 'List secrets',
  description:
    'Lists the secrets that can be asked for: references, fields, descriptions, who approves, where stillvault_http may send them. Never values. Nobody is asked. Call it first to find the reference that a task needs.',
  input: z.object({ prefix: z.string().max(256).optional().describe('only paths that begin so, such as prod/') }),
  output: {
    secrets: z.array(listed).optional(),
    needs: z.array(needed).optional().describe('asked for with stillvault_need, and how that stands'),
    more: z.int().optional().describe('so many did not fit: use prefix'),
  },
  annotations: { readOnlyHint: true, openWorldHint: false },
  async run({ prefix = '' }, _call, session) {
    const all = (await session.client.list()).filter(({ path }) => path.startsWith(prefix));
    const shown = all.slice(0, bounds.listed);
    const secrets = await Promise.all(shown.map((summary) => describe(session, summary)));
    const more = all.length - shown.length;
    const words = all.length === 0 ? 'There are no such secrets.' : 'Secrets by reference; values are used through the other tools, never read.';
    // Beside the point of this call: a daemon that cannot tell them is no reason to fail it.
    const needs = (await session.client.needs().catch(() => []))
      .filter(({ path }) => path.startsWith(prefix))
      .map(({ reference, state, note }) => ({ reference, state, ...(note === undefined ? {} : { note }) }));
    return { status: 'ok', content: { secrets, ...(needs.length > 0 ? { needs } : {}), ...(more > 0 ? { more } : {}) }, words };
  },
});

async function describe(
  session: Session,
  { path, fields, description, version, entitled }: SecretSummary,
): Promise<Record<string, string | number | boolean | readonly string[]>> {
  const info = await session.client.info(path).catch((): SecretInfo | undefined => undefined); // no policy covers it: not entitled says so
  const about = { reference: `stillvault://${path}`, fields, description, version, entitled };
  if (info === undefined) return about;
  const { approvers, maxTtlS, hosts = [], revealAllowed = false } = info.policy;
  return { ...about, approvers, max_lease_s: maxTtlS, http_hosts: hosts, reveal_allowed: revealAllowed };
}
