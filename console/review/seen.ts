// Whether all that matters of the card has been on screen above the decision: a card that is longer than the screen must be read first.
import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

export interface Seen {
  /** True from the moment that `end` was above `bar`, for good. */
  readonly all: boolean;
  /** Brings the end on screen. */
  readonly readOn: () => void;
}

export function useSeen(end: RefObject<HTMLElement | null>, bar: RefObject<HTMLElement | null>, window: Window): Seen {
  const seen = useSignal(false);
  const look = (): void => {
    if (!end.current || !bar.current || seen.peek()) return;
    // One pixel of tolerance for fractions at unusual zoom levels.
    seen.value = end.current.getBoundingClientRect().bottom <= bar.current.getBoundingClientRect().top + 1;
  };
  useLayoutEffect(() => {
    look();
    // Scrolling does not bubble; capturing sees that of every container.
    window.document.addEventListener('scroll', look, { capture: true, passive: true });
    window.addEventListener('resize', look);
    return () => {
      window.document.removeEventListener('scroll', look, { capture: true });
      window.removeEventListener('resize', look);
    };
  }, []);
  const readOn = (): void => {
    end.current?.scrollIntoView({ block: 'center' });
    look();
  };
  return { all: seen.value, readOn };
}
