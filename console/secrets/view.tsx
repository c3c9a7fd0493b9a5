// Secrets: names and rules, never values. The list beside the one that is open; on a phone one after the other.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { SecretRow } from '../app.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { LinkButton } from '../ui/button.tsx';
import { Breakable } from '../ui/breakable.tsx';
import { Choices, Field } from '../ui/field.tsx';
import { EmptyState } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { PagedList } from '../ui/paged-list.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { SecretDetail } from './detail.tsx';
import { type Look, findSecrets, isWaitedFor, lookAt } from './model.ts';
import { PutForm } from './put-form.tsx';
import { ShareOffer } from './share.tsx';

const w = pageWords.secrets;

export function SecretsPage(): JSX.Element {
  const { route } = useStore();
  const { secrets, inbox } = useOrg();
  const { open, form } = route.value;
  const need = form === 'put' ? inbox.find((card) => card.kind === 'need' && card.requestId === open) : undefined;
  const secret = secrets.find(({ id }) => id === open);
  const isOpen = open !== undefined || form === 'put';
  return (
    <div class={isOpen ? 'split opened' : secrets.length === 0 ? 'split alone' : 'split'}>
      <div class="split-list">
        <SecretList secrets={secrets} open={open} aside={isOpen} />
      </div>
      <div key={`${open} ${form}`} class="split-detail">
        {form === 'put' ? (
          <PutForm key={open ?? 'new'} secret={secret} need={need} />
        ) : open === undefined ? (
          <p class="placeholder">{w.choose}</p>
        ) : secret ? (
          <SecretDetail key={open} secret={secret} />
        ) : (
          <EmptyState icon="key" title={coreWords.common.notHere.what}>
            <p>{coreWords.common.notHere.next}</p>
          </EmptyState>
        )}
      </div>
    </div>
  );
}

function SecretList({
  secrets,
  open,
  aside,
}: {
  readonly secrets: readonly SecretRow[];
  readonly open: string | undefined;
  readonly aside: boolean;
}): JSX.Element {
  const query = useSignal('');
  const look = useSignal<Look>('all');
  const [exposed, waiting] = [lookAt(secrets, 'exposed').length, lookAt(secrets, 'waiting').length];
  const found = findSecrets(lookAt(secrets, look.value), query.value);
  const put = (
    <LinkButton icon="plus" look="strong" href={formatRoute({ page: 'secrets', form: 'put' })}>
      {w.put}
    </LinkButton>
  );
  if (secrets.length === 0)
    return (
      <Page title={w.title} aside={aside}>
        <EmptyState icon="key" title={w.empty}>
          <p>{w.emptyText}</p>
          {put}
        </EmptyState>
      </Page>
    );
  return (
    <Page title={w.title} action={put} aside={aside}>
      <ShareOffer secrets={secrets} />
      {exposed + waiting > 0 && (
        <Choices
          legend={w.filter}
          hiddenLegend
          value={look.value}
          choices={[
            { value: 'all', label: w.all },
            ...(exposed > 0 ? [{ value: 'exposed' as const, label: w.filterExposed(exposed) }] : []),
            ...(waiting > 0 ? [{ value: 'waiting' as const, label: w.filterWaiting(waiting) }] : []),
          ]}
          onChange={(next) => (look.value = next)}
        />
      )}
      <search>
        <Field label={coreWords.common.search} type="search" value={query.value} onInput={(value) => (query.value = value)} />
      </search>
      <p class="faint" role="status">
        {found.length === 0 ? w.none(query.value) : w.count(found.length)}
      </p>
      <PagedList
        key={`${look.value} ${query.value}`}
        items={found}
        look="rows"
        row={(secret) => (
          <li key={secret.id}>
            <SecretLink secret={secret} current={secret.id === open} />
          </li>
        )}
      />
    </Page>
  );
}

function SecretLink({ secret, current }: { readonly secret: SecretRow; readonly current: boolean }): JSX.Element {
  const { id, path, version, description, exposed } = secret;
  const bare = description === '' && !isWaitedFor(secret) && exposed === undefined;
  return (
    <a class={bare ? 'row single' : 'row'} href={formatRoute({ page: 'secrets', open: id })} aria-current={current || undefined}>
      <span class="row-what mono">
        <Breakable text={path} />
      </span>
      <span class="row-end faint">{w.short(version)}</span>
      {!bare && (
        <span class="row-note faint">
          {exposed && <span class="tag danger">{w.exposed}</span>} {isWaitedFor(secret) && <span class="tag warning">{w.waiting}</span>} {description}
        </span>
      )}
    </a>
  );
}
