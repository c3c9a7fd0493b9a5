// stillvault_inject_file: a template with its values in a file of memory, for a program that reads only files (spec/13-mcp.md §files).
import { readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { z } from 'zod';
import { StillvaultError } from '../../sdk/errors.ts';
import { bounds } from '../bounds.ts';
import { placeFile } from '../files.ts';
import { infoOf, valuesFor } from '../session.ts';
import { fill, parseTemplate } from '../template.ts';
import { type Registrar, defineTool, reason, requestId, waitS } from '../tool.ts';

export const injectFileTool: Registrar = defineTool({
  name: 'stillvault_inject_file',
  title: 'Write a file with secrets',
  description:
    'Fills a template with secrets, after a person approved, into a file that only this user can read, in memory, removed after ttl_s; returns its path. Give template_path, or template: text with {{ stillvault://path#field }}, or one reference alone. For programs that read credentials from a file. Do not read the file: pass its path to the program.',
  input: z.object({
    template_path: z.string().max(4_096).optional(),
    template: z.string().optional(),
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/)
      .optional()
      .describe('of the file, where the program looks at it'),
    reason,
    ttl_s: z.int().min(1).max(bounds.fileS.max).optional().describe('300 by default; never longer than the lease that the policy allows'),
    request_id: requestId,
    wait_s: waitS,
  }),
  output: { path: z.string().optional() },
  annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: true },
  async run({ template_path: file, template, name, reason: why, ttl_s, request_id, wait_s }, call, session) {
    if ((file === undefined) === (template === undefined)) throw new StillvaultError('usage', 'give template_path or template, one of them');
    const text = template ?? readTemplate(file ?? '');
    const parsed = parseTemplate(text.replace(/^(stillvault:\/\/[^\s{}]+)\n$/, '$1'));
    if (parsed.items.length === 0) throw new StillvaultError('usage', 'there is no {{ stillvault://… }} in this template');
    const allowed = (await infoOf(session, parsed.items)).map(({ policy }) => policy.maxTtlS || bounds.fileS.usual);
    const ttlS = Math.min(ttl_s ?? bounds.fileS.usual, ...allowed);
    const fileName =
      name ??
      (file === undefined
        ? 'secret'
        : basename(file)
            .replace(/[^A-Za-z0-9._-]/g, '_')
            .replace(/^[.-]/, '_'));
    const got = await valuesFor(session, call, {
      items: parsed.items,
      reason: why,
      shown: `write file ${fileName} for ${ttlS} s`,
      exact: ['file', text, name, ttlS],
      requestId: request_id,
      waitS: wait_s,
    });
    if ('detour' in got) return got.detour;
    const path = placeFile(session, fileName, Buffer.from(fill(parsed, got.values)), ttlS * 1_000);
    for (const { bytes } of got.values) bytes.fill(0);
    const until = new Date(Date.now() + ttlS * 1_000).toISOString();
    return {
      status: 'ok',
      content: { path, expires_at: until },
      words: `The file is at ${path} until ${until}. Pass the path to the program; do not read it.`,
    };
  },
});

function readTemplate(path: string): string {
  const file = resolve(path);
  try {
    if (statSync(file).size <= bounds.templateBytes) return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new StillvaultError('not_found', `the template ${JSON.stringify(path)} cannot be read; nobody was asked`, { cause });
  }
  throw new StillvaultError('usage', `the template is longer than ${bounds.templateBytes} bytes`);
}
