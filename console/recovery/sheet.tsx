// One sheet of the kit, on the screen as on paper: the only thing that is printed (spec/18-recovery.md §words).
import type { JSX } from 'preact';
import type { KitShare } from '../../protocol/recovery.ts';
import { drawQr } from '../enrol/model.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { recoveryWords } from '../ui/words-recovery.ts';
import { inFours, kitAddress, wordsOf } from './model.ts';

const w = recoveryWords.sheet;

/** `number`: which of the m it is for people; x, which a share also has, may be any. */
export function Sheet({ share, number }: { readonly share: KitShare; readonly number: number }): JSX.Element {
  const { world, calendar, now } = useStore();
  const org = useOrg();
  const { origin } = world.window.location;
  const { size, path } = drawQr(kitAddress(origin, org.id, org.relay));
  return (
    <article class="sheet">
      <header>
        <h2>{w.heading}</h2>
        <p>{w.of(number, share.m, share.t)}</p>
      </header>
      <ol class="sheet-words" aria-label={w.words}>
        {wordsOf(share).map((word, index) => (
          <li key={index}>{word}</li>
        ))}
      </ol>
      <div class="sheet-facts">
        <dl>
          <dt>{w.org}</dt>
          <dd>
            <bdi>{org.name}</bdi>
          </dd>
          <dt>{w.id}</dt>
          <dd class="mono">{inFours(org.id)}</dd>
          <dt>{w.relay}</dt>
          <dd class="mono">{org.relay}</dd>
          <dt>{w.console}</dt>
          <dd class="mono">{origin}</dd>
          <dt>{w.kit}</dt>
          <dd>
            <span class="mono">{inFours(share.kit)}</span> · {w.made} {calendar.date(now.value)}
          </dd>
          <dt>{w.keeper}</dt>
          <dd class="sheet-line" />
        </dl>
        <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={w.qr} shape-rendering="crispEdges">
          <path d={path} />
        </svg>
      </div>
      <p>{w.use}</p>
      <p>
        <strong>{w.keep}</strong>
      </p>
    </article>
  );
}
