// Inviting a person or a further device of one's own: QR code and link, then the code that both sides compare.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { InviteSession, Outcome } from '../app.ts';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { CopyField } from '../ui/copy-field.tsx';
import { Checkbox, Choices, Field } from '../ui/field.tsx';
import { FailureNote } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { CompareCodes } from './compare.tsx';
import { drawQr } from './model.ts';

const w = pageWords.invite;
type Role = 'admin' | 'approver' | 'writer';
const roles: readonly Role[] = ['approver', 'writer', 'admin'];

export function InvitePage(): JSX.Element {
  const { app, go, tell } = useStore();
  const { me } = useOrg();
  const kind = useSignal<'person' | 'device'>(me.roles.includes('admin') ? 'person' : 'device');
  const name = useSignal('');
  const chosen = useSignal<readonly Role[]>(['approver']);
  const session = useSignal<InviteSession | undefined>(undefined);
  const act = useAct();
  // Leaving the page ends the invitation: it works only while both sides are there.
  useEffect(() => () => session.peek()?.cancel(), []);
  const isPerson = kind.value === 'person';
  const make = (event: SubmitEvent): void => {
    event.preventDefault();
    act.run(async () => void (session.value = await app.invite(isPerson ? { memberName: name.value.trim(), roles: chosen.value } : { ownDevice: true })));
  };
  const added = (outcome: Outcome): void => {
    session.value = undefined;
    tell(outcome === 'done' ? pageWords.join.added : coreWords.common.proposed);
    go({ page: 'people' });
  };
  return (
    <Page title={isPerson ? w.person : w.device} back={formatRoute({ page: 'people' })}>
      {session.value ? (
        <Invitation session={session.value} onDone={added} onCancel={() => (session.value = undefined)} />
      ) : (
        <form class="form" onSubmit={make}>
          <Choices
            hiddenLegend
            legend={pageWords.people.title}
            value={kind.value}
            choices={[
              { value: 'person', label: w.person },
              { value: 'device', label: w.device },
            ]}
            onChange={(next) => (kind.value = next)}
          />
          {isPerson && (
            <>
              <Field label={w.name} maxLength={64} value={name.value} onInput={(value) => (name.value = value)} />
              <fieldset class="checks">
                <legend>{w.roles}</legend>
                {roles.map((role) => (
                  <Checkbox
                    key={role}
                    label={w.role[role]}
                    hint={w.roleHint[role]}
                    checked={chosen.value.includes(role)}
                    onChange={(checked) => (chosen.value = checked ? [...chosen.value, role] : chosen.value.filter((other) => other !== role))}
                  />
                ))}
              </fieldset>
            </>
          )}
          <FailureNote failure={act.failure} />
          <Button submit wide look="strong" icon="finger" busy={act.busy} disabled={isPerson && (name.value.trim() === '' || chosen.value.length === 0)}>
            {w.make}
          </Button>
          <p class="faint">{coreWords.common.passkey}</p>
        </form>
      )}
    </Page>
  );
}

function Invitation({
  session,
  onDone,
  onCancel,
}: {
  readonly session: InviteSession;
  readonly onDone: (outcome: Outcome) => void;
  readonly onCancel: () => void;
}): JSX.Element {
  return (
    <CompareCodes session={session} waiting={w.waiting} onDone={onDone} onCancel={onCancel}>
      {session.link !== undefined && (
        <>
          <p>{w.scan}</p>
          <Qr text={session.link} />
          <CopyField label={w.link} text={session.link} />
          <p class="faint">{w.linkText}</p>
        </>
      )}
    </CompareCodes>
  );
}

function Qr({ text }: { readonly text: string }): JSX.Element {
  const { size, path } = drawQr(text);
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={w.qr} shape-rendering="crispEdges">
      <path d={path} />
    </svg>
  );
}
