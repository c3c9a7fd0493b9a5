// Text to take elsewhere: all of it visible, selected by one tap, copied by one button.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { Button } from './button.tsx';
import { coreWords } from './words-core.ts';

export function CopyField({ label, text }: { readonly label: string; readonly text: string }): JSX.Element {
  const copied = useSignal(false);
  const id = useId();
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = true;
    } catch {
      // Not allowed here: the text is selected, the person's own copy command works.
      const selected = document.getElementById(id);
      if (selected) getSelection()?.selectAllChildren(selected);
    }
  };
  return (
    <div class="copy">
      <p class="label">{label}</p>
      <code id={id} tabIndex={0} role="textbox" aria-readonly="true" aria-label={label}>
        {text}
      </code>
      <Button icon={copied.value ? 'check' : 'copy'} label={`${coreWords.common.copy}: ${label}`} onClick={() => void copy()}>
        {copied.value ? coreWords.common.copied : coreWords.common.copy}
      </Button>
      <span class="sr-only" role="status">
        {copied.value ? coreWords.common.copied : ''}
      </span>
    </div>
  );
}
