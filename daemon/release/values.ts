// Opened values on their way out: in buffers that wipe themselves, and as the local API tells them (spec/09-release.md §delivery).
import type { Hash, SecretId } from '../../protocol/hash.ts';
import type { ReleasedValue } from '../../protocol/local-api.ts';
import type { LockedBuffer } from '../harden.ts';

export interface OpenedItem {
  readonly secret: SecretId;
  readonly path: string;
  readonly version: number;
  readonly putEh: Hash;
  readonly policyEh: Hash;
  /** The field that was asked for; undefined = all of the secret. */
  readonly field?: string;
  readonly values: readonly OpenedValue[];
}
export interface OpenedValue {
  readonly field?: string;
  readonly value: LockedBuffer;
}

/** Text in JSON cannot be wiped: these copies live until the engine has collected them (spec/attacks.md §residual). */
export function releasedValues(items: readonly OpenedItem[]): readonly ReleasedValue[] {
  return items.flatMap(({ path, version, values }) =>
    values.map(({ field, value: { bytes } }) => {
      const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
      return { path, version, value, ...(field === undefined ? {} : { field }) };
    }),
  );
}

export function disposeItems(items: readonly OpenedItem[]): void {
  for (const item of items) for (const { value } of item.values) value[Symbol.dispose]();
}

/** `prod/db` or `prod/db#password` */
export function pathOf({ path, field }: { readonly path: string; readonly field?: string | undefined }): string {
  return field === undefined ? path : `${path}#${field}`;
}
