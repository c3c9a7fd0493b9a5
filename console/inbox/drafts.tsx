// Changes that wait for several admins, below the requests; each opens on a page of its own.
import type { JSX } from 'preact';
import type { DraftRow } from '../app-people.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { waitsForMe } from '../shell/model.ts';
import { Section } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';

const w = coreWords.inbox;

export function DraftRows(): JSX.Element | null {
  const org = useOrg();
  if (org.drafts.length === 0) return null;
  return (
    <Section title={w.drafts}>
      <ul class="rows" aria-label={w.drafts}>
        {org.drafts.map((draft) => (
          <li key={draft.id}>
            <Row draft={draft} isForMe={waitsForMe(org, draft)} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Row({ draft, isForMe }: { readonly draft: DraftRow; readonly isForMe: boolean }): JSX.Element {
  const { route } = useStore();
  const { id, by, mine, stale, missing, changes } = draft;
  return (
    <a class={stale ? 'row draft over' : 'row draft'} href={formatRoute({ page: 'inbox', open: id })} aria-current={route.value.open === id || undefined}>
      <span class="row-head">
        <strong>
          <bdi>{mine ? w.proposedByMe : w.proposes(by)}</bdi>
        </strong>
      </span>
      <span class="row-what">
        <bdi>{changes[0]?.what}</bdi> {changes.length > 1 && <span class="faint">{w.draftMore(changes.length - 1)}</span>}
      </span>
      <span class="row-end">
        {stale ? (
          <span class="tag">{w.draftStale}</span>
        ) : (
          <span class={isForMe ? 'tag warning' : 'tag'}>{isForMe && missing > 0 ? w.draftYours : w.draftMissing(missing)}</span>
        )}
      </span>
    </a>
  );
}
