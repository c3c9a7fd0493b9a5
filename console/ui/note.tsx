// Notes in the flow of a page: failures with their next step, warnings, hints.
import type { ComponentChildren, JSX } from 'preact';
import type { AppFailure } from '../app.ts';
import { Icon, type IconName } from './icons.tsx';
import { coreWords } from './words-core.ts';

export type NoteTone = 'danger' | 'warning' | 'info' | 'good';
const icons: Readonly<Record<NoteTone, IconName>> = { danger: 'cross', warning: 'warning', info: 'eye', good: 'check' };

export function Note({
  tone,
  icon = icons[tone],
  title,
  children,
  role,
}: {
  readonly tone: NoteTone;
  readonly icon?: IconName;
  readonly title?: string;
  readonly children?: ComponentChildren;
  readonly role?: 'alert' | 'status';
}): JSX.Element {
  return (
    <div class={`note ${tone}`} role={role}>
      <Icon name={icon} />
      <div>
        {title !== undefined && <p class="note-title">{title}</p>}
        {children}
      </div>
    </div>
  );
}

export function FailureNote({ failure }: { readonly failure: AppFailure | undefined }): JSX.Element | null {
  if (!failure) return null;
  return (
    <Note tone={failure.code === 'E_CANCELLED' ? 'warning' : 'danger'} icon="warning" title={failure.what} role="alert">
      <p>{failure.next}</p>
      <p class="faint">{coreWords.common.code(failure.code)}</p>
    </Note>
  );
}

export function EmptyState({ icon, title, children }: { readonly icon: IconName; readonly title: string; readonly children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <Icon name={icon} size={40} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}
