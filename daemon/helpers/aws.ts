// `credential_process = stillvault helper aws --profile x` of the AWS SDKs (spec/14-helpers.md §aws).
import { z } from 'zod';
import { usage } from '../cli/terminal/arguments.ts';
import { askFor, leaseEndMs, textsOf } from './ask.ts';
import { requirePipe, type Helper } from './helper.ts';
import { namedTerms } from './named.ts';

/** What a secret that is one JSON holds; the same names as the answer. */
const stored = z.object({
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  SessionToken: z.string().min(1).exactOptional(),
  Expiration: z.string().min(1).exactOptional(),
  AccountId: z.string().min(1).exactOptional(),
});
type Keys = z.infer<typeof stored>;

export const helper: Helper = {
  async run(call) {
    requirePipe(call.world);
    const { args, terms } = await namedTerms(call, 'aws', (given) => [given.text('profile') ?? call.world.env['AWS_PROFILE'] ?? 'default'], {
      profile: { about: 'the profile, as the mapping knows it', takes: 'NAME' },
    });
    const profile = args.text('profile');
    const released = await askFor(call, terms, `aws${profile === undefined ? '' : ` profile ${profile}`}: ${terms.reference}`);
    const keys = keysOf(textsOf(released), terms.reference);
    const until = leaseEndMs(released);
    const ends = [keys.Expiration, until === undefined ? undefined : new Date(until).toISOString()].filter((end) => end !== undefined);
    const Expiration = ends.sort((a, b) => Date.parse(a) - Date.parse(b))[0];
    // The SDKs ask again at Expiration; without it they keep the keys as long as the process lives.
    call.world.write(1, `${JSON.stringify({ Version: 1, ...keys, ...(Expiration === undefined ? {} : { Expiration }) })}\n`);
    return 0;
  },
};

function keysOf(texts: ReadonlyMap<string, string>, reference: string): Keys {
  const one = texts.get('');
  const parsed = stored.safeParse(one === undefined ? fromFields(texts) : parseJson(one));
  if (parsed.success) return parsed.data;
  throw usage(
    `${reference} holds no AWS keys: it needs the fields access_key_id and secret_access_key, or one JSON with AccessKeyId and SecretAccessKey`,
    `stillvault put ${reference.split('#')[0] ?? ''} --field access_key_id --field secret_access_key`,
  );
}

function fromFields(texts: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const names = {
    AccessKeyId: 'access_key_id',
    SecretAccessKey: 'secret_access_key',
    SessionToken: 'session_token',
    Expiration: 'expiration',
    AccountId: 'account_id',
  };
  const found: Record<string, string> = {};
  for (const [key, field] of Object.entries(names)) {
    const value = texts.get(field) ?? texts.get(`aws_${field}`) ?? texts.get(key);
    if (value !== undefined) found[key] = value;
  }
  return found;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the parser's message would quote the value
  }
}
