// OpenClaw's exec secret provider, protocol 1: one JSON in, one JSON out (spec/14-helpers.md §openclaw).
import { z } from 'zod';
import type { ReleaseAsk } from '../../protocol/local-api.ts';
import { parseReference, type Released } from '../../sdk/client.ts';
import { usage } from '../cli/terminal/arguments.ts';
import { counted, printable } from '../cli/terminal/text.ts';
import { awaitPeople } from '../cli/terminal/waiting.ts';
import { claim, leaseOf, textsOf } from './ask.ts';
import { readText, requirePipe, tell, type Helper, type HelperCall } from './helper.ts';
import type { Terms } from './mapping.ts';
import { findExact } from './match.ts';

const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,255}$/);
const request = z.looseObject({
  protocolVersion: z.literal(1),
  provider: z.string().max(256),
  ids: z.array(id.refine((text) => !text.split('/').some((part) => part === '.' || part === '..'), 'not an id')).max(16),
});
const maxInput = 65_536;

export const helper: Helper = {
  async run(call) {
    requirePipe(call.world);
    const { ids } = parseRequest(readText(call.world, maxInput));
    const values: Record<string, string> = {};
    const errors: Record<string, { readonly message: string }> = {};
    try {
      const terms = await termsOf(call, ids);
      for (const [at, released] of (await askTogether(call, terms, ids)).entries()) values[ids[at] ?? ''] = valueOf(released, terms[at]?.reference ?? '');
    } catch (error) {
      const { code, message } = tell(call, error);
      for (const each of ids) {
        delete values[each]; // all or nothing: one request, one decision
        errors[each] = { message: printable(`stillvault: ${code}: ${message}`) };
      }
    }
    call.world.write(1, `${JSON.stringify({ protocolVersion: 1, values, errors })}\n`);
    return 0;
  },
};

function parseRequest(text: string): z.infer<typeof request> {
  try {
    return request.parse(JSON.parse(text));
  } catch {
    throw usage('OpenClaw said something that is not of its exec protocol 1');
  }
}

/** An id that is not mapped is a reference itself: it was written for this provider. */
async function termsOf({ mapping }: HelperCall, ids: readonly string[]): Promise<readonly Terms[]> {
  const entries = await mapping();
  return ids.map((each) => findExact(entries, 'openclaw', each) ?? { reference: each });
}

/** One card for all; by item, in the order asked. */
async function askTogether(call: HelperCall, terms: readonly Terms[], ids: readonly string[]): Promise<readonly Released[]> {
  const [first] = terms;
  if (first === undefined) return [];
  const items = terms.map(({ reference }) => parseReference(reference));
  const ask: ReleaseAsk = { items, reason: claim(`openclaw: ${counted(ids.length, 'secret')}`), ...leaseOf(first) };
  const released = await awaitPeople(call, (waiting) => call.client().release(ask, waiting));
  return items.map(({ path, field }) => ({
    ...released,
    values: released.values.filter((value) => value.path === path && (field === undefined || value.field === field)),
  }));
}

function valueOf(released: Released, reference: string): string {
  const texts = textsOf({ ...released, values: released.values.map((value) => ({ ...value, bytes: value.bytes.slice() })) });
  const value = texts.get('');
  if (value === undefined) throw usage(`${reference} has several fields: name one as ${reference}#field`);
  return value;
}
