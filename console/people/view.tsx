// People and their devices, the rules that they signed, and the organisation itself.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { MemberRow } from '../app.ts';
import { InvitePage } from '../enrol/invite.tsx';
import { FreezeButton } from '../shell/freeze.tsx';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Confirm, Dialog } from '../ui/dialog.tsx';
import { Icon } from '../ui/icons.tsx';
import { Facts, Page, Section } from '../ui/page.tsx';
import { NamedList } from '../ui/paged-list.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { RuleForm } from './rule-form.tsx';

const w = pageWords.people;
const roleNames: Readonly<Record<string, string>> = w.roles;

export function PeoplePage(): JSX.Element {
  const { route } = useStore();
  const org = useOrg();
  if (route.value.form === 'invite') return <InvitePage />;
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
  const isAdmin = useOrg().me.roles.includes('admin');
  // Held here and not beside the device, which leaves the list while the dialog is still open.
  const revoking = useSignal<DeviceRow | undefined>(undefined);
  return (
    <li class="card member">
      <span class="avatar" aria-hidden="true">
        {Array.from(member.name)[0]?.toUpperCase()}
      </span>
      <div class="card-main">
        <p>
          <strong>
            <bdi>{member.name}</bdi>
          </strong>{' '}
          {member.me && <span class="tag">{coreWords.common.you}</span>}
        </p>
        <p class="faint">{member.roles.map((role) => roleNames[role] ?? role).join(', ')}</p>
        <ul class="plain devices" aria-label={w.devices}>
          {member.devices.map((device) => (
            <li key={device.id}>
              <Icon name="finger" size={18} /> <bdi>{device.name}</bdi>
              {device.me && <span class="tag good">{w.thisDevice}</span>}
              {device.synced && <span class="tag">{w.synced}</span>}
              {isAdmin && !device.me && (
                <Button look="quiet" label={`${w.revoke}: ${device.name}`} onClick={() => (revoking.value = device)}>
                  {w.revoke}
                </Button>
              )}
            </li>
          ))}
        </ul>
      </div>
      {revoking.value && <RevokeDevice device={revoking.value} onClose={() => (revoking.value = undefined)} />}
    </li>
  );
}

type DeviceRow = MemberRow['devices'][number];

function RevokeDevice({ device, onClose }: { readonly device: DeviceRow; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const act = useAct();
  const revoke = (): void =>
    act.run(
      () => app.revokeDevice(device.id),
      () => {
        onClose();
        tell(w.revoked(device.name));
      },
    );
  return <Confirm title={w.revokeTitle(device.name)} text={w.revokeText} confirm={w.revoke} act={act} onConfirm={revoke} onClose={onClose} />;
}

function Rules(): JSX.Element {
  const { policies, me } = useOrg();
  const editing = useSignal<string | undefined>(undefined);
  const isAdmin = me.roles.includes('admin');
  const add = (
    <Button icon="plus" onClick={() => (editing.value = '')}>
      {w.addRule}
    </Button>
  );
  return (
    <Section title={w.rules} action={isAdmin && add}>
      <p class="faint">{policies.length === 0 ? w.noRules : w.rulesText}</p>
      <ul class="rows">
        {policies.map(({ pattern, words: inWords }) => (
          <li key={pattern} class="row rule">
            <span class="row-what mono">{pattern}</span>
            <span class="row-note">{inWords}</span>
            {isAdmin && (
              <span class="row-end">
                <Button look="quiet" label={`${w.editRule}: ${pattern}`} onClick={() => (editing.value = pattern)}>
                  {w.editRule}
                </Button>
              </span>
            )}
          </li>
        ))}
      </ul>
      {editing.value !== undefined && (
        <Dialog title={editing.value === '' ? w.addRule : `${w.editRule}: ${editing.value}`} onClose={() => (editing.value = undefined)}>
          <RuleForm pattern={editing.value} onClose={() => (editing.value = undefined)} />
        </Dialog>
      )}
    </Section>
  );
}
