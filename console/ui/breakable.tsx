// Untrusted or long text in isolation from the text around it; it breaks after slashes first and anywhere if it must, and is never cut.
import { Fragment, type JSX } from 'preact';

export function Breakable({ text }: { readonly text: string }): JSX.Element {
  return (
    <bdi>
      {text.split(/(?<=[/?&=,])/).map((part, index) => (
        <Fragment key={index}>
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </bdi>
  );
}
