// stillvault_run: a program with secrets in its environment or input, its output masked (spec/13-mcp.md §run).
import { z } from 'zod';
import { parseReference } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import type { Answer } from '../answer.ts';
import { bounds } from '../bounds.ts';
import { type Ended, findProgram, runProgram } from '../program.ts';
import { valuesFor, withProgress } from '../session.ts';
import { textOf, valueOf } from '../../sdk/template.ts';
import { fill, parseTemplate } from '../template.ts';
import { type Registrar, defineTool, reason, reference, requestId, waitS } from '../tool.ts';

const output = z.object({ text: z.string(), cut_bytes: z.int().describe('so many bytes before it are not shown') });

export const runTool: Registrar = defineTool({
  name: 'stillvault_run',
  title: 'Run a program with secrets',
  description:
    'Runs a program with secrets in environment variables or on its standard input, after a person approved, and returns exit code and output with every value masked. You never see the values. argv is executed as it is, without a shell: for pipes or variables use ["sh","-c","…"] and refer to "$NAME". Programs that it leaves running are ended.',
  input: z.object({
    argv: z.array(z.string().max(32_768)).min(1).max(256).describe('program and arguments; no references here'),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/), reference)
      .optional()
      .describe('variable → reference, such as {"PGPASSWORD":"stillvault://prod/db-primary#password"}'),
    stdin: z.string().optional().describe('text for standard input; a reference, or text with {{ stillvault://… }}'),
    cwd: z.string().max(4_096).optional(),
    reason,
    timeout_s: z
      .int()
      .min(1)
      .max(bounds.runMs.max / 1_000)
      .optional()
      .describe('120 by default'),
    request_id: requestId,
    wait_s: waitS,
  }),
  output: {
    exit_code: z.int().optional(),
    signal: z.string().optional(),
    timed_out: z.boolean().optional(),
    stdout: output.optional(),
    stderr: output.optional(),
  },
  annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true },
  async run({ argv, env = {}, stdin, cwd = process.cwd(), reason: why, timeout_s, request_id, wait_s }, call, session) {
    if (argv.some((word) => word.includes('stillvault://')))
      throw new StillvaultError('usage', 'arguments are seen by every program of the machine: put the reference into env or stdin');
    const variables = Object.entries(env).map(([name, ref]) => [name, parseReference(ref)] as const);
    const input = stdin === undefined ? undefined : parseTemplate(stdin);
    const items = [...variables.map(([, item]) => item), ...(input?.items ?? [])];
    const program = findProgram(argv[0] ?? '', session.env['PATH'], cwd); // before anybody is asked: an approval for nothing is a gesture wasted
    const got = await valuesFor(session, call, {
      items,
      reason: why,
      shown: `run ${argv.map(quoted).join(' ')}`,
      exact: ['run', argv, env, stdin, cwd],
      requestId: request_id,
      waitS: wait_s,
    });
    if ('detour' in got) return got.detour;
    const secret = Object.fromEntries(variables.map(([name, item]) => [name, envText(textOf(valueOf(got.values, item)))]));
    const filled = input === undefined ? undefined : fill(input, got.values);
    for (const { bytes } of got.values) bytes.fill(0);
    const timeoutMs = timeout_s === undefined ? bounds.runMs.usual : timeout_s * 1_000;
    const ended = await withProgress(
      session,
      call,
      () => `${argv[0]} is running`,
      () => runProgram(session, { program, argv, cwd, env: { ...session.env, ...secret }, input: filled, timeoutMs }, call.signal),
    );
    return answerOf(ended, timeoutMs);
  },
});

/** The program's failure is its own business: the call went well. */
function answerOf({ exitCode, signal, timedOut, stdout, stderr }: Ended, timeoutMs: number): Answer {
  const how = timedOut
    ? `did not end in ${timeoutMs / 1_000} s and was ended`
    : signal === undefined
      ? `ended with exit code ${exitCode}`
      : `was ended by ${signal}`;
  return {
    status: 'ok',
    content: { ...(exitCode === undefined ? {} : { exit_code: exitCode }), ...(signal === undefined ? {} : { signal }), timed_out: timedOut, stdout, stderr },
    words: `The program ${how}. Values in its output are [masked].`,
  };
}

function envText(text: string): string {
  if (text.includes('\0')) throw new StillvaultError('error', 'the value holds a byte that no environment can carry: use stdin');
  return text;
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
