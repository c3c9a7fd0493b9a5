// A change that waits for several admins: what it would do, who agreed, and one's own word.
import type { JSX } from 'preact';
import type { DraftRow } from '../app-people.ts';
import { ChangeList } from '../review/changes.tsx';
import { waitsForMe } from '../shell/model.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { Facts, Page, Section } from '../ui/page.tsx';
import { listNames } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { peopleWords } from '../ui/words-people.ts';

const w = peopleWords.draft;

export function DraftPage(): JSX.Element | null {
  const { route } = useStore();
  const org = useOrg();
  const draft = org.drafts.find(({ id }) => id === route.value.open);
  return draft ? <Draft key={draft.id} draft={draft} /> : null;
}

function Draft({ draft }: { readonly draft: DraftRow }): JSX.Element {
  const { calendar, now } = useStore();
  const { by, mine, note, changes, agreed, refused, at, expiresAt, missing, stale } = draft;
  const names = (of: readonly string[]): JSX.Element => (of.length === 0 ? <span class="faint">{w.nobody}</span> : <bdi>{listNames(of)}</bdi>);
  return (
    <Page title={mine ? w.titleMine : w.title(by)} back={formatRoute({ page: 'inbox' })}>
      {stale ? (
        <Note tone="warning" title={w.stale}>
          <p>{w.staleText}</p>
        </Note>
      ) : (
        <p class="lead">{missing === 0 ? w.complete : w.needs(missing)}</p>
      )}
      <Section title={w.does}>
        <ChangeList lines={changes} />
      </Section>
      {note !== '' && (
        <section class="claim" aria-label={w.note(by)}>
          <h2>
            <Icon name="speech" size={18} />
            <bdi>{w.note(by)}</bdi>
          </h2>
          <blockquote>
            <bdi>{note}</bdi>
          </blockquote>
        </section>
      )}
      <Facts
        rows={[
          [w.agreed, names(agreed)],
          ...(refused.length > 0 ? ([[w.declined, names(refused)]] as const) : []),
          [w.proposed, calendar.moment(at, now.value)],
          [w.ends, calendar.moment(expiresAt, now.value)],
        ]}
      />
      <Acts draft={draft} />
    </Page>
  );
}

function Acts({ draft }: { readonly draft: DraftRow }): JSX.Element {
  const { app, go, tell } = useStore();
  const org = useOrg();
  const [agreeing, refusing] = [useAct(), useAct()];
  const { id, mine, stale, missing, agreedByMe } = draft;
  const isForMe = waitsForMe(org, draft);
  const leave = (text: string): void => {
    tell(text);
    go({ page: 'inbox' });
  };
  const agree = (): void =>
    agreeing.run(
      () => app.agreeDraft(id),
      (outcome) => leave(outcome === 'done' ? w.done : w.passedOn),
    );
  const refuse = (): void =>
    refusing.run(
      () => app.refuseDraft(id),
      () => leave(mine ? w.withdrawn : w.refused),
    );
  return (
    <div class="stack">
      {!stale && agreedByMe && missing > 0 && <p class="faint">{w.waitsText}</p>}
      {!org.me.roles.includes('admin') && !stale && <p class="faint">{w.adminsOnly}</p>}
      <FailureNote failure={agreeing.failure ?? refusing.failure} />
      <div class="pair">
        <Button look={isForMe ? 'deny' : 'plain'} busy={refusing.busy} onClick={refuse}>
          {stale ? w.putAway : mine ? w.withdraw : w.decline}
        </Button>
        {isForMe && (
          <Button look="approve" icon="finger" busy={agreeing.busy} onClick={agree}>
            {missing === 0 ? w.finish : w.agree}
          </Button>
        )}
      </div>
      {isForMe && <p class="faint">{coreWords.common.passkey}</p>}
    </div>
  );
}
