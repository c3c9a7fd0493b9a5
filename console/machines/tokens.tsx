// Machine tokens of the last day: open, used, or ended unused. They work once and end by themselves.
import type { JSX } from 'preact';
import type { TokenRow } from '../app-people.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { Section } from '../ui/page.tsx';
import { peopleWords } from '../ui/words-people.ts';

const t = peopleWords.tokens;

export function Tokens(): JSX.Element | null {
  const { tokens } = useOrg();
  if (tokens.length === 0) return null;
  return (
    <Section title={t.list}>
      <p class="faint">{t.listText}</p>
      <ul class="rows">
        {tokens.map((token) => (
          <Token key={token.id} token={token} />
        ))}
      </ul>
    </Section>
  );
}

function Token({ token }: { readonly token: TokenRow }): JSX.Element {
  const { calendar, now } = useStore();
  const { groups } = useOrg();
  const { expiresAt, autoAdmit, usedBy } = token;
  const isOpen = usedBy === undefined && expiresAt > now.value;
  const into = groups.filter(({ id }) => token.groups.includes(id)).map(({ name }) => name);
  return (
    <li class={isOpen ? 'row single' : 'row single over'}>
      <span class="row-what">
        <bdi>{usedBy === undefined ? (isOpen ? t.open(calendar.moment(expiresAt, now.value)) : t.over) : t.usedBy(usedBy)}</bdi>
      </span>
      {autoAdmit && (
        <span class="row-end">
          <span class={isOpen ? 'tag warning' : 'tag'}>{t.auto(into.join(', '))}</span>
        </span>
      )}
    </li>
  );
}
