// One person: roles, devices with what is known of their passkeys, and the way out.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Role } from '../../protocol/org-log/bodies.ts';
import type { MemberRow } from '../app.ts';
import type { DeviceRow } from '../app-people.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Checkbox } from '../ui/field.tsx';
import { EmptyState, FailureNote } from '../ui/note.tsx';
import { Facts, Page, Section } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { peopleWords } from '../ui/words-people.ts';
import { rolesText } from './model.ts';
import { RemoveMember, RevokeDevice } from './remove.tsx';

const w = peopleWords.member;
const words = pageWords.people;
const allRoles: readonly Role[] = ['approver', 'writer', 'admin'];

export function MemberPage({ id }: { readonly id: string }): JSX.Element {
  const { members, groups, me } = useOrg();
  const removing = useSignal(false);
  // Held here and not beside the device, which leaves the list while the dialog is still open.
  const revoking = useSignal<DeviceRow | undefined>(undefined);
  const back = formatRoute({ page: 'people' });
  const member = members.find((row) => row.id === id);
  const isAdmin = me.roles.includes('admin');
  if (!member)
    return (
      <Page title={words.title} back={back}>
        <EmptyState icon="people" title={coreWords.common.notHere.what}>
          <p>{w.gone}</p>
        </EmptyState>
      </Page>
    );
  const inGroups = groups.filter((group) => group.members.includes(member.id)).map(({ name }) => name);
  return (
    <Page title={member.name} back={back}>
      {isAdmin ? <Roles key={member.roles.join()} member={member} /> : <p class="lead">{rolesText(member.roles)}</p>}
      {inGroups.length > 0 && <Facts rows={[[w.groups, inGroups.join(', ')]]} />}
      <Section title={w.devices} action={member.me && <LinkButton href={formatRoute({ page: 'people', form: 'invite' })}>{w.addDevice}</LinkButton>}>
        {member.devices.length === 0 && <p class="faint">{w.noDevice}</p>}
        <ul class="cards">
          {member.devices.map((device) => (
            <Device key={device.id} device={device} onRevoke={(isAdmin || member.me) && !device.me ? () => (revoking.value = device) : undefined} />
          ))}
        </ul>
      </Section>
      {isAdmin && !member.me && (
        <div class="actions">
          <Button look="deny" onClick={() => (removing.value = true)}>
            {w.remove}
          </Button>
        </div>
      )}
      {revoking.value && <RevokeDevice device={revoking.value} onClose={() => (revoking.value = undefined)} />}
      {removing.value && <RemoveMember member={member} onClose={() => (removing.value = false)} />}
    </Page>
  );
}

function Roles({ member }: { readonly member: MemberRow }): JSX.Element {
  const { app, tell } = useStore();
  const { members } = useOrg();
  const chosen = useSignal<readonly string[]>(member.roles);
  const act = useAct();
  const isChanged = allRoles.some((role) => chosen.value.includes(role) !== member.roles.includes(role));
  // Said before the gesture: the log would refuse it.
  const isLastAdmin =
    member.roles.includes('admin') &&
    !chosen.value.includes('admin') &&
    !members.some(({ id, roles, devices }) => id !== member.id && roles.includes('admin') && devices.length > 0);
  const save = (): void =>
    act.run(
      () =>
        app.setRoles(
          member.id,
          allRoles.filter((role) => chosen.value.includes(role)),
        ),
      (outcome) => tell(outcome === 'done' ? w.rolesSaved(member.name) : coreWords.common.proposed),
    );
  return (
    <div class="form">
      <fieldset class="checks">
        <legend>{w.rolesTitle}</legend>
        {allRoles.map((role) => (
          <Checkbox
            key={role}
            label={pageWords.invite.role[role]}
            hint={pageWords.invite.roleHint[role]}
            checked={chosen.value.includes(role)}
            onChange={(checked) => (chosen.value = checked ? [...chosen.value, role] : chosen.value.filter((other) => other !== role))}
          />
        ))}
      </fieldset>
      {isLastAdmin && (
        <p class="field-error" role="alert">
          {w.lastAdmin}
        </p>
      )}
      <FailureNote failure={act.failure} />
      {isChanged && (
        <div class="actions">
          <Button look="strong" icon="finger" busy={act.busy} disabled={isLastAdmin} onClick={save}>
            {w.saveRoles}
          </Button>
        </div>
      )}
    </div>
  );
}

function Device({ device, onRevoke }: { readonly device: DeviceRow; readonly onRevoke: (() => void) | undefined }): JSX.Element {
  const { calendar, now } = useStore();
  const { name, me, synced, backedUp, aaguid, model, since, seenAt } = device;
  return (
    <li class="card device">
      <div class="card-main">
        <p>
          <strong>
            <bdi>{name}</bdi>
          </strong>{' '}
          {me && <span class="tag good">{words.thisDevice}</span>}
        </p>
        <Facts
          rows={[
            [w.facts.passkey, synced ? (backedUp ? w.synced : w.syncable) : w.bound],
            [w.facts.model, model ?? (aaguid === undefined ? <span class="faint">{w.noModel}</span> : <code>{aaguid}</code>)],
            // Older than the entries at hand, or not heard since this page was opened: nothing is said.
            ...(since === undefined ? [] : ([[w.facts.since, calendar.date(since)]] as const)),
            ...(me || seenAt === undefined ? [] : ([[w.facts.seen, calendar.moment(seenAt, now.value)]] as const)),
          ]}
        />
      </div>
      {onRevoke && (
        <Button look="quiet" label={`${words.revoke}: ${name}`} onClick={onRevoke}>
          {words.revoke}
        </Button>
      )}
    </li>
  );
}
