// How a tool is written, and what is done around each: bounds on its input, failures as answers, nothing unmasked (spec/13-mcp.md §answers).
import type { CallToolResult, McpServer, ServerContext, StandardSchemaWithJSON, ToolAnnotations } from '@modelcontextprotocol/server';
import { isInputRequiredResult } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { StillvaultError } from '../sdk/errors.ts';
import { createMask } from '../sdk/mask.ts';
import { type Answer, answerFields, failed, told } from './answer.ts';
import { bounds } from './bounds.ts';
import type { Call } from './call.ts';
import type { Detour, Session } from './session.ts';

export type Registrar = (server: McpServer, session: Session, callOf: (context: ServerContext) => Call) => void;

export interface ToolText<Input extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  /** Beside answerFields. */
  readonly output?: z.ZodRawShape;
  readonly annotations?: ToolAnnotations;
  /** Its answer is the value itself: the one tool that is not masked. */
  readonly reveals?: boolean;
  /** Throws StillvaultError. */
  readonly run: (args: z.output<Input>, call: Call, session: Session) => Promise<Answer | Detour>;
}

export function defineTool<Input extends z.ZodObject>(tool: ToolText<Input>): Registrar {
  const { name, title, description, input, output = {}, annotations = {} } = tool;
  const inputSchema = input as StandardSchemaWithJSON<z.input<Input>, z.output<Input>>; // cast: what every schema of zod is, unknown to the compiler for a schema not known yet
  const config = { title, description, inputSchema, outputSchema: z.object({ ...answerFields, ...output }), annotations };
  return (server, session, callOf) => {
    const act = async (args: z.output<Input>, context: ServerContext): Promise<CallToolResult | Exclude<Detour, Answer>> => {
      let answer: Answer | Detour;
      try {
        answer = await tool.run(args, callOf(context), session);
      } catch (error) {
        answer = failed(error instanceof StillvaultError ? error : new StillvaultError('error', faultWords(error)));
      }
      if (isDetour(answer)) return answer;
      return told(answer, tool.reveals === true && answer.status === 'ok' ? createMask([]) : session.desk.mask());
    };
    server.registerTool(name, config, act);
  };
}

const isDetour = (answer: Answer | Detour): answer is Exclude<Detour, Answer> => isInputRequiredResult(answer);

/** Of the system or of a library; masked like everything. */
function faultWords(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0] || error.name : 'this failed';
}

/** Fields that several tools take. */
export const reason: z.ZodString = z.string().min(3).max(bounds.claimCharacters).describe('why you need it, for the person who approves: one honest line');
export const requestId: z.ZodOptional<z.ZodString> = z
  .string()
  .max(64)
  .optional()
  .describe('of an approved stillvault_request, or of this same call when it was pending');
export const waitS: z.ZodOptional<z.ZodInt> = z.int().min(0).max(45).optional().describe('how long to wait for people in this call, 45 by default');
export const reference: z.ZodString = z.string().min(1).max(512);
