// What a machine proposes to change, from the entries that would be signed; what allows more stands out by more than colour (spec/09-release.md §changes).
import type { JSX } from 'preact';
import type { ChangeLine } from '../../protocol/change-lines.ts';
import { Breakable } from '../ui/breakable.tsx';
import { Icon } from '../ui/icons.tsx';
import { coreWords } from '../ui/words-core.ts';

const icons = { widens: 'plus', narrows: 'down', neutral: 'check' } as const;

export function ChangeList({ lines }: { readonly lines: readonly ChangeLine[] }): JSX.Element {
  return (
    <ol class="plain changes">
      {lines.map((line, index) => (
        <li key={index}>
          <p class="change-what">
            <strong>
              <Breakable text={line.what} />
            </strong>
          </p>
          <DifferenceList differences={line.differences} />
          {line.terms.length > 0 && (
            <ul class="change-terms faint">
              {line.terms.map((words) => (
                <li key={words}>{words}</li>
              ))}
            </ul>
          )}
          {line.warnings.map((words) => (
            <p key={words} class="change-warning">
              <Icon name="warning" size={18} /> <Breakable text={words} />
            </p>
          ))}
        </li>
      ))}
    </ol>
  );
}

export function DifferenceList({ differences }: Pick<ChangeLine, 'differences'>): JSX.Element {
  return (
    <ul class="plain differences">
      {differences.map(({ effect, words }) => (
        <li key={words} class={effect}>
          <Icon name={icons[effect]} size={18} />
          <span class="effect">{coreWords.review.effects[effect]}</span>
          <Breakable text={words} />
        </li>
      ))}
    </ul>
  );
}
