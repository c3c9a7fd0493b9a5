// What of a text is a secret, by its shape or its name, and what only looks like one (spec/19-import.md §judgement).

const shapes: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['private key', /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/],
  ['AWS access key', /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])/],
  ['GitHub token', /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})/],
  ['GitLab token', /(?<![A-Za-z0-9])gl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{20,64}/],
  ['Slack token', /(?<![A-Za-z0-9])(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{16,250}/],
  ['Stripe live key', /(?<![A-Za-z0-9])[sr]k_live_[A-Za-z0-9]{16,250}/],
  ['Stripe webhook secret', /(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=]{24,100}/],
  ['Anthropic key', /(?<![A-Za-z0-9])sk-ant-[A-Za-z0-9_-]{32,200}/],
  ['OpenAI key', /(?<![A-Za-z0-9])sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{0,250}[0-9][A-Za-z0-9_-]{30,250}/],
  ['Google API key', /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/],
  ['Google client secret', /(?<![A-Za-z0-9])GOCSPX-[A-Za-z0-9_-]{28}/],
  ['npm token', /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/],
  ['PyPI token', /(?<![A-Za-z0-9])pypi-AgE[A-Za-z0-9_-]{50,300}/],
  ['Docker Hub token', /(?<![A-Za-z0-9])dckr_[op]at_[A-Za-z0-9_-]{20,64}/],
  ['Hugging Face token', /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])/],
  ['SendGrid key', /(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}/],
  ['DigitalOcean token', /(?<![A-Za-z0-9])do[opr]_v1_[a-f0-9]{64}/],
  ['Vault token', /(?<![A-Za-z0-9])hv[bs]\.[A-Za-z0-9_-]{24,300}/],
  ['Terraform token', /(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,80}/],
  ['age key', /AGE-SECRET-KEY-1[0-9A-Z]{58}/],
  ['Azure storage key', /AccountKey=[A-Za-z0-9+/]{86}==/],
  ['JWT', /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{20,2000}/],
];
// Bounded on every side: a line of a hostile file is at most as slow as it is long.
const urlWithPassword = /(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}:\/\/[^\s:/@?#'"]{0,128}:([^\s@/?#'"]{1,256})@([^\s@/'"]{1,256})/;

/** A secret whatever it is called; undefined for placeholders. */
export function secretShape(text: string): string | undefined {
  for (const [what, pattern] of shapes) {
    const found = pattern.exec(text)?.[0];
    if (found !== undefined && !(what !== 'private key' && isPlaceholder(found))) return what;
  }
  const [, secret, host = ''] = urlWithPassword.exec(text) ?? [];
  const isDocumentation = /(?:^|\.)example(?:\.[a-z]+)?(?::\d+)?$/i.test(host);
  return secret !== undefined && !isDocumentation && !isPlaceholder(secret) ? 'URL with password' : undefined;
}

/** Where the first text with such a shape begins, placeholder or not; the length where there is none. */
export function shapeAt(text: string): number {
  return Math.min(text.length, ...[...shapes.map(([, pattern]) => pattern), urlWithPassword].map((pattern) => pattern.exec(text)?.index ?? text.length));
}

const references =
  /^(?:stillvault:\/\/|op:\/\/|vault:|ref\+|aws-sm:|awssm:|gcpsm:|keyvault:|arn:aws:|projects\/[^/]+\/secrets\/|ENC\[|!vault|@Microsoft\.KeyVault|secret:\/\/|env:)/;
const expansion = /^(?:\$\{?[A-Za-z_][A-Za-z0-9_]*(?:[:?+-][^}]*)?\}?|\$\(.*\)|%[A-Za-z_]+%|\{\{.*\}\}|<.*>|\[.*\]|__.*__|#\{.*\})$/;
const fillers =
  /change[-_ ]?(?:me|this|it)|example|placeholder|your[-_ ]|replace[-_ ]?(?:me|this|with)|insert[-_ ]|redacted|dummy|fixme|todo|xxxx|\.\.\.|\*\*\*|0{12}|1234567890{0,2}$|abcdefgh/i;
/** What everybody's development database is called: nobody keeps these secret. */
const worthless = new Set(
  'password passwd pass secret token test tests testing admin root guest user postgres mysql mariadb redis rabbitmq minio minioadmin mongo elastic localhost dev development local none null nil undefined true false yes no on off default empty unset disabled enabled xxx n/a tbd'.split(
    ' ',
  ),
);

/** A stand-in for a value: a reference, a variable, a word that says "put yours here". */
export function isPlaceholder(value: string): boolean {
  const text = value.trim();
  if (text === '' || worthless.has(text.toLowerCase()) || /^(.)\1*$/u.test(text)) return true;
  const first = text.slice(0, 512);
  return references.test(first) || (text.length <= 512 && expansion.test(text)) || (text.length <= 128 && fillers.test(text));
}

const password = new Set(['password', 'passwd', 'pwd', 'passphrase', 'pass', 'passcode', 'pgpassword']);
const strong = new Set([
  'secret',
  'secrets',
  'token',
  'apikey',
  'credential',
  'credentials',
  'authtoken',
  'accesstoken',
  'authorization',
  'oauth',
  'bearer',
  'pat',
]);
const beforeKey = new Set(
  'api access private secret signing signature encryption encrypt master auth service account session app application server deploy webhook hmac jwt license'.split(
    ' ',
  ),
);
/** `TOKEN_URL`, `PASSWORD_MIN_LENGTH`: about a secret, not one. */
const about = new Set(
  'url uri path file dir folder name id ids type length len min max ttl expiry expires expiration expire timeout limit count enabled disabled header headers policy field algorithm alg issuer audience endpoint host port user username email prefix suffix rotation age days hours minutes seconds version hint prompt label regex pattern format required source provider mode scope scopes arn ref storage store helper cache salt_rounds rounds'.split(
    ' ',
  ),
);

/** Whether a variable or key of that name usually holds a secret. */
export function isSecretName(name: string): 'password' | 'secret' | 'key' | undefined {
  const words = name
    .slice(0, 256)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  const last = words.at(-1) ?? '';
  if (about.has(last) || words.includes('public') || words.includes('publishable')) return undefined;
  if (words.some((word) => password.has(word) || /(?:password|passwd)$/.test(word))) return 'password';
  if (words.some((word) => strong.has(word) || /(?:secret|token)$/.test(word))) return 'secret';
  if (last === 'key' || last === 'keys') return beforeKey.has(words.at(-2) ?? '') ? 'secret' : 'key';
  return last.endsWith('apikey') ? 'secret' : undefined;
}

export interface Judged {
  /** What it is, in words; never any of it. */
  readonly what: string;
  readonly by: 'shape' | 'name';
}

/** Undefined where it is no secret as far as a machine can tell. */
export function judge(name: string, value: string): Judged | undefined {
  const what = secretShape(value);
  if (what !== undefined) return { what, by: 'shape' };
  const kind = isSecretName(name);
  if (kind === undefined || isPlaceholder(value)) return undefined;
  const bare = value.replace(/^(?:bearer|basic|token)\s+/i, '').trim();
  if (isPlaceholder(bare)) return undefined;
  if (kind === 'password') return bare.length >= 4 ? { what: 'password', by: 'name' } : undefined;
  const isPlain = bare.length < 8 || /\s/.test(bare) || /^[\d.]+[a-z]{0,2}$/i.test(bare) || /^(?:https?:\/\/|\.{0,2}\/|~\/)/.test(bare);
  if (isPlain || (kind === 'key' && !looksRandom(bare))) return undefined;
  return { what: kind === 'key' ? 'random text named key' : 'secret', by: 'name' };
}

/** Letters and digits in no order that words have. */
function looksRandom(text: string): boolean {
  if (text.length < 16 || !/\d/.test(text) || !/[A-Za-z]/.test(text)) return false;
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits >= 3;
}
