// One request and its answer: values go in, values come out again (spec/16-proxy.md §exchange).
import { bodyEncoding } from '../sdk/sending.ts';
import { type Chunks, once, readBody, wholeBody, writeBody } from './body.ts';
import { bounds } from './bounds.ts';
import type { Desk } from './desk.ts';
import { type Use, fillHead, isCoded } from './fill.ts';
import {
  type AnswerHead,
  type Framing,
  type Header,
  type RequestHead,
  answerFraming,
  connectionOptions,
  endToEnd,
  readAnswerHead,
  requestFraming,
  valuesOf,
  writtenAnswer,
  writtenRequest,
} from './head.ts';
import { fillChunks } from './placeholders.ts';
import { ProxyError } from './proxy-error.ts';
import { codingOf, decoded, scrubbed, scrubbedHeaders, scrubbedLive, scrubbedText } from './scrub.ts';
import { type AwsKeys, needsBody, signAnew, signatureOf } from './sigv4.ts';
import type { Stream } from './stream.ts';

export interface Link {
  readonly client: Stream;
  readonly target: URL;
  readonly desk: Desk;
  readonly aws: AwsKeys | undefined;
  /** The kept connection to the host, or a new one. */
  readonly host: () => Promise<Stream>;
}
/** What the host is sent, with the values in it. */
interface Outgoing {
  readonly head: RequestHead;
  readonly body: Chunks;
  readonly framing: Framing;
}

/** Whether both connections can serve another request. Throws ProxyError before the answer began, AnswerBroken after. */
export async function exchange(link: Link, head: RequestHead): Promise<'keep' | 'close'> {
  const { client, desk } = link;
  const framing = requestFraming(head);
  const isUpgrade = connectionOptions(head.headers).includes('upgrade') && valuesOf(head.headers, 'upgrade').join().toLowerCase() === 'websocket';
  if (isUpgrade && framing.kind !== 'none') throw new ProxyError('E_PROXY_MESSAGE', 'an upgrade with a body');
  const outgoing = await prepare(link, head, framing, isUpgrade);
  const host = await link.host();
  const sending = send(host, outgoing);
  let answer: AnswerHead;
  try {
    answer = await finalAnswer(host);
  } catch (error) {
    throw sending.refusal() ?? error;
  }
  if (answer.status === 101) {
    if (!isUpgrade) throw new ProxyError('E_PROXY_ANSWER', 'the host changed the protocol without being asked');
    await converse(link, host, answer);
    return 'close';
  }
  const mask = desk.mask();
  const incoming = answerFraming(answer, head.method);
  const coding = mask === undefined || incoming.kind === 'none' ? undefined : codingOf(answer);
  let body = readBody(host, incoming);
  let outFraming = incoming;
  if (mask !== undefined && incoming.kind !== 'none') {
    if (coding !== undefined) body = decoded(body, coding);
    body = scrubbed(body, mask);
    outFraming = { kind: 'chunked' };
    if (incoming.kind === 'length' && incoming.bytes <= bounds.wholeBodyBytes && coding === undefined) {
      const whole = await wholeBody(body, 2 * bounds.wholeBodyBytes);
      body = once(whole);
      outFraming = { kind: 'length', bytes: whole.length };
    }
  }
  if (outFraming.kind === 'until-close') outFraming = { kind: 'chunked' };
  if (head.version === '1.0' && outFraming.kind === 'chunked') outFraming = { kind: 'until-close' };
  const isLast =
    head.version === '1.0' ||
    answer.version === '1.0' ||
    incoming.kind === 'until-close' ||
    [head.headers, answer.headers].some((headers) => connectionOptions(headers).includes('close'));
  const headers = answerHeaders(answer, incoming, outFraming, coding !== undefined, isLast);
  const scrubbedHead =
    mask === undefined ? { ...answer, headers } : { ...answer, reason: scrubbedText(answer.reason, mask), headers: scrubbedHeaders(headers, mask) };
  await client.write(writtenAnswer(scrubbedHead));
  try {
    await writeBody(client, body, outFraming);
  } catch (cause) {
    throw new AnswerBroken('the answer ended early', { cause });
  }
  return isLast || !sending.isDone() ? 'close' : 'keep';
}

/** The answer began: nothing can be said any more but by ending it. */
export class AnswerBroken extends Error {
  override readonly name = 'AnswerBroken';
}

