// The new device's side of an invitation: opened by a link, decided by two people who compare a code.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { InviteSession, Outcome } from '../app.ts';
import { formatRoute } from '../shell/routes.ts';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { Mark } from '../ui/mark.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { CompareCodes } from './compare.tsx';
import { deviceName } from './model.ts';
import { Unsupported } from './unsupported.tsx';
import { SupportLine, useSupport } from './view.tsx';

const w = pageWords.join;

export function JoinPage(): JSX.Element {
  const { app, go, tell, world, phase } = useStore();
  const link = useRef(world.window.location.href);
  const isWhole = link.current.includes('#invite=');
  const { support, check } = useSupport();
  const device = useSignal(deviceName(world.window.navigator.userAgent));
  const session = useSignal<InviteSession | undefined>(undefined);
  const cancelled = useSignal(false);
  const act = useAct();
  // The link holds a secret: it leaves the address and the history of this browser at once.
  useEffect(() => world.window.history.replaceState(null, '', '#/join'), []);
  if (phase.value.kind === 'ready' && !session.value) return <AlreadyIn />;
  if (typeof support === 'object') return <Unsupported failure={support} onRetry={check} />;
  const start = (event: SubmitEvent): void => {
    event.preventDefault();
    cancelled.value = false;
    act.run(async () => void (session.value = await app.joinByInvite(link.current, device.value.trim())));
  };
  const added = (outcome: Outcome): void => {
    tell(outcome === 'done' ? w.added : coreWords.common.proposed);
    go({ page: 'inbox' });
  };
  return (
    <main class="solo" id="main">
      <Mark />
      <h1>{w.title}</h1>
      {session.value ? (
        <CompareCodes session={session.value} waiting={w.connecting} onDone={added} onCancel={() => ((session.value = undefined), (cancelled.value = true))} />
      ) : (
        <>
          <p class="lead">{w.lead}</p>
          {isWhole ? <SupportLine support={support} /> : <Note tone="warning" title={w.linkBad} role="status" />}
          {cancelled.value && <Note tone="info" title={w.refused} role="status" />}
          <form class="form" onSubmit={start}>
            <Field label={w.own} maxLength={64} value={device.value} onInput={(value) => (device.value = value)} />
            <FailureNote failure={act.failure} />
            <Button submit wide look="strong" busy={act.busy} disabled={!isWhole || support !== 'supported' || device.value.trim() === ''}>
              {w.start}
            </Button>
          </form>
        </>
      )}
    </main>
  );
}

function AlreadyIn(): JSX.Element {
  return (
    <main class="solo" id="main">
      <Mark />
      <h1>{w.already}</h1>
      <p class="lead">{w.alreadyText}</p>
      <LinkButton href={formatRoute({ page: 'inbox' })}>{coreWords.review.toInbox}</LinkButton>
    </main>
  );
}
