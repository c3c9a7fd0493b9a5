// The shapes of what local programs may ask (spec/10-local-api.md §calls): unknown fields are refused, texts are checked before anything acts on them.
import { z } from 'zod';
import type { AwaitAsk } from '../../protocol/local-api/held.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogResume } from '../../protocol/local-api/admin.ts';
import type { JoinAsk, LeaseEnd, NeedAsk, NeedWithdraw, PutAsk, PutItem, ReleaseAsk, SshAgentAsk } from '../../protocol/local-api.ts';
import { verifyClaim, verifyFieldName, verifyPath, verifyText } from '../../protocol/text.ts';
import { ProtocolError } from '../../protocol/errors.ts';

export const checked = (verify: (text: string) => string): z.ZodType<string> =>
  z.string().superRefine((text, context) => {
    try {
      verify(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof ProtocolError ? error.message : 'not allowed' });
    }
  });
const path = checked(verifyPath);
const field = checked(verifyFieldName);
const claim = checked((text) => verifyText(text));
const seconds = (max: number): z.ZodType<number> => z.int().min(1).max(max);
const base64 = z.base64().max(4 * Math.ceil(limits.valueBytes / 3));
const timeoutS = seconds(limits.requestLifeMs / 1000).exactOptional();

const lease = z
  .strictObject({
    ttlS: seconds(limits.leaseMaxS),
    uses: seconds(limits.usesMax).exactOptional(),
    scope: z.enum(['process', 'exe', 'machine']).exactOptional(),
    self: z.boolean().exactOptional(),
  })
  .refine(({ self, scope }) => self !== true || (scope ?? 'process') === 'process', 'a lease for one process cannot be one for others');

export const releaseAsk: z.ZodType<ReleaseAsk> = z.strictObject({
  items: z
    .array(z.strictObject({ path, field: field.exactOptional() }))
    .min(1)
    .max(limits.itemsPerRequest),
  reason: claim.exactOptional(),
  agent: claim.exactOptional(),
  lease: lease.exactOptional(),
  timeoutS,
  leaseOnly: z.boolean().exactOptional(),
});

const handle = z.string().regex(/^[0-9a-f]{32}$/);
export const awaitAsk: z.ZodType<AwaitAsk> = z.strictObject({ handle, timeoutS, one: z.boolean().exactOptional() });
export const withdrawAsk: z.ZodType<Pick<AwaitAsk, 'handle'>> = z.strictObject({ handle });

const putItem: z.ZodType<PutItem> = z
  .strictObject({
    path,
    value: base64.exactOptional(),
    fields: z.record(field, base64).exactOptional(),
    description: checked((text) => verifyText(text, limits.descriptionBytes)).exactOptional(),
  })
  .refine((ask) => (ask.value === undefined) !== (ask.fields === undefined), 'either value or fields')
  .refine(
    (ask) => ask.fields === undefined || (Object.keys(ask.fields).length >= 1 && Object.keys(ask.fields).length <= limits.fields),
    `1 to ${limits.fields} fields`,
  );

export const putAsk: z.ZodType<PutAsk> = z.strictObject({
  puts: z
    .array(putItem)
    .min(1)
    .max(limits.putsPerRequest)
    .refine((puts) => new Set(puts.map((one) => one.path)).size === puts.length, 'one path twice'),
  timeoutS,
});

export const joinAsk: z.ZodType<JoinAsk> = z.strictObject({
  token: z.string().min(1).max(4_096),
  name: checked((text) => verifyText(text, limits.nameBytes)).exactOptional(),
});

export const needAsk: z.ZodType<NeedAsk> = z.strictObject({
  path,
  reason: checked((text) => verifyClaim(text)).refine((text) => text !== '', 'say what it is for'),
  where: checked((text) => verifyClaim(text, limits.whereGraphemes)).exactOptional(),
  fields: z.array(field).max(limits.fields).exactOptional(),
  agent: checked((text) => verifyClaim(text, 64)).exactOptional(),
});
export const needWithdraw: z.ZodType<NeedWithdraw> = z.strictObject({ path });

/** More keys than any server lets a client try. */
const agentKeys = 64;

export const sshAgentAsk: z.ZodType<SshAgentAsk> = z.strictObject({
  socket: z.string().min(1).max(4_096),
  keys: z
    .array(z.strictObject({ path, field: field.exactOptional(), public: z.string().min(1).max(6_000), lease: lease.exactOptional(), timeoutS }))
    .max(agentKeys),
});

export const logResume: z.ZodType<LogResume> = z.strictObject({ record: z.string().regex(/^[0-9a-f]{64}$/) });
export const leaseEnd: z.ZodType<LeaseEnd> = z
  .strictObject({
    id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .exactOptional(),
    all: z.boolean().exactOptional(),
  })
  .refine((ask) => (ask.id === undefined) !== (ask.all !== true), 'either id or all');
