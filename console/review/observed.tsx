// What the daemon saw: solid frame, plain facts, everything it did not see named as unknown.
import { type ComponentChildren, Fragment, type JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { ReviewCard } from '../app.ts';
import { useStore } from '../shell/store.ts';
import { Breakable } from '../ui/breakable.tsx';
import { Icon } from '../ui/icons.tsx';
import { Facts, Unknown } from '../ui/page.tsx';
import { coreWords } from '../ui/words-core.ts';
import { LongText } from './long-text.tsx';
import { ancestorLabels, leaseHolder, looksMixed, quotedArguments, requesterOf } from './model.ts';
import { MixedMark } from './mixed-mark.tsx';

export function ObservedFacts({ card }: { readonly card: ReviewCard }): JSX.Element {
  const { observed, machine } = card;
  const { path, interpreter } = requesterOf(observed);
  const w = coreWords.review;
  const id = useId();
  const chain = ancestorLabels(observed);
  return (
    <section class="observed" aria-labelledby={id}>
      <h2 id={id}>
        <Icon name="eye" size={18} />
        {w.observed(machine.name)}
      </h2>
      <Facts
        rows={[
          [w.program, path === undefined ? undefined : <Path text={path} after={interpreter === undefined ? undefined : w.runBy(interpreter)} />],
          observed.argv.length === 0
            ? [w.command, undefined]
            : [w.command, <LongText label={w.command} parts={quotedArguments(observed.argv)} mixed={observed.argv.some(looksMixed)} />, 'wide'],
          [w.folder, observed.cwd === undefined ? undefined : <Path text={observed.cwd} />],
          ...(observed.container === undefined ? [] : ([[w.container, <Path text={observed.container} />]] as const)),
          [
            w.startedBy,
            chain.length === 0 ? undefined : (
              <span class="chain mono">
                {chain.map((name, index) => (
                  <Fragment key={index}>
                    {index > 0 && <span aria-hidden="true"> ← </span>}
                    <span class={index + 1 === observed.anchor ? 'anchor' : undefined}>
                      <Breakable text={name} />
                    </span>
                  </Fragment>
                ))}
              </span>
            ),
          ],
          [
            w.user,
            <>
              {observed.user === undefined ? <Unknown /> : <bdi>{observed.user}</bdi>}{' '}
              {observed.uid !== undefined && <span class="faint">{w.uid(observed.uid)}</span>}
            </>,
          ],
        ]}
      />
    </section>
  );
}

function Path({ text, after }: { readonly text: string; readonly after?: string | undefined }): JSX.Element {
  return (
    <>
      <span class="mono">
        <Breakable text={text} />
      </span>
      {looksMixed(text) && <MixedMark />}
      {after !== undefined && (
        <span class="faint mono run-by">
          <Breakable text={after} />
        </span>
      )}
    </>
  );
}

/** The rest of it, open to whoever wants to know; nothing here is needed to decide. */
export function MoreObserved({ card }: { readonly card: ReviewCard }): JSX.Element {
  const { calendar } = useStore();
  const { observed } = card;
  const [w, rows] = [coreWords.review, coreWords.review.moreRows];
  const mono = (text: string | undefined): ComponentChildren => text && <span class="mono">{text}</span>;
  return (
    <div class="more">
      <details>
        <summary>{w.more}</summary>
        <Facts
          rows={[
            [rows.pid, observed.pid],
            [rows.started, observed.startedAt === undefined ? undefined : calendar.exact(observed.startedAt)],
            [rows.exeHash, mono(observed.exeHash)],
            ...(observed.script === undefined ? [] : ([[rows.scriptHash, mono(observed.scriptHash)]] as const)),
            [rows.terminal, observed.terminal === 'unknown' ? undefined : w.terminals[observed.terminal]],
            [rows.namespaces, observed.namespaces === 'unknown' ? undefined : w.isolation[observed.namespaces]],
            [rows.identity, w.identities[observed.identity]],
            [rows.lease, leaseHolder(observed)],
          ]}
        />
        <ol class="processes" aria-label={w.startedBy}>
          {observed.ancestors.map(({ pid, exe, argv }, index) => (
            <li key={index} class="mono">
              <span class="faint">{pid}</span> {exe ?? <Unknown />} <span class="faint">{quotedArguments(argv).join(' ')}</span>
            </li>
          ))}
        </ol>
      </details>
      <details>
        <summary>{w.signs}</summary>
        <p class="faint">{w.signsText}</p>
        <ol class="signed mono">
          {card.lines.map((line, index) => (
            <li key={index}>{line}</li>
          ))}
        </ol>
        <p class="faint mono hash">{card.rh}</p>
      </details>
    </div>
  );
}
