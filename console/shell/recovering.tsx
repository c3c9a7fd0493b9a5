// A use of the recovery kit that is under way, loud on every page until it is over or stopped (spec/18-recovery.md §use).
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { coreWords } from '../ui/words-core.ts';
import { FreezeDialog } from './freeze.tsx';
import { useOrg, useStore } from './store.ts';

const w = coreWords.shell;

export function RecoveringBanner(): JSX.Element | null {
  const { calendar, now } = useStore();
  const { recovering, me } = useOrg();
  const asking = useSignal(false);
  if (!recovering) return null;
  const { name, isNew, device, reason, effectiveAt } = recovering;
  return (
    <div class="banner" role="alert">
      <Icon name="warning" size={22} />
      <p>
        <strong>{w.recovering(name, isNew)}</strong> <bdi>{w.recoveringAbout(device, reason)}</bdi>{' '}
        {effectiveAt > now.value ? w.recoveringText(calendar.exact(effectiveAt)) : w.recoveringNow}
      </p>
      {me.roles.includes('admin') && (
        <Button icon="snow" onClick={() => (asking.value = true)}>
          {coreWords.freeze.act}
        </Button>
      )}
      {asking.value && <FreezeDialog frozen={false} onClose={() => (asking.value = false)} />}
    </div>
  );
}
