// POST /v1/append, /v1/read: opaque chains with compare-and-swap (spec/08-relay.md §streams).
import { decode, encode, limits, streamHeadCodec, streamPageCodec, streamReadCodec, streamRecordCodec } from '../../protocol/wire.ts';
import { RelayError } from '../relay-error.ts';
import { type SessionRoute, everyGrade, frameBytes } from './call.ts';

const recordBody = limits.recordBytes + frameBytes;
const smallBody = 1_024;

export const append: SessionRoute = {
  kind: 'session',
  maxBytes: recordBody,
  grades: ['device', 'machine', 'join'],
  run: async ({ store, live }, body, { session }) => {
    const record = decode(streamRecordCodec, body, recordBody);
    const { kind, head } = await store.append(session.org, record, session.grade === 'join' ? session.keyId : undefined);
    if (kind === 'spent') throw new RelayError('E_RELAY_FORBIDDEN', 'this join key has appended as much as it may');
    if (kind === 'conflict') throw new RelayError('E_RELAY_CONFLICT', 'the record does not extend the head of its stream', { head });
    if (kind === 'quota') throw new RelayError('E_RELAY_QUOTA', 'the org has used the room it has on this relay');
    if (kind === 'appended') live.headMoved(session.org, head);
    return encode(streamHeadCodec, head);
  },
};

export const read: SessionRoute = {
  kind: 'session',
  maxBytes: smallBody,
  grades: everyGrade,
  run: async ({ store }, body, { session }) => {
    const { stream, from, limit } = decode(streamReadCodec, body, smallBody);
    return encode(streamPageCodec, await store.readStream(session.org, stream, from, limit, limits.wireBytes - frameBytes));
  },
};
