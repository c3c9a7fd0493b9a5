// Requests signed for AWS with placeholders are signed anew, and verify with the real key (spec/16-proxy.md §aws).
import { afterAll, describe, expect, test } from 'bun:test';
import { createHash, createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { AwsV4Signer } from 'aws4fetch';
import { type ProxyWorld, type TestHost, type TestProxy, createProxyWorld } from './test-world.ts';

const world: ProxyWorld = await createProxyWorld();
afterAll(() => world[Symbol.asyncDispose]());
const real = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', AWS_SESSION_TOKEN: 'session/token+1==' };
const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

interface Call {
  readonly service: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function withAws(
  use: (its: TestProxy, host: TestHost) => Promise<void>,
  own: Partial<typeof real> = real,
  plain: Readonly<Record<string, string>> = {},
): Promise<void> {
  await using host = await world.startHost();
  const secrets = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, { value, hosts: [host.host] }]));
  await using its = await world.start(secrets, { plain });
  await use(its, host);
}

/** As an SDK would, with what the program has. */
async function signedRequest(
  its: TestProxy,
  host: TestHost,
  { service, method = 'GET', path = '/', body = '', headers = {} }: Call,
  keyId = its.placeholder('AWS_ACCESS_KEY_ID'),
): Promise<string> {
  const sessionToken = its.placeholder('AWS_SESSION_TOKEN');
  const signer = new AwsV4Signer({
    method,
    url: `https://${host.host}${path}`,
    headers: { ...headers, 'content-type': 'text/plain' },
    body,
    accessKeyId: keyId,
    secretAccessKey: its.placeholder('AWS_SECRET_ACCESS_KEY'),
    ...(sessionToken !== '' && { sessionToken }),
    service,
    region: 'eu-central-1',
    allHeaders: true,
  });
  const signed = await signer.sign();
  const lines = [...signed.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} ${signed.url.pathname}${signed.url.search} HTTP/1.1\r\nHost: ${host.host}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n${lines}\r\n${body}`;
}

/** What AWS does: the signature over what arrived, with the secret key that it knows; written here anew, from its documentation. */
function verifies(received: string): boolean {
  const end = received.indexOf('\r\n\r\n');
  const [first = '', ...lines] = received.slice(0, end).split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const [, keyId, date = '', region = '', service = '', signedHeaders = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d+)\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]+)$/.exec(
      headers.get('authorization') ?? '',
    ) ?? [];
  const [path = '', query = ''] = target.split('?');
  const canonicalPath = service === 's3' ? path : path.split('/').map(encodeURIComponent).join('/');
  const canonical = [
    method,
    canonicalPath,
    query.split('&').sort().join('&'),
    ...signedHeaders.split(';').map((name) => `${name}:${headers.get(name)}`),
    '',
    signedHeaders,
    headers.get('x-amz-content-sha256') ?? sha256(Buffer.from(received.slice(end + 4), 'latin1')),
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${real.AWS_SECRET_ACCESS_KEY}`, date));
  const expected = hmac(key, ['AWS4-HMAC-SHA256', headers.get('x-amz-date'), scope, sha256(canonical)].join('\n')).toString('hex');
  return keyId === real.AWS_ACCESS_KEY_ID && signature === expected;
}

