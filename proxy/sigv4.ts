// Signs requests to AWS anew: the program signed with placeholders, the real keys sign here (spec/16-proxy.md §aws).
import { AwsV4Signer } from 'aws4fetch';
import type { Use } from './fill.ts';
import { type RequestHead, valuesOf } from './head.ts';
import { placeholdersIn } from './placeholders.ts';
import { ProxyError } from './proxy-error.ts';

/** What the program has in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; the first may be no secret. */
export interface AwsKeys {
  readonly keyId: string;
  readonly secretKey: string;
}
export interface AwsSignature {
  readonly keyId: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
}

/** The signature that is to be replaced; undefined where the request is signed with no key of ours. Throws E_PROXY_SIGNATURE. */
export function signatureOf({ target, headers }: RequestHead, keys: AwsKeys | undefined): AwsSignature | undefined {
  if (keys === undefined) return undefined;
  const isOurs = (text: string): boolean => text === keys.keyId || placeholdersIn(text).includes(keys.secretKey);
  const query = new URLSearchParams(target.slice(target.indexOf('?') + 1));
  if ([...query].some(([name, value]) => /^x-amz-credential$/i.test(name) && isOurs(value.split('/')[0] ?? '')))
    throw refused('a presigned address cannot be signed anew: let the program send the request itself');
  const [authorization = ''] = valuesOf(headers, 'authorization');
  const [, scheme, fields] = /^(AWS4-[A-Z0-9-]+)\s+(.*)$/.exec(authorization) ?? [];
  if (scheme === undefined || fields === undefined) return undefined;
  const named = new Map(fields.split(',').map((field) => [field.slice(0, field.indexOf('=')).trim(), field.slice(field.indexOf('=') + 1).trim()]));
  const [keyId, date, region, service, end, ...more] = named.get('Credential')?.split('/') ?? [];
  if (keyId === undefined || !isOurs(keyId)) return undefined;
  if (scheme !== 'AWS4-HMAC-SHA256') throw refused(`${scheme} cannot be signed anew, only AWS4-HMAC-SHA256`);
  const signedHeaders = named.get('SignedHeaders')?.split(';') ?? [];
  const [time = ''] = valuesOf(headers, 'x-amz-date');
  if (region === undefined || service === undefined || end !== 'aws4_request' || more.length > 0) throw refused('its credential scope is malformed');
  if (!/^\d{8}T\d{6}Z$/.test(time) || !time.startsWith(date ?? '-')) throw refused('x-amz-date is missing or not of the day that was signed');
  if (!signedHeaders.includes('host')) throw refused('the host is not signed');
  return { keyId, region, service, signedHeaders };
}

/** Whether the signature covers a body whose hash the request does not state. Throws E_PROXY_SIGNATURE. */
export function needsBody({ headers }: RequestHead, { service }: AwsSignature): boolean {
  const [hash] = valuesOf(headers, 'x-amz-content-sha256');
  if (hash !== undefined && hash.startsWith('STREAMING-AWS4-'))
    throw refused('each chunk of its body is signed: let the program sign the payload as a whole, or not at all (UNSIGNED-PAYLOAD)');
  return hash === undefined && service !== 's3';
}

/** The same request, signed with the keys themselves over the same headers. The head's other placeholders are filled before. */
export async function signAnew(
  head: RequestHead,
  signature: AwsSignature,
  keys: AwsKeys,
  target: URL,
  body: Uint8Array | undefined,
  use: Use,
): Promise<RequestHead> {
  const values = await use([keys.keyId, keys.secretKey]);
  const signed = new Headers();
  for (const [name, value] of head.headers)
    if (signature.signedHeaders.includes(name.toLowerCase()) && name.toLowerCase() !== 'host') signed.append(name, value);
  const signer = new AwsV4Signer({
    method: head.method,
    url: `${target.origin}${head.target}`,
    headers: signed,
    ...(body !== undefined && { body: Uint8Array.from(body) }),
    accessKeyId: values.get(keys.keyId) ?? keys.keyId,
    secretAccessKey: values.get(keys.secretKey) ?? '',
    service: signature.service,
    region: signature.region,
    datetime: valuesOf(head.headers, 'x-amz-date')[0] ?? '',
    allHeaders: true, // only those that the program signed are in there
  });
  const { headers } = await signer.sign();
  // What the signer states about the body, or signs that was not there, must be sent too.
  const stated = ['authorization', 'x-amz-content-sha256', 'x-amz-date'];
  const kept = head.headers.filter(([name]) => !stated.includes(name.toLowerCase()));
  return { ...head, headers: [...kept, ...stated.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? ''] as const] : []))] };
}

function refused(why: string): ProxyError {
  return new ProxyError('E_PROXY_SIGNATURE', `a request signed for AWS: ${why}`);
}
