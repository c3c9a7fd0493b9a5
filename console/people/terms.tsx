// How the organisation is run: admins who must agree, addresses, which passkeys new devices may have.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Checkbox, Field, TextArea } from '../ui/field.tsx';
import { FailureNote } from '../ui/note.tsx';
import { Facts, Page, Section } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { peopleWords } from '../ui/words-people.ts';
import { Metadata, useModels } from './metadata.tsx';
import { parseAaguids, readAaguids } from './model.ts';

const w = peopleWords.terms;

export function TermsPage(): JSX.Element {
  const { terms, me } = useOrg();
  const { needed, tAdmin, origins, rpIds } = terms;
  const list = (texts: readonly string[]): JSX.Element => <span class="mono">{texts.join(', ')}</span>;
  return (
    <Page title={w.title} back={formatRoute({ page: 'people' })}>
      <p class="lead">{w.lead}</p>
      <Facts
        rows={[
          [w.admins, w.now(needed, tAdmin)],
          [w.addresses, list(origins)],
          [w.rpIds, list(rpIds)],
        ]}
      />
      {me.roles.includes('admin') && <TermsForm key={JSON.stringify(terms, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value))} />}
    </Page>
  );
}

function TermsForm(): JSX.Element {
  const { app, tell } = useStore();
  const { terms, members } = useOrg();
  const { tAdmin, authenticators: before } = terms;
  const admins = members.filter(({ roles, devices }) => roles.includes('admin') && devices.length > 0).length;
  const count = useSignal(String(tAdmin));
  const bound = useSignal(before.deviceBoundOnly);
  const attested = useSignal(before.attested);
  const listed = useSignal(readAaguids(before.aaguids));
  const models = useModels();
  const act = useAct();
  const aaguids = parseAaguids(listed.value);
  const isCount = count.value === String(tAdmin) || (/^[1-9]\d?$/.test(count.value) && Number(count.value) <= admins);
  const lacksMetadata = attested.value && !before.attested && models.known.length === 0;
  const save = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!isCount || !aaguids || lacksMetadata) return;
    act.run(
      () => app.setTerms({ tAdmin: Number(count.value), authenticators: { deviceBoundOnly: bound.value, attested: attested.value, aaguids } }),
      (outcome) => tell(outcome === 'done' ? w.saved : coreWords.common.proposed),
    );
  };
  return (
    <>
      <form class="form" onSubmit={save} noValidate>
        <Field
          label={w.admins}
          type="number"
          min={1}
          max={admins}
          hint={w.adminsHint(admins)}
          error={isCount ? undefined : w.adminsBad}
          value={count.value}
          onInput={(value) => (count.value = value)}
        />
        <fieldset class="checks">
          <legend>{w.authenticators}</legend>
          <Checkbox label={w.bound} hint={w.boundHint} checked={bound.value} onChange={(checked) => (bound.value = checked)} />
          <Checkbox label={w.attested} hint={w.attestedHint} checked={attested.value} onChange={(checked) => (attested.value = checked)} />
        </fieldset>
        <TextArea
          label={w.models}
          hint={w.modelsHint}
          error={aaguids ? undefined : w.modelsBad}
          value={listed.value}
          onInput={(value) => (listed.value = value)}
        />
        <p class="faint">{w.authenticatorsText}</p>
        {lacksMetadata && (
          <p class="field-error" role="alert">
            {w.needsMetadata}
          </p>
        )}
        <FailureNote failure={act.failure} />
        <Button submit look="strong" icon="finger" busy={act.busy} disabled={!isCount || !aaguids || lacksMetadata}>
          {w.save}
        </Button>
      </form>
      <Section title={w.metadata}>
        <Metadata models={models} onAllow={(aaguid) => (listed.value = `${listed.value}\n${aaguid}`.trim())} />
      </Section>
    </>
  );
}
