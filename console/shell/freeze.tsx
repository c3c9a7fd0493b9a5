// Stopping everything, and starting again: one confirmed, signed act.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { coreWords } from '../ui/words-core.ts';
import { useOrg, useStore } from './store.ts';

export function FreezeDialog({ frozen, onClose }: { readonly frozen: boolean; readonly onClose: () => void }): JSX.Element {
  const { app, tell } = useStore();
  const reason = useSignal('');
  const act = useAct();
  const w = coreWords.freeze;
  const confirm = (): void =>
    act.run(
      () => (frozen ? app.unfreeze(reason.value.trim()) : app.freeze(reason.value.trim())),
      (outcome) => {
        onClose();
        if (outcome === 'proposed') tell(coreWords.common.proposed);
      },
    );
  return (
    <Confirm
      title={frozen ? w.unfreezeTitle : w.title}
      text={frozen ? w.unfreezeText : w.text}
      confirm={frozen ? coreWords.shell.unfreeze : w.act}
      look={frozen ? 'strong' : 'deny'}
      act={act}
      onConfirm={confirm}
      onClose={onClose}
    >
      <Field label={w.reason} value={reason.value} maxLength={120} onInput={(value) => (reason.value = value)} />
      <p class="faint">{coreWords.common.passkey}</p>
    </Confirm>
  );
}

export function FreezeButton(): JSX.Element | null {
  const { frozen, me } = useOrg();
  const asking = useSignal(false);
  if (frozen || !me.roles.includes('admin')) return null;
  return (
    <>
      <Button icon="snow" onClick={() => (asking.value = true)}>
        {coreWords.freeze.open}
      </Button>
      {asking.value && <FreezeDialog frozen={false} onClose={() => (asking.value = false)} />}
    </>
  );
}
