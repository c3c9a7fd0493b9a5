// Randomness is a parameter everywhere (spec/02-keys.md §randomness). HPKE and Shamir libraries draw their own.

/** Cryptographically secure random bytes; tests pass a seeded source. */
export type Random = (length: number) => Uint8Array;
