// Words that two screens must share, large and numbered, so that two people can read them to each other.
import type { JSX } from 'preact';

export function WordGrid({ label, text }: { readonly label: string; readonly text: string }): JSX.Element {
  return (
    <ol class="word-grid" aria-label={label}>
      {text.split(/[\s-]+/).map((word, index) => (
        <li key={index}>{word}</li>
      ))}
    </ol>
  );
}
