// Where one can go: a bar at the bottom of a phone, a column beside the page on a desktop. One list for both.
import type { JSX } from 'preact';
import { Icon, type IconName } from '../ui/icons.tsx';
import { coreWords } from '../ui/words-core.ts';
import { badgeOf } from './model.ts';
import { type PageName, formatRoute, pages } from './routes.ts';
import { useOrg, useStore } from './store.ts';

const icons: Readonly<Record<PageName, IconName>> = {
  inbox: 'inbox',
  secrets: 'key',
  leases: 'lease',
  machines: 'machine',
  people: 'people',
  history: 'history',
};

export function Navigation(): JSX.Element {
  const { route, now } = useStore();
  const org = useOrg();
  return (
    <nav class="nav" aria-label={coreWords.nav.label}>
      <ul>
        {pages.map((page) => {
          const badge = badgeOf(page, org, now.value);
          return (
            <li key={page}>
              <a href={formatRoute({ page })} aria-current={route.value.page === page ? 'page' : undefined}>
                <Icon name={icons[page]} size={22} />
                <span>{coreWords.nav[page]}</span>
                {badge !== undefined && <span class={page === 'inbox' || page === 'machines' ? 'badge loud' : 'badge'}>{badge}</span>}
              </a>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
