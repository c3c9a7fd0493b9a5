// The mark beside text whose letters come from scripts that no language mixes (UTS #39).
import type { JSX } from 'preact';
import { Icon } from '../ui/icons.tsx';
import { coreWords } from '../ui/words-core.ts';

export function MixedMark(): JSX.Element {
  return (
    <span class="mixed">
      <Icon name="warning" size={14} />
      {coreWords.review.mixed}
    </span>
  );
}
