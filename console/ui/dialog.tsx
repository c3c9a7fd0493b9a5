// A native modal dialog, and the confirmation that destructive acts need.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { Act } from './act.ts';
import { Button } from './button.tsx';
import { FailureNote } from './note.tsx';
import { coreWords } from './words-core.ts';

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  /** `alertdialog` where the answer changes something that cannot be taken back. */
  readonly role?: 'dialog' | 'alertdialog';
}

export function Dialog({ title, onClose, children, role = 'dialog' }: DialogProps): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog?.open) dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      role={role}
      aria-labelledby={`${id}-title`}
      aria-describedby={role === 'alertdialog' ? `${id}-text` : undefined}
      onCancel={(event) => (event.preventDefault(), onClose())}
    >
      <h2 id={`${id}-title`} tabIndex={-1} autofocus>
        {title}
      </h2>
      <div id={`${id}-text`} class="stack">
        {children}
      </div>
    </dialog>
  );
}

export interface ConfirmProps {
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
  readonly act: Act;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
  readonly look?: 'deny' | 'strong';
  readonly children?: ComponentChildren;
}

/** The dialog's heading has the first focus, so that no key pressed by habit confirms anything. */
export function Confirm({ title, text, confirm, act, onConfirm, onClose, look = 'deny', children }: ConfirmProps): JSX.Element {
  return (
    <Dialog title={title} role="alertdialog" onClose={onClose}>
      <p>{text}</p>
      {children}
      <FailureNote failure={act.failure} />
      <div class="pair">
        <Button onClick={onClose}>{coreWords.common.cancel}</Button>
        <Button look={look} busy={act.busy} onClick={onConfirm}>
          {confirm}
        </Button>
      </div>
    </Dialog>
  );
}
