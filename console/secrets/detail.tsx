// One secret: versions, rule, who may ask, what still waits for a key. There is no way to see its value here.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { SecretRow } from '../app.ts';
import { AccessPanel } from '../rules/access.tsx';
import { formatRoute } from '../shell/routes.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { CopyField } from '../ui/copy-field.tsx';
import { Moment } from '../ui/countdown.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Note } from '../ui/note.tsx';
import { Facts, Page } from '../ui/page.tsx';
import { listNames } from '../ui/time.ts';
import { pageWords } from '../ui/words-pages.ts';
import { ShareOffer } from './share.tsx';

const w = pageWords.secrets;

export function SecretDetail({ secret }: { readonly secret: SecretRow }): JSX.Element {
  const { me } = useOrg();
  const writer = me.roles.some((role) => role === 'writer' || role === 'admin');
  return (
    <Page title={secret.path} back={formatRoute({ page: 'secrets' })}>
      {secret.description !== '' && <p class="lead">{secret.description}</p>}
      {secret.exposed && <Exposed secret={secret} exposed={secret.exposed} />}
      <ShareOffer secrets={[secret]} one />
      {secret.waiting.length > secret.sharable.length && (
        <Note tone="warning" title={w.waiting}>
          <p>
            {listNames(secret.waiting.filter((name) => !secret.sharable.includes(name)))}. {w.waitingText}
          </p>
        </Note>
      )}
      {secret.needVersion.length > 0 && (
        <Note tone="warning" title={w.needVersion}>
          <p>
            {listNames(secret.needVersion)}. {w.needVersionText}
          </p>
        </Note>
      )}
      <Facts
        rows={[
          [w.version, secret.version],
          [
            w.stored,
            <>
              <Moment at={secret.updatedAt} /> {w.storedBy(secret.by)}
            </>,
          ],
          ...(secret.fields.length > 0 ? ([[w.fields, <span class="mono">{secret.fields.join(', ')}</span>]] as const) : []),
          [w.rule, secret.policy],
          [w.machines, secret.machines.length > 0 ? listNames(secret.machines) : w.noMachines],
        ]}
      />
      <AccessPanel path={secret.path} />
      <CopyField label={w.use} text={`stillvault get ${secret.path}`} />
      {writer && (
        <div class="actions">
          <LinkButton icon="plus" href={formatRoute({ page: 'secrets', open: secret.id, form: 'put' })}>
            {w.putVersion}
          </LinkButton>
          <Retire secret={secret} />
        </div>
      )}
    </Page>
  );
}

function Exposed({
  secret: { path },
  exposed: { to, weaker },
}: {
  readonly secret: SecretRow;
  readonly exposed: NonNullable<SecretRow['exposed']>;
}): JSX.Element {
  return (
    <Note tone="danger" icon="warning" title={w.exposedTitle}>
      {to.length > 0 && <p>{w.exposedTo(listNames(to))}</p>}
      {weaker && <p>{w.weaker}</p>}
      <p>
        {w.renew}
        <code>stillvault rotate {path}</code>
      </p>
    </Note>
  );
}

function Retire({ secret }: { readonly secret: SecretRow }): JSX.Element {
  const { app, go, tell } = useStore();
  const asking = useSignal(false);
  const act = useAct();
  const retired = (): void => {
    tell(w.retired(secret.path));
    go({ page: 'secrets' });
  };
  return (
    <>
      <Button look="quiet" onClick={() => (asking.value = true)}>
        {w.retire}
      </Button>
      {asking.value && (
        <Confirm
          title={w.retireTitle(secret.path)}
          text={w.retireText}
          confirm={w.retire}
          act={act}
          onConfirm={() => act.run(() => app.retireSecret(secret.id), retired)}
          onClose={() => (asking.value = false)}
        />
      )}
    </>
  );
}
