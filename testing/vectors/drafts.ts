// Vectors of drafts and of gestures over several entries (spec/05-org-log.md §drafts, spec/03-envelopes.md §gestures). Never shipped.
import { toHex } from '../../protocol/bytes.ts';
import type { ProtocolCode } from '../../protocol/errors.ts';
import { gestureOver } from '../../protocol/gesture.ts';
import type { MemberId } from '../../protocol/hash.ts';
import { limits } from '../../protocol/limits.ts';
import { type Proposed, encodeEntry, entryHash } from '../../protocol/org-log/entry.ts';
import { stateHash } from '../../protocol/org-log/state-hash.ts';
import { parseEnvelope, signEnvelope } from '../../protocol/sign.ts';
import type { Vector } from '../vector.ts';
import { endorsed, entryOf } from '../world-draft.ts';
import { World, found } from '../world.ts';
import { idFrom } from '../world-people.ts';
import { logOf } from './logs.ts';
import type { Named } from './primitives.ts';

export async function draftVectors(): Promise<Named> {
  const world = new World('vectors of drafts');
  await world.genesis({ tAdmin: 2 });
  await world.addMember('ben');
  const [ada, ben] = [world.device('ada'), world.device('ben')];
  const member = (name: string): Proposed => ({ type: 'member.add', body: { member: idFrom<MemberId>(world.random), name, roles: ['approver'] } });
  const one = await endorsed(world, [member('cleo'), member('dora')], [ben]);
  await world.accept(await entryOf(world, one, 0, [ada]), 'member.add');
  const log = logOf(world, 'a log with the first of two entries of a draft');
  const out: [string, Vector][] = [['log-drafts', log]];
  const add = (
    name: string,
    what: string,
    entry: Uint8Array,
    verdict: { readonly code: ProtocolCode } | { readonly eh: string; readonly stateHash: string },
    section = 'drafts',
  ): void => {
    out.push([
      `entry-${name}`,
      {
        name: what,
        spec: section === 'drafts' ? '05-org-log.md#drafts' : '03-envelopes.md#gestures',
        kind: 'entry',
        log: 'log-drafts',
        now: world.clock.now(),
        entry: toHex(entry),
        ...verdict,
      },
    ]);
  };
  const accepted = async (bytes: Uint8Array): Promise<{ readonly eh: string; readonly stateHash: string }> => {
    const state = await world.judge(bytes);
    return { eh: state.head.eh, stateHash: stateHash(state) };
  };
  const second = await entryOf(world, one, 1, [ada]);
  add('draft-second', 'the second item of a draft', second, await accepted(second));
  add('draft-first-again', 'an item of a draft that is in', await entryOf(world, one, 0, [ada]), { code: 'E_DRAFT' });
  const fresh = await endorsed(world, [member('eli')], [ben]);
  const begun = await entryOf(world, fresh, 0, [ada]);
  add('draft-begins', 'a draft on the authority of today', begun, await accepted(begun));
  add('draft-other-item', 'not what was endorsed', await entryOf(world, fresh, 0, [ada], { item: member('eve') }), { code: 'E_DRAFT' });
  const soon = await endorsed(world, [member('eli')], [ben], { expiresAt: world.clock.now() - 1 });
  add('draft-over', 'one millisecond after its end', await entryOf(world, soon, 0, [ada]), { code: 'E_DRAFT' });
  const long = await endorsed(world, [member('eli')], [ben], { expiresAt: world.clock.now() + limits.draftLifeMs + 1 });
  add('draft-too-long', 'a millisecond too long', await entryOf(world, long, 0, [ada]), { code: 'E_DRAFT' });
  const old = await endorsed(world, [member('eli')], [ben], { authority: found(world.history(0), 'genesis') });
  add('draft-old-authority', 'on an authority that has changed', await entryOf(world, old, 0, [ada]), { code: 'E_DRAFT' });
  add('draft-not-endorsed', 'without the endorsements that it lists', await entryOf(world, fresh, 0, [ada], { endorsements: [] }), { code: 'E_SIGNERS' });
  add('draft-same-admin', 'endorsed by whoever signs', await entryOf(world, fresh, 0, [ben]), { code: 'E_SIGNERS' });

  const { state } = world;
  const payloads: Uint8Array[] = [];
  let { head } = state;
  for (const type of ['org.freeze', 'meta.rotate'] as const) {
    const frame = { org: state.org, seq: head.seq + 1, prev: head.eh, ts: world.clock.now(), signers: [ada.voice.ref] };
    const filler = found(world.history(0), 'genesis');
    payloads.push(
      encodeEntry(type === 'org.freeze' ? { ...frame, type, body: { reason: '' } } : { ...frame, type, body: { epoch: 1, commitment: filler, wraps: filler } }),
    );
    head = { seq: frame.seq, eh: entryHash(found(payloads.at(-1), 'payload')) };
  }
  const { challenge, paths } = gestureOver(payloads.map(entryHash));
  const assertion = await found(ada.voice.assert, 'a gesture')(challenge);
  const [first, path] = [found(payloads[0], 'payload'), found(paths[0], 'path')];
  const batched = await signEnvelope('entry', first, [{ signer: ada.sig, assertion, path }]);
  add('gesture-batch', 'the first of two entries of one gesture', batched, await accepted(batched), 'gestures');
  add(
    'gesture-no-path',
    'one of several, without its path',
    await signEnvelope('entry', first, [{ signer: ada.sig, assertion }]),
    { code: 'E_WEBAUTHN' },
    'gestures',
  );
  add(
    'gesture-other-path',
    'with the path of the other',
    await signEnvelope('entry', first, [{ signer: ada.sig, assertion, path: found(paths[1], 'path') }]),
    { code: 'E_WEBAUTHN' },
    'gestures',
  );
  const other = parseEnvelope('entry', await world.draft('org.freeze', { reason: 'other' }, [ada]), limits.entryBytes).payload;
  add(
    'gesture-stranger',
    'an entry that was not among them',
    await signEnvelope('entry', other, [{ signer: ada.sig, assertion, path }]),
    { code: 'E_WEBAUTHN' },
    'gestures',
  );
  return out;
}
