// The decision: for how long, which number, Deny and Approve of equal size, user verification last. Never below a fold.
import { useSignal } from '@preact/signals';
import type { JSX, RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import type { AppFailure, ApproveStep, ReviewCard } from '../app.ts';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Checkbox, Choices } from '../ui/field.tsx';
import { Icon } from '../ui/icons.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { coreWords } from '../ui/words-core.ts';
import type { Seen } from './seen.ts';
import { leaseHolder, leaseLabels, leaseSentence, matchChoices } from './model.ts';
import { Progress } from '../ui/progress.tsx';

const armMs = 400;
const steps: readonly ApproveStep[] = ['verifying-user', 'sealing', 'sent', 'released'];

export interface DecisionProps {
  readonly card: ReviewCard;
  readonly seen: Seen;
  readonly denyRef: RefObject<HTMLButtonElement | null>;
}

export function DecisionBar({ card, seen, denyRef }: DecisionProps): JSX.Element {
  const { app, speak } = useStore();
  const { frozen } = useOrg();
  const [approving, denying] = [useAct(), useAct()];
  const step = useSignal<ApproveStep | undefined>(undefined);
  const choice = useSignal(0);
  const picked = useSignal<string | undefined>(undefined);
  const mute = useSignal(false);
  const armed = useArmed();
  const w = coreWords.review;
  const terms = card.leaseChoices[choice.value]?.terms;

  if (approving.busy && step.value) return <Progress label={w.approving} steps={steps} names={w.steps} current={step.value} />;

  const approve = (): void => {
    if (!seen.all) return (speak(w.unread), seen.readOn());
    if (!terms) return;
    step.value = 'verifying-user';
    approving.run(() => app.approve(card.requestId, terms, picked.value, (next) => (step.value = next)));
  };
  const wrongNumber = approving.failure?.code === 'E_MATCH';
  // Frozen, taking away and going on can still be signed.
  const held = frozen && card.kind !== 'changes';
  const blocked = held || wrongNumber || terms === undefined || (card.matchRequired && picked.value === undefined);
  return (
    <>
      {!seen.all && (
        <button type="button" class="read-on" onClick={seen.readOn}>
          <Icon name="down" size={18} />
          {w.readOn}
        </button>
      )}
      <Failures approving={approving.failure} denying={denying.failure} wrongNumber={wrongNumber} frozen={held} />
      <LeaseChoice card={card} choice={choice.value} onChange={(index) => (choice.value = index)} />
      {card.matchRequired && !wrongNumber && <NumberChoice card={card} picked={picked.value} onPick={(number) => (picked.value = number)} />}
      <div class="pair">
        <Button
          buttonRef={denyRef}
          look="deny"
          icon="cross"
          busy={denying.busy}
          arming={!armed}
          onClick={() => denying.run(() => app.deny(card.requestId, mute.value))}
        >
          {w.deny}
        </Button>
        <Button look="approve" icon="finger" busy={approving.busy} arming={!armed} disabled={blocked} onClick={approve}>
          {card.kind === 'changes' ? w.sign : w.approve}
        </Button>
      </div>
      <Checkbox label={w.mute(card.machine.name)} checked={mute.value} onChange={(checked) => (mute.value = checked)} />
    </>
  );
}

/** A card that has just appeared under a finger takes no tap that was meant for what was there before. */
function useArmed(): boolean {
  const { world } = useStore();
  const armed = useSignal(false);
  useEffect(() => {
    const timer = world.window.setTimeout(() => (armed.value = true), armMs);
    return () => world.window.clearTimeout(timer);
  }, []);
  return armed.value;
}

function LeaseChoice({
  card,
  choice,
  onChange,
}: {
  readonly card: ReviewCard;
  readonly choice: number;
  readonly onChange: (index: number) => void;
}): JSX.Element | null {
  const chosen = card.leaseChoices[choice];
  if (card.kind === 'put' || card.kind === 'changes' || !chosen) return null;
  const sentence = leaseSentence(chosen.terms, leaseHolder(card.observed));
  return (
    <div class="how-long">
      {card.leaseChoices.length > 1 && (
        <Choices
          hiddenLegend
          legend={coreWords.review.howLong}
          value={choice}
          choices={leaseLabels(card.leaseChoices).map((label, value) => ({ value, label }))}
          onChange={onChange}
        />
      )}
      {(card.leaseChoices.length === 1 || choice > 0) && (
        <p class="faint" role="status">
          {sentence}
        </p>
      )}
    </div>
  );
}

function NumberChoice({
  card,
  picked,
  onPick,
}: {
  readonly card: ReviewCard;
  readonly picked: string | undefined;
  readonly onPick: (number: string) => void;
}): JSX.Element {
  return (
    <div class="numbers">
      <Choices
        legend={coreWords.review.pick}
        value={picked}
        choices={matchChoices(card.matchCode, card.rh).map((value) => ({ value, label: value }))}
        onChange={onPick}
      />
    </div>
  );
}

function Failures({
  approving,
  denying,
  wrongNumber,
  frozen,
}: {
  readonly approving: AppFailure | undefined;
  readonly denying: AppFailure | undefined;
  readonly wrongNumber: boolean;
  readonly frozen: boolean;
}): JSX.Element {
  return (
    <>
      {frozen && <Note tone="danger" icon="snow" title={coreWords.shell.frozen} />}
      {wrongNumber ? <Note tone="danger" icon="warning" title={coreWords.review.wrongCode} role="alert" /> : <FailureNote failure={approving} />}
      <FailureNote failure={denying} />
    </>
  );
}
