// Enrolment: a name for this device, the forms' checks, the QR code as a drawing. Pure.
import { encode } from 'uqr';
import type { CreateOrg, CreateStep } from '../app.ts';

export const createSteps: readonly CreateStep[] = ['checking-passkeys', 'passkey-created', 'passkey-verified', 'signing-organisation', 'storing', 'done'];

/** A first suggestion that the person can overwrite: browsers say little, and what they say is enough for a list. */
export function deviceName(userAgent: string): string {
  const known: readonly (readonly [pattern: RegExp, name: string])[] = [
    [/iPhone/, 'iPhone'],
    [/iPad/, 'iPad'],
    [/Android/, 'Android phone'],
    [/Macintosh/, 'Mac'],
    [/Windows/, 'Windows PC'],
    [/CrOS/, 'Chromebook'],
    [/Linux/, 'Linux PC'],
  ];
  return known.find(([pattern]) => pattern.test(userAgent))?.[1] ?? 'Browser';
}

/** Names are needed before the passkey is made: afterwards they are in the log for good. */
export function isComplete({ orgName, memberName, deviceName: device }: CreateOrg): boolean {
  return [orgName, memberName, device].every((name) => name.trim() !== '');
}

export function trimmed({ orgName, memberName, deviceName: device }: CreateOrg): CreateOrg {
  return { orgName: orgName.trim(), memberName: memberName.trim(), deviceName: device.trim() };
}

export interface QrDrawing {
  readonly size: number;
  /** One path of unit squares, row by row. */
  readonly path: string;
}
export function drawQr(text: string): QrDrawing {
  const { size, data } = encode(text, { ecc: 'L', border: 2 });
  const rows = data.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')).join(''));
  return { size, path: rows.join('') };
}
