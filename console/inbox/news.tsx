// What came in or became wider while nobody looked: told to everybody, with the way to stop it all.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { FreezeDialog } from '../shell/freeze.tsx';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { listNames } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';

const w = coreWords.inbox;
const shownMax = 5;

export function News(): JSX.Element | null {
  const { app, calendar, now } = useStore();
  const { news, me, frozen } = useOrg();
  const freezing = useSignal(false);
  const act = useAct();
  const newest = news[0];
  if (!newest) return null;
  return (
    <Note tone="info" icon="people" title={w.news} role="status">
      <ul class="plain">
        {news.slice(0, shownMax).map(({ seq, at, what, who }) => (
          <li key={seq}>
            <bdi>{w.newsBy(what, who.length === 0 ? '' : listNames(who), calendar.moment(at, now.value))}</bdi>
          </li>
        ))}
      </ul>
      {news.length > shownMax && <p class="faint">{w.draftMore(news.length - shownMax)}</p>}
      <FailureNote failure={act.failure} />
      <div class="actions">
        <Button look="plain" busy={act.busy} onClick={() => act.run(() => app.seenNews(newest.seq))}>
          {w.newsSeen}
        </Button>
        {me.roles.includes('admin') && !frozen && (
          <Button look="quiet" icon="snow" onClick={() => (freezing.value = true)}>
            {w.newsFreeze}
          </Button>
        )}
      </div>
      {freezing.value && <FreezeDialog frozen={false} onClose={() => (freezing.value = false)} />}
    </Note>
  );
}