describe('INV-PROXY-AWS a request that the program signed with placeholders verifies with the real keys:', () => {
  test.each<readonly [string, Call]>([
    ['a query of an API, its body hashed here', { service: 'sts', method: 'POST', body: 'Action=GetCallerIdentity&Version=2011-06-15' }],
    [
      'an object with the hash of its body',
      { service: 's3', method: 'PUT', path: '/bucket/a%20b', body: 'hello', headers: { 'x-amz-content-sha256': sha256('hello') } },
    ],
    [
      'an object whose body is not signed',
      { service: 's3', method: 'PUT', path: '/bucket/key', body: 'hello', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
    ],
    ['a list with a query', { service: 's3', path: '/bucket?list-type=2&prefix=a', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }],
    [
      'a streamed body whose trailer is not signed',
      {
        service: 's3',
        method: 'PUT',
        path: '/b/k',
        body: '5\r\nhello\r\n0\r\n\r\n',
        headers: { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
      },
    ],
    ['a path that is encoded twice', { service: 'lambda', path: '/functions/a%20b' }],
  ])('%s', (_, call) =>
    withAws(async (its, host) => {
      expect(await its.within(host.host, await signedRequest(its, host, call))).toEndWith('fine');
      expect(verifies(host.received())).toBe(true);
      expect(host.received()).toContain(`x-amz-security-token: ${real.AWS_SESSION_TOKEN}\r\n`);
      expect(host.received()).not.toContain('stillvault-');
    }),
  );

  test('where only the secret key is a secret', () =>
    withAws(
      async (its, host) => {
        await its.within(host.host, await signedRequest(its, host, { service: 'sts', method: 'POST', body: 'Action=X' }, real.AWS_ACCESS_KEY_ID));
        expect(verifies(host.received())).toBe(true);
      },
      { AWS_SECRET_ACCESS_KEY: real.AWS_SECRET_ACCESS_KEY },
      { AWS_ACCESS_KEY_ID: real.AWS_ACCESS_KEY_ID },
    ));

  test('another key’s signature passes as it is', () =>
    withAws(async (its, host) => {
      const request = await signedRequest(its, host, { service: 's3', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }, 'AKIDOFOTHERS');
      await its.within(host.host, request);
      expect(host.received()).toContain(/^authorization: .*$/m.exec(request)?.[0] ?? 'none');
    }));
});

const noAws = Bun.which('aws') === null ? ' (no aws here)' : '';
describe(`INV-PROXY-AWS the command line of AWS itself${noAws}`, () => {
  test.skipIf(noAws !== '').each([['sts get-caller-identity'], ['s3 ls s3://bucket/a'], ['s3 cp FILE s3://bucket/a+b/%20c'], ['dynamodb list-tables']])(
    '%s',
    (words) =>
      withAws(async (its, host) => {
        const file = `${world.folder}/body`;
        writeFileSync(file, 'hello');
        const child = Bun.spawn(['aws', '--endpoint-url', `https://${host.host}`, ...words.replace('FILE', file).split(' ')], {
          env: { PATH: process.env['PATH'] ?? '', HOME: world.folder, AWS_DEFAULT_REGION: 'eu-central-1', AWS_MAX_ATTEMPTS: '1', ...its.proxy.environment },
          stdout: 'ignore',
          stderr: 'ignore',
        });
        await child.exited; // it fails at the answer, which is none of AWS
        expect(host.received()).toContain('aws-cli/');
        expect(verifies(host.received())).toBe(true);
      }),
    20_000,
  );
});

describe('INV-PROXY-AWS refused, and nothing is sent:', () => {
  test.each<readonly [string, (request: string, its: TestProxy) => string]>([
    ['chunks that are signed one by one', (request) => request.replace('UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD')],
    ['another scheme', (request) => request.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')],
    [
      'a presigned address',
      (request, its) => request.replace('GET /', `GET /?X-Amz-Credential=${its.placeholder('AWS_ACCESS_KEY_ID')}%2F20261123%2Fx%2Fs3%2Faws4_request`),
    ],
    ['a scope that is none', (request) => request.replace('/aws4_request', '/aws5_request')],
    ['no date', (request) => request.replace(/x-amz-date: .*\r\n/, '')],
    ['a signature without the host', (request) => request.replace(';host;', ';')],
  ])('%s', (_, change) =>
    withAws(async (its, host) => {
      const request = await signedRequest(its, host, { service: 's3', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
      expect(await its.within(host.host, change(request, its))).toContain('E_PROXY_SIGNATURE');
      expect(host.received()).toBe('');
    }),
  );

  test('towards a host that the policy does not name', async () => {
    await using other = await world.startHost();
    await using its = await world.start(
      { AWS_ACCESS_KEY_ID: { value: 'AKID', hosts: ['s3.example'] }, AWS_SECRET_ACCESS_KEY: { value: 'secret-key-1', hosts: ['s3.example'] } },
      { allowed: [other.host] },
    );
    const answer = await its.within(other.host, await signedRequest(its, other, { service: 's3' }));
    expect(answer).toContain('E_PROXY_SECRET_HOST');
    expect(other.received()).toBe('');
  });
});
