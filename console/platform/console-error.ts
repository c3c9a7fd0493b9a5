// What the device behind the console can fail with, besides the protocol and the relay (spec/12-errors.md).

export const consoleCodes = [
  // passkeys and the browser
  'E_NO_WEBAUTHN',
  'E_NO_PRF',
  'E_NO_USER_VERIFICATION',
  'E_INSECURE_ORIGIN',
  'E_CANCELLED',
  'E_TIMEOUT',
  'E_PASSKEY',
  'E_STORAGE',
  // acts
  'E_GONE',
  'E_DECIDED',
  'E_NO_MACHINE',
  'E_NO_ROLE',
  'E_RATE',
  'E_LOCAL',
  'E_INVITE_ENDED',
  'E_KIT_DELAY',
  'E_KIT_UNKNOWN',
  'E_NOT_READY',
] as const;
export type ConsoleCode = (typeof consoleCodes)[number];

/** Something that this browser or its user did not do. The message never holds a secret. */
export class ConsoleError extends Error {
  override readonly name = 'ConsoleError';
  readonly code: ConsoleCode;

  constructor(code: ConsoleCode, what: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${what}`, options);
    this.code = code;
  }
}
