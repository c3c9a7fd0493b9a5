// Enrolling a machine: the one beside this page directly, another one by a command that works once.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { CopyField } from '../ui/copy-field.tsx';
import { FailureNote } from '../ui/note.tsx';
import { Section } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';

const w = pageWords.machines;

/** What the daemon beside this page said of itself. */
export interface HereWords {
  readonly machine: string;
  readonly words: string;
}

export function EnrolMachine({ onHere }: { readonly onHere: (said: HereWords | undefined) => void }): JSX.Element {
  const { app, calendar, now } = useStore();
  const token = useSignal<{ readonly command: string; readonly expiresAt: number } | undefined>(undefined);
  const [here, other] = [useAct(), useAct()];
  const canHere = app.canEnrolHere();
  return (
    <Section title={w.enrol}>
      <div class="stack">
        {canHere && (
          <div class="card choice-card">
            <div class="card-main">
              <p>
                <strong>{w.enrolHere}</strong>
              </p>
              <p class="faint">{w.enrolHereText}</p>
              <FailureNote failure={here.failure} />
            </div>
            <Button look="strong" icon="finger" busy={here.busy} onClick={() => here.run(async () => onHere((await app.enrolMachine({ here: true })).here))}>
              {w.enrolHere}
            </Button>
          </div>
        )}
        {token.value ? (
          <div class="card">
            <p>{w.enrolOtherText}</p>
            <CopyField label={coreWords.common.command} text={token.value.command} />
            <p class="faint">{w.expires(calendar.moment(token.value.expiresAt, now.value))}</p>
          </div>
        ) : (
          <div class="actions">
            <Button
              look={canHere ? 'plain' : 'strong'}
              icon="plus"
              busy={other.busy}
              onClick={() => other.run(async () => void (token.value = await app.enrolMachine({ here: false })))}
            >
              {canHere ? w.enrolOther : w.enrol}
            </Button>
            <FailureNote failure={other.failure} />
          </div>
        )}
      </div>
    </Section>
  );
}
