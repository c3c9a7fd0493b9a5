// Enrolling a machine: the one beside this page directly, another one by a command that works once.
import type { JSX } from 'preact';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { FailureNote } from '../ui/note.tsx';
import { Section } from '../ui/page.tsx';
import { pageWords } from '../ui/words-pages.ts';
import { MakeToken } from './machine-token.tsx';

const w = pageWords.machines;

/** What the daemon beside this page said of itself. */
export interface HereWords {
  readonly machine: string;
  readonly words: string;
}

export function EnrolMachine({ onHere }: { readonly onHere: (said: HereWords | undefined) => void }): JSX.Element {
  const { app } = useStore();
  const here = useAct();
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
        <MakeToken isOther={canHere} />
      </div>
    </Section>
  );
}
