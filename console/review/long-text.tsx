// A command of any length in a block of limited height: it wraps, scrolls, says how much there is and opens to its full size.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Breakable } from '../ui/breakable.tsx';
import { coreWords } from '../ui/words-core.ts';
import { MixedMark } from './mixed-mark.tsx';

export function LongText({ label, parts, mixed }: { readonly label: string; readonly parts: readonly string[]; readonly mixed: boolean }): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const overflows = useSignal(false);
  const open = useSignal(false);
  useLayoutEffect(() => {
    const box = ref.current;
    if (box) overflows.value = box.scrollHeight > box.clientHeight + 1;
  }, [parts.length]);
  return (
    <>
      <div ref={ref} class={open.value ? 'long open' : 'long'} {...(overflows.value ? { tabIndex: 0, role: 'region', 'aria-label': label } : {})}>
        <code>
          {parts.map((part, index) => (
            <span key={index}>
              {index > 0 && ' '}
              <Breakable text={part} />
            </span>
          ))}
        </code>
      </div>
      {mixed && <MixedMark />}
      {overflows.value && (
        <button type="button" class="link" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
          {open.value ? coreWords.review.showLess : coreWords.review.showAll(parts.length)}
        </button>
      )}
    </>
  );
}
