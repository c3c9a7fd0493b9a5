// Buttons and links that look like buttons: at least 48 px high, their label always in words.
import type { ComponentChildren, JSX, Ref } from 'preact';
import { Icon, type IconName } from './icons.tsx';

export type ButtonLook = 'plain' | 'strong' | 'approve' | 'deny' | 'quiet';

export interface ButtonProps {
  readonly children: ComponentChildren;
  readonly onClick?: () => void;
  readonly look?: ButtonLook;
  readonly icon?: IconName;
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly submit?: boolean;
  readonly label?: string;
  readonly describedBy?: string | undefined;
  readonly wide?: boolean;
  /** Takes no tap yet, and does not look different: it is about to. */
  readonly arming?: boolean;
  readonly buttonRef?: Ref<HTMLButtonElement | null>;
}

export function Button({
  children,
  onClick,
  look = 'plain',
  icon,
  busy = false,
  disabled = false,
  submit = false,
  label,
  describedBy,
  wide = false,
  arming = false,
  buttonRef,
}: ButtonProps): JSX.Element {
  return (
    <button
      {...(buttonRef ? { ref: buttonRef } : {})}
      type={submit ? 'submit' : 'button'}
      class={`button ${look}${wide ? ' wide' : ''}${arming && !disabled ? ' arming' : ''}`}
      disabled={disabled || arming}
      aria-disabled={busy || undefined}
      aria-label={label}
      aria-describedby={describedBy}
      onClick={() => !busy && onClick?.()}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

export function LinkButton({
  children,
  href,
  look = 'plain',
  icon,
  wide = false,
}: {
  readonly children: ComponentChildren;
  readonly href: string;
  readonly look?: ButtonLook;
  readonly icon?: IconName;
  readonly wide?: boolean;
}): JSX.Element {
  return (
    <a class={`button ${look}${wide ? ' wide' : ''}`} href={href}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </a>
  );
}
