// The shapes of what an administrator may ask (spec/10-local-api.md §administration): unknown fields are refused, texts are checked before anything acts on them.
import { z } from 'zod';
import { limits } from '../../protocol/limits.ts';
import type { Act, ChangeAsk } from '../../protocol/local-api/admin.ts';
import { verifyName, verifyPath, verifyText } from '../../protocol/text.ts';
import { policyFile, policyTerms } from '../admin/terms.ts';
import { checked } from './asks.ts';

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;
const name = checked((text) => verifyName(text)).refine((text) => text !== '' && bytesOf(text) <= limits.nameBytes, `1 to ${limits.nameBytes} bytes`);
const names = z.array(name).max(256);
const pattern = z.string().min(1).max(limits.pathBytes);
const reason = checked((text) => verifyText(text)).refine((text) => text !== '', 'say why');

const act: z.ZodType<Act> = z.discriminatedUnion('act', [
  z.strictObject({
    act: z.literal('member.set'),
    member: name,
    name: name.exactOptional(),
    roles: z
      .array(z.enum(['admin', 'approver', 'writer']))
      .max(3)
      .exactOptional(),
  }),
  z.strictObject({ act: z.literal('member.remove'), member: name }),
  z.strictObject({ act: z.literal('device.revoke'), device: name }),
  z.strictObject({ act: z.literal('machine.set'), machine: name, groups: names.exactOptional(), owner: name.nullable().exactOptional() }),
  z.strictObject({ act: z.literal('machine.revoke'), machine: name }),
  z.strictObject({ act: z.literal('group.add'), group: name, members: names }),
  z.strictObject({ act: z.literal('group.set'), group: name, name: name.exactOptional(), members: names.exactOptional() }),
  z.strictObject({ act: z.literal('policy.set'), policy: policyTerms }),
  z.strictObject({ act: z.literal('policy.retire'), pattern }),
  z.strictObject({ act: z.literal('policy.file'), file: policyFile, prune: z.boolean() }),
  z.strictObject({ act: z.literal('secret.retire'), path: checked(verifyPath) }),
  z.strictObject({ act: z.literal('org.freeze'), reason }),
  z.strictObject({ act: z.literal('org.unfreeze'), reason }),
]);

export const changeAsk: z.ZodType<ChangeAsk> = z.strictObject({
  act,
  reason: checked((text) => verifyText(text)).exactOptional(),
  timeoutS: z
    .int()
    .min(1)
    .max(limits.requestLifeMs / 1_000)
    .exactOptional(),
});
