// stillvault_http: one HTTP call with secrets in it, to hosts that their policies name, the answer scrubbed (spec/13-mcp.md §http).
import { z } from 'zod';
import type { SecretInfo } from '../../protocol/local-api.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import type { Value } from '../../sdk/client.ts';
import { bodyEncoding, hostsInWords, isLoopback, namesHost } from '../../sdk/sending.ts';
import { bounds } from '../bounds.ts';
import { sendHttp } from '../http-call.ts';
import { infoOf, valuesFor, withProgress } from '../session.ts';
import type { Template } from '../../sdk/template.ts';
import { fill, parseTemplate } from '../template.ts';
import { type Registrar, defineTool, reason, requestId, waitS } from '../tool.ts';

/** What the transport says itself; a client that says it too could make another message of it. */
const ownHeaders = /^(?:host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|accept-encoding|proxy-.*)$/i;

export const httpTool: Registrar = defineTool({
  name: 'stillvault_http',
  title: 'Call an API with secrets',
  description:
    'Sends one HTTP request with secrets put in, after a person approved, and returns status, headers and body with every value masked. You never see the values. Write {{ stillvault://path#field }} in header values, in the body, or in path and query of the URL. Goes only to hosts that the policy of each secret names (http_hosts in stillvault_list). Redirects are returned, not followed.',
  input: z.object({
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']),
    url: z.string().max(8_192),
    headers: z
      .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/), z.string().max(16_384))
      .optional()
      .describe('such as {"authorization":"Bearer {{ stillvault://prod/api-key }}"}'),
    body: z.string().optional(),
    reason,
    timeout_s: z
      .int()
      .min(1)
      .max(bounds.httpMs.max / 1_000)
      .optional()
      .describe('30 by default'),
    request_id: requestId,
    wait_s: waitS,
  }),
  output: {
    http_status: z.int().optional(),
    headers: z.array(z.string()).optional().describe('name: value'),
    body: z.string().optional(),
    body_base64: z.string().optional().describe('where the body is no text'),
    cut: z.boolean().optional().describe('the body was longer than what is shown'),
  },
  annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true },
  async run({ method, url, headers = {}, body, reason: why, timeout_s, request_id, wait_s }, call, session) {
    const refused = Object.keys(headers).find((name) => ownHeaders.test(name));
    if (refused !== undefined) throw new StillvaultError('usage', `the header ${refused} is set by the transport`);
    const address = parseTemplate(url);
    const named = Object.entries(headers).map(([name, value]) => [name, parseTemplate(value)] as const);
    const content = body === undefined ? undefined : parseTemplate(body);
    const items = [address, ...named.map(([, value]) => value), ...(content === undefined ? [] : [content])].flatMap((template) => template.items);
    if (items.length === 0) throw new StillvaultError('usage', 'there is no reference in this request: make it without Stillvault');
    const target = targetOf(address);
    for (const info of await infoOf(session, items)) verifyHost(info, target);
    const got = await valuesFor(session, call, {
      items,
      reason: why,
      shown: `${method} ${target.origin}${target.pathname}`,
      exact: ['http', method, url, headers, body],
      requestId: request_id,
      waitS: wait_s,
    });
    if ('detour' in got) return got.detour;
    const { values } = got;
    const ask = {
      method,
      url: filledUrl(address, target, values),
      headers: named.map(([name, value]): [string, string] => [name, headerText(name, fill(value, values))]),
      body: content === undefined ? undefined : fill(content, values, bodyEncoding(contentType(headers))),
      timeoutMs: timeout_s === undefined ? bounds.httpMs.usual : timeout_s * 1_000,
    };
    for (const { bytes } of values) bytes.fill(0);
    const answer = await withProgress(
      session,
      call,
      () => `waiting for ${target.host}`,
      () => sendHttp(ask, session.desk.mask(), call.signal),
    );
    return { status: 'ok', content: answer, words: `${target.host} answered ${answer.http_status}. Values in the answer are [masked].` };
  },
});

/** Where it goes, before any value is in it. Throws usage. */
function targetOf({ parts }: Template): URL {
  const text = parts.map((part) => (typeof part === 'string' ? part : 'x')).join('');
  const [first] = parts;
  const isWhole = typeof first === 'string' && (parts.length === 1 || /^https?:\/\/[^/?#\\]+[/?#]/i.test(first));
  if (!isWhole || !URL.canParse(text)) throw new StillvaultError('usage', 'write the whole host in the url; references only in path and query');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw new StillvaultError('usage', 'no user or password in the url: use the authorization header');
  if (url.protocol !== 'https:' && !isLoopback(url.hostname)) throw new StillvaultError('usage', 'secrets travel over https only');
  return url;
}

function verifyHost({ path, policy }: SecretInfo, target: URL): void {
  if (namesHost(policy.hosts, target)) return;
  throw new StillvaultError('policy_forbids', `${path} may not be sent to ${target.host}: ${hostsInWords(policy.hosts)}; nobody was asked`, {
    detail: 'E_POLICY',
  });
}

function filledUrl(address: Template, target: URL, values: readonly Value[]): URL {
  const url = new URL(fill(address, values, encodeURIComponent));
  if (url.origin !== target.origin) throw new StillvaultError('usage', 'a value would change where this goes');
  return url;
}

function headerText(name: string, text: string): string {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) throw new StillvaultError('usage', `the header ${name} would hold characters that no header can`);
  return text;
}

function contentType(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
}
