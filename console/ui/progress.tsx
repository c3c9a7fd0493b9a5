// Named steps, one after the other: what is done, what runs, what comes.
import type { JSX } from 'preact';
import { Icon } from './icons.tsx';

export interface ProgressProps<Step extends string> {
  readonly label: string;
  readonly steps: readonly Step[];
  readonly names: Readonly<Record<Step, string>>;
  readonly current: Step;
}

export function Progress<Step extends string>({ label, steps, names, current }: ProgressProps<Step>): JSX.Element {
  const at = steps.indexOf(current);
  return (
    <div class="progress">
      <ol aria-label={label}>
        {steps.map((step, index) => (
          <li key={step} class={index < at ? 'done' : index === at ? 'now' : 'later'} aria-current={index === at ? 'step' : undefined}>
            {index < at ? (
              <Icon name="check" size={18} />
            ) : index === at ? (
              <span class="spinner" aria-hidden="true" />
            ) : (
              <span class="dot" aria-hidden="true" />
            )}
            {names[step]}
          </li>
        ))}
      </ol>
      <p class="sr-only" role="status">
        {names[current]}
      </p>
    </div>
  );
}
