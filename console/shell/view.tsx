// The frame around every page: brand, navigation, state of the connection, what is frozen, what is read out.
import { useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import type { AppFailure } from '../app.ts';
import { InboxPage } from '../inbox/view.tsx';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { Mark } from '../ui/mark.tsx';
import { FailureNote } from '../ui/note.tsx';
import { coreWords } from '../ui/words-core.ts';
import { FreezeDialog } from './freeze.tsx';
import { Halted } from './halted.tsx';
import { type Heard, documentTitle, newsOf, nothingHeard, waitingCards } from './model.ts';
import { Late } from './late.tsx';
import type { LatePage } from './late-pages.ts';
import { Navigation } from './nav.tsx';
import { RecoveringBanner } from './recovering.tsx';
import type { Route } from './routes.ts';
import { useOrg, useStore } from './store.ts';

export function Shell(): JSX.Element {
  const { phase, route, org } = useStore();
  switch (phase.value.kind) {
    case 'loading':
      return <Opening failure={phase.value.failure} verified={phase.value.verified} />;
    case 'welcome':
      return <Late page={welcomeTo[route.value.page] ?? 'welcome'} />;
    case 'recovering':
      return <Late page="recover" />;
    case 'waiting':
      return <Late page={route.value.page === 'join' ? 'join' : 'waiting'} />;
    case 'halted':
      return <Halted {...phase.value} />;
    case 'ready':
      if (route.value.page === 'join') return <Late page="join" />;
      return org.value ? <Frame /> : <Opening />;
  }
}

/** What a browser without a device shows at an address. */
const welcomeTo: Partial<Record<Route['page'], LatePage>> = { join: 'join', recovery: 'recover' };

export function Opening({
  failure,
  verified,
}: {
  readonly failure?: AppFailure | undefined;
  readonly verified?: { readonly done: number; readonly of: number } | undefined;
}): JSX.Element {
  return (
    <main class="opening" aria-busy="true">
      <Mark />
      <h1 class="sr-only">{coreWords.product}</h1>
      <p role="status">{coreWords.common.loading}</p>
      {verified && (
        <p class="faint">
          <progress value={verified.done} max={verified.of} aria-label={coreWords.common.verifying} /> {coreWords.common.verified(verified.done, verified.of)}
        </p>
      )}
      <FailureNote failure={failure} />
    </main>
  );
}

function Frame(): JSX.Element {
  const { route } = useStore();
  const { page, open } = route.value;
  return (
    <div class={open === undefined ? 'shell' : 'shell immersed'}>
      <Brand />
      <Navigation />
      <main id="main" tabIndex={-1}>
        <FrozenBanner />
        <RecoveringBanner />
        {page === 'inbox' || page === 'join' ? <InboxPage /> : <Late key={page} page={page} />}
      </main>
      <News />
    </div>
  );
}

function Brand(): JSX.Element {
  const { name, online } = useOrg();
  const skip = (): void => document.getElementById('main')?.focus();
  return (
    <header class="brand">
      <button type="button" class="skip" onClick={skip}>
        {coreWords.shell.skip}
      </button>
      <Mark />
      <p class="brand-name">
        {coreWords.product}
        <bdi>{name}</bdi>
      </p>
      <p class={online ? 'connection' : 'connection away'} role="status">
        {online ? <span class="dot" aria-hidden="true" /> : <Icon name="offline" size={18} />}
        <span>{online ? coreWords.shell.online : coreWords.shell.offline}</span>
      </p>
    </header>
  );
}

function FrozenBanner(): JSX.Element | null {
  const org = useOrg();
  const asking = useSignal(false);
  if (!org.frozen) return null;
  return (
    <div class="banner" role="alert">
      <Icon name="snow" size={22} />
      <p>
        <strong>{coreWords.shell.frozen}</strong> {coreWords.shell.frozenText}
      </p>
      {org.me.roles.includes('admin') && <Button onClick={() => (asking.value = true)}>{coreWords.shell.unfreeze}</Button>}
      {asking.value && <FreezeDialog frozen onClose={() => (asking.value = false)} />}
    </div>
  );
}

/** Title, badge of the app, and what a screen reader hears when requests come and are about to end. */
function News(): JSX.Element {
  const { org, now, route, spoken, toast, world } = useStore();
  const heard = useSignal<Heard>(nothingHeard);
  const arrived = useSignal('');
  const ending = useSignal('');
  useSignalEffect(() => {
    const waiting = org.value ? waitingCards(org.value, now.value) : [];
    const title = documentTitle(route.value, waiting.length);
    if (world.window.document.title !== title) {
      world.window.document.title = title;
      setBadge(world.window.navigator, waiting.length);
    }
    const news = newsOf(heard.peek(), waiting, now.value);
    if (news.heard.arrived !== heard.peek().arrived) arrived.value = news.arrived;
    if (news.heard.ending !== heard.peek().ending) ending.value = news.ending;
    heard.value = news.heard;
  });
  return (
    <>
      <div class="toasts" role="status">
        {toast.value && (
          <p key={toast.value.id} class="toast">
            <Icon name="check" />
            {toast.value.text}
          </p>
        )}
      </div>
      <p class="sr-only" role="status">
        {arrived.value}
      </p>
      <p class="sr-only" role="status">
        {spoken.value}
      </p>
      <p class="sr-only" role="alert">
        {ending.value}
      </p>
    </>
  );
}

// The icon's badge is a comfort that few systems have: its failure is nobody's concern.
function setBadge(navigator: Navigator, count: number): void {
  if ('setAppBadge' in navigator) navigator.setAppBadge(count).catch(() => undefined);
}
