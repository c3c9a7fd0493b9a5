// People and their devices, the rules that they signed, and the organisation itself.
import type { JSX } from 'preact';
import type { MemberRow } from '../app.ts';
import { InvitePage } from '../enrol/invite.tsx';
import { Rules } from '../rules/view.tsx';
import { FreezeButton } from '../shell/freeze.tsx';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { LinkButton } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { Facts, Page, Section } from '../ui/page.tsx';
import { NamedList } from '../ui/paged-list.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { peopleWords } from '../ui/words-people.ts';
import { GroupsPage } from './groups.tsx';
import { MemberPage } from './member.tsx';
import { rolesText } from './model.ts';
import { TermsPage } from './terms.tsx';

const w = pageWords.people;

export function PeoplePage(): JSX.Element {
  const { route } = useStore();
  const org = useOrg();
  const { form, open } = route.value;
  if (form === 'invite') return <InvitePage />;
  if (open === 'groups') return <GroupsPage />;
  if (open === 'terms') return <TermsPage />;
  if (open !== undefined) return <MemberPage key={open} id={open} />;
  return (
    <Page
      title={w.title}
      action={
        <LinkButton icon="plus" look="strong" href={formatRoute({ page: 'people', form: 'invite' })}>
          {pageWords.invite.person}
        </LinkButton>
      }
    >
      <NamedList items={org.members} look="cards" row={(member) => <Member key={member.id} member={member} />} />
      <div class="actions">
        <LinkButton href={formatRoute({ page: 'people', open: 'groups' })}>{peopleWords.groups.title}</LinkButton>
        <LinkButton href={formatRoute({ page: 'people', open: 'terms' })}>{peopleWords.terms.title}</LinkButton>
      </div>
      <Rules />
      <Section title={w.org} action={<FreezeButton />}>
        <Facts
          rows={[
            [w.org, org.name],
            [w.orgRows.id, <span class="mono">{org.id}</span>],
            [w.orgRows.relay, <span class="mono">{org.relay}</span>],
            [w.orgRows.head, w.entries(org.head + 1)],
          ]}
        />
        <LinkButton icon="proof" href={formatRoute({ page: 'recovery' })}>
          {coreWords.shell.recovery}
        </LinkButton>
      </Section>
    </Page>
  );
}

function Member({ member }: { readonly member: MemberRow }): JSX.Element {
  const { id, name, me, roles, devices } = member;
  return (
    <li class="card member">
      <span class="avatar" aria-hidden="true">
        {Array.from(name)[0]?.toUpperCase()}
      </span>
      <div class="card-main">
        <p>
          <a class="stretched" href={formatRoute({ page: 'people', open: id })}>
            <strong>
              <bdi>{name}</bdi>
            </strong>
          </a>{' '}
          {me && <span class="tag">{coreWords.common.you}</span>}
        </p>
        <p class="faint">{rolesText(roles)}</p>
        <ul class="plain devices" aria-label={w.devices}>
          {devices.map((device) => (
            <li key={device.id}>
              <Icon name="finger" size={18} /> <bdi>{device.name}</bdi>
              {device.me && <span class="tag good">{w.thisDevice}</span>}
              {device.synced && <span class="tag">{w.synced}</span>}
            </li>
          ))}
        </ul>
      </div>
    </li>
  );
}
