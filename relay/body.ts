// Reads a request body: its size is refused before its bytes are kept (spec/08-relay.md §calls).
import { RelayError } from './relay-error.ts';

/** The slowest link that is waited for: 4 MiB in a minute. */
const bodyWithinMs = 60_000;

export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const declared = request.headers.get('content-length');
  if (declared !== null && !(Number(declared) <= maxBytes)) throw tooLarge(maxBytes);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new RelayError('E_RELAY_REQUEST', 'the body did not arrive in time')), bodyWithinMs);
  try {
    return await Promise.race([declared === null ? readStream(request, maxBytes) : request.bytes(), late]);
  } catch (cause) {
    throw cause instanceof RelayError ? cause : new RelayError('E_RELAY_REQUEST', 'the body ended early', { cause });
  } finally {
    clearTimeout(timer);
  }
}

// Chunked: no length is announced, so it is counted.
async function readStream(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (!request.body) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): RelayError {
  return new RelayError('E_RELAY_LIMIT', `this call takes at most ${maxBytes} bytes`);
}
