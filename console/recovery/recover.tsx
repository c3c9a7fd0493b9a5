// Coming back by the kit on a browser that has no device: org and relay from the sheet, the words, who one is, then the wait (spec/18-recovery.md §use).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { MemberId } from '../../protocol/hash.ts';
import { deviceName } from '../enrol/model.ts';
import { Unsupported } from '../enrol/unsupported.tsx';
import { SupportLine, useSupport } from '../enrol/view.tsx';
import { formatRoute } from '../shell/routes.ts';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button, LinkButton } from '../ui/button.tsx';
import { Choices, Field } from '../ui/field.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { Progress } from '../ui/progress.tsx';
import { duration } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { recoveryWords } from '../ui/words-recovery.ts';
import type { OpenedKit, UseStep } from './contract.ts';
import { inFours } from './model.ts';
import { Solo } from './solo.tsx';
import { TypeSheets, forget, isEnough, useSheets } from './type-sheets.tsx';
import { Waiting } from './waiting.tsx';

const w = recoveryWords.kitUse;

export function RecoverPage(): JSX.Element {
  const { phase } = useStore();
  const { support, check } = useSupport();
  const kit = useSignal<OpenedKit | undefined>(undefined);
  if (phase.value.kind === 'recovering') return <Waiting waiting={phase.value.waiting} />;
  if (typeof support === 'object') return <Unsupported failure={support} onRetry={check} />;
  if (kit.value) return <Announce kit={kit.value} onDone={() => void (kit.value = undefined)} />;
  return (
    <Solo title={w.title}>
      <p class="lead">{w.lead}</p>
      <SupportLine support={support} />
      <Open onOpened={(opened) => void (kit.value = opened)} />
      <LinkButton look="quiet" href={formatRoute({ page: 'inbox' })}>
        {coreWords.common.cancel}
      </LinkButton>
    </Solo>
  );
}

function Open({ onOpened }: { readonly onOpened: (kit: OpenedKit) => void }): JSX.Element {
  const { app, route } = useStore();
  const org = useSignal(inFours(route.value.open ?? ''));
  const relay = useSignal(route.value.relay ?? '');
  const shares = useSheets();
  const act = useAct();
  const open = (event: SubmitEvent): void => {
    event.preventDefault();
    act.run(
      async () => (await app.recovery()).open({ org: org.value, relay: relay.value, shares: shares.value }),
      (kit) => {
        forget(shares);
        onOpened(kit);
      },
    );
  };
  return (
    <form class="form" onSubmit={open} autocomplete="off">
      <Field label={w.org} hint={w.orgHint} mono maxLength={96} value={org.value} onInput={(text) => void (org.value = text)} />
      <Field label={w.relay} hint={w.relayHint} mono maxLength={253} value={relay.value} onInput={(text) => void (relay.value = text)} />
      <TypeSheets shares={shares} />
      <FailureNote failure={act.failure} />
      {act.busy && (
        <p class="faint" role="status">
          {w.opening}
        </p>
      )}
      <Button submit wide look="strong" disabled={!isEnough(shares.value) || org.value.trim() === '' || relay.value.trim() === ''} busy={act.busy}>
        {w.open}
      </Button>
    </form>
  );
}

const nobody = 'new';
function Announce({ kit, onDone }: { readonly kit: OpenedKit; readonly onDone: () => void }): JSX.Element {
  const { go, world } = useStore();
  const who = useSignal<string>(kit.members[0]?.id ?? nobody);
  const name = useSignal('');
  const device = useSignal(deviceName(world.window.navigator.userAgent));
  const reason = useSignal('');
  const step = useSignal<UseStep>('registering');
  const act = useAct();
  const isNew = who.value === nobody;
  const isReady = device.value.trim() !== '' && reason.value.trim() !== '' && (!isNew || name.value.trim() !== '') && !kit.frozen;
  const announce = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!isReady) return;
    const person = isNew ? { name: name.value.trim() } : (who.value as MemberId); // one of the ids in the list
    act.run(
      () => kit.announce({ who: person, deviceName: device.value.trim(), reason: reason.value.trim() }, (next) => void (step.value = next)),
      (outcome) => {
        onDone();
        if (outcome === 'in') go({ page: 'recovery', open: 'walk' });
      },
    );
  };
  if (act.busy)
    return (
      <Solo title={w.opened(kit.org.name)}>
        <p class="lead">{w.three}</p>
        <Progress label={w.announce} steps={kit.delayMs > 0 ? waitingSteps : steps} names={w.steps} current={step.value} />
      </Solo>
    );
  return (
    <Solo title={w.opened(kit.org.name)}>
      <p class="lead">{w.openedText}</p>
      {kit.frozen && <Note tone="danger" icon="snow" title={w.frozen} role="alert" />}
      {kit.recovering && <Note tone="warning" title={w.replaces(kit.recovering.name)} />}
      <form class="form" onSubmit={announce}>
        <Choices
          legend={w.who}
          value={who.value}
          choices={[
            ...kit.members.map(({ id, name: member, devices }) => ({ value: id as string, label: member, hint: w.memberHint(devices) })), // a choice is any string
            { value: nobody, label: w.new, hint: w.newHint },
          ]}
          onChange={(value) => void (who.value = value)}
        />
        {isNew && <Field label={w.name} maxLength={64} value={name.value} onInput={(text) => void (name.value = text)} />}
        <Field label={w.device} maxLength={64} value={device.value} onInput={(text) => void (device.value = text)} />
        <Field label={w.reason} hint={w.reasonHint} maxLength={120} value={reason.value} onInput={(text) => void (reason.value = text)} />
        <Note tone="info" title={kit.delayMs > 0 ? w.waits(duration(kit.delayMs / 1_000)) : w.atOnce}>
          <p>
            {w.loud} {w.roles}
          </p>
        </Note>
        <FailureNote failure={act.failure} />
        <Button submit wide look="strong" icon="finger" disabled={!isReady}>
          {w.announce}
        </Button>
        <p class="faint">{w.three}</p>
      </form>
    </Solo>
  );
}

const steps: readonly UseStep[] = ['registering', 'passkey-created', 'passkey-verified', 'in'];
const waitingSteps: readonly UseStep[] = ['registering', 'passkey-created', 'passkey-verified', 'announced'];