/** Everything that can be refused is, before the host hears of the request; but for placeholders within a long body. */
async function prepare({ client, target, desk, aws }: Link, given: RequestHead, framing: Framing, isUpgrade: boolean): Promise<Outgoing> {
  const use = onceEach((placeholders) => desk.use(placeholders, target));
  const signature = signatureOf(given, aws);
  const withoutSignature = signature === undefined ? given : { ...given, headers: given.headers.filter(([name]) => name.toLowerCase() !== 'authorization') };
  let head = await fillHead(withoutSignature, use);
  if (valuesOf(given.headers, 'expect').some((value) => value.toLowerCase() === '100-continue'))
    await client.write(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'));
  let body = readBody(client, framing);
  let outFraming = framing;
  if (signature !== undefined && aws !== undefined) {
    const whole = needsBody(given, signature) ? await wholeBody(body, bounds.signedBodyBytes) : undefined;
    if (whole !== undefined) {
      body = once(whole);
      if (framing.kind !== 'none') outFraming = { kind: 'length', bytes: whole.length };
    }
    head = await signAnew(head, signature, aws, target, whole, use);
  } else if (framing.kind !== 'none' && !isCoded(given.headers)) {
    const encode = bodyEncoding(valuesOf(given.headers, 'content-type').join());
    body = fillChunks(body, async (placeholder) => {
      const value = (await use([placeholder])).get(placeholder);
      return value === undefined ? undefined : Buffer.from(encode(value));
    });
    if (framing.kind === 'length' && framing.bytes <= bounds.wholeBodyBytes) {
      const whole = await wholeBody(body, Number.POSITIVE_INFINITY);
      body = once(whole);
      outFraming = { kind: 'length', bytes: whole.length };
    } else if (desk.serves(target)) outFraming = { kind: 'chunked' }; // elsewhere nothing is put in, so the length stays
  }
  return { head: { ...head, headers: requestHeaders(head, target, outFraming, isUpgrade, desk) }, body, framing: outFraming };
}

/** One use of a lease serves one request, however often the value stands in it. */
function onceEach(ask: Use): Use {
  const known = new Map<string, string>();
  return async (placeholders) => {
    const missing = placeholders.filter((placeholder) => !known.has(placeholder));
    if (missing.length > 0) for (const [placeholder, value] of await ask(missing)) known.set(placeholder, value);
    return known;
  };
}

function requestHeaders({ headers }: RequestHead, target: URL, framing: Framing, isUpgrade: boolean, desk: Desk): readonly Header[] {
  const dropped = new Set(['host', 'expect']);
  if (desk.mask() !== undefined || desk.serves(target)) dropped.add('accept-encoding');
  if (isUpgrade) dropped.add('sec-websocket-extensions'); // compressed frames cannot be scrubbed
  const kept = endToEnd(headers).filter(([name]) => !dropped.has(name.toLowerCase()));
  return [
    ['Host', target.host],
    ...kept,
    ...(dropped.has('accept-encoding') ? [['Accept-Encoding', 'identity'] as const] : []),
    ...(isUpgrade
      ? ([
          ['Connection', 'Upgrade'],
          ['Upgrade', 'websocket'],
        ] as const)
      : []),
    ...framingHeaders(framing),
  ];
}

/** Ways around the proxy, and the word that is ours. */
const notForPrograms = /^(?:alt-svc|x-stillvault-error)$/i;

function answerHeaders({ status, headers }: AnswerHead, incoming: Framing, outgoing: Framing, isDecoded: boolean, isLast: boolean): readonly Header[] {
  const kept = endToEnd(headers).filter(([name]) => !notForPrograms.test(name) && !(isDecoded && name.toLowerCase() === 'content-encoding'));
  const told = incoming.kind === 'none' && status !== 204 ? valuesOf(headers, 'content-length').slice(0, 1) : []; // of HEAD and 304: about another answer
  return [
    ...kept,
    ...told.map((value): Header => ['Content-Length', value]),
    ...framingHeaders(outgoing),
    ...(isLast ? [['Connection', 'close'] as const] : []),
  ];
}

function framingHeaders(framing: Framing): readonly Header[] {
  if (framing.kind === 'length') return [['Content-Length', String(framing.bytes)]];
  return framing.kind === 'chunked' ? [['Transfer-Encoding', 'chunked']] : [];
}

/** The request goes out while the answer is waited for: hosts answer before they have read all. */
function send(host: Stream, { head, body, framing }: Outgoing): { readonly isDone: () => boolean; readonly refusal: () => unknown } {
  let isDone = false;
  let refusal: unknown;
  const work = async (): Promise<void> => {
    await host.write(writtenRequest(head));
    await writeBody(host, body, framing);
    isDone = true;
  };
  work().catch((error: unknown) => {
    // A host that stops reading may have answered; everything else ends the request there and then.
    if (error instanceof ProxyError && error.code === 'E_PROXY_UPSTREAM') return;
    refusal = error;
    host.close();
  });
  return { isDone: () => isDone, refusal: () => refusal };
}

/** Interim answers are dropped: the program was told to go on by us. */
async function finalAnswer(host: Stream): Promise<AnswerHead> {
  for (let interim = 0; interim < 16; interim++) {
    const answer = await readAnswerHead(host);
    if (answer.status >= 200 || answer.status === 101) return answer;
  }
  throw new ProxyError('E_PROXY_ANSWER', 'too many interim answers');
}

/** After an upgrade bytes pass as they are, those of the host scrubbed: a masked frame breaks the conversation, the value does not arrive. */
async function converse({ client, desk }: Link, host: Stream, answer: AnswerHead): Promise<void> {
  const mask = desk.mask();
  const headers: readonly Header[] = [...endToEnd(answer.headers), ['Connection', 'Upgrade'], ['Upgrade', 'websocket']];
  await client.write(writtenAnswer({ ...answer, headers: mask === undefined ? headers : scrubbedHeaders(headers, mask) }));
  const toEnd: Framing = { kind: 'until-close' };
  const answers = readBody(host, toEnd);
  const forth = writeBody(host, readBody(client, toEnd), toEnd).finally(() => host.end());
  const back = writeBody(client, mask === undefined ? answers : scrubbedLive(answers, mask), toEnd).finally(() => client.end());
  await Promise.allSettled([forth, back]);
}
