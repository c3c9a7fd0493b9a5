// The mark of the product.
import type { JSX } from 'preact';

export function Mark(): JSX.Element {
  return <img class="mark" src="/icon.svg" width={32} height={32} alt="" />;
}
