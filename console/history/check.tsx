// The whole trail verified on this device, when somebody wants to know (spec/15-audit.md §audit).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { AuditReport } from '../app.ts';
import { useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Moment } from '../ui/countdown.tsx';
import { FailureNote, Note } from '../ui/note.tsx';
import { Section } from '../ui/page.tsx';
import { pageWords } from '../ui/words-pages.ts';

const w = pageWords.history;

/** Progress is told as often as a person can read it. */
const every = 50;

export function Check(): JSX.Element {
  const { app } = useStore();
  const { busy, failure, run } = useAct();
  const report = useSignal<AuditReport | undefined>(undefined);
  const progress = useSignal('');
  const start = (): void => {
    report.value = undefined;
    run(
      () => app.audit((entries, receipts) => void ((entries + receipts) % every === 0 && (progress.value = w.checked(entries, receipts)))),
      (result) => (report.value = result),
    );
  };
  return (
    <>
      {report.value && <Report report={report.value} />}
      <FailureNote failure={failure} />
      <div class="check-all">
        <Button look="quiet" icon="proof" busy={busy} onClick={start}>
          {busy ? w.checking : w.check}
        </Button>
        <p class={busy ? 'faint' : 'faint idle'} role="status">
          {busy ? progress.value : w.checkHint}
        </p>
      </div>
    </>
  );
}

function Report({ report: { entries, receipts, findings } }: { readonly report: AuditReport }): JSX.Element {
  if (findings.length === 0)
    return (
      <Note tone="good" title={w.sound} role="status">
        <p class="faint">{w.checked(entries, receipts)}</p>
      </Note>
    );
  return (
    <Section title={w.found(findings.length)}>
      {findings.map(({ code, why, at, machine }, index) => (
        <Note key={index} tone="danger" icon="warning" title={why.charAt(0).toUpperCase() + why.slice(1)} {...(index === 0 ? { role: 'alert' as const } : {})}>
          <p class="faint">
            <span class="mono">{code}</span>
            {machine !== undefined && ` · ${machine}`}
            {at !== undefined && (
              <>
                {' · '}
                <Moment at={at} />
              </>
            )}
          </p>
        </Note>
      ))}
    </Section>
  );
}
