// Turns whatever was thrown into what a person can read: what happened, why, what to do next.
import type { AppFailure } from '../app.ts';
import { coreWords } from './words-core.ts';

export function failureOf(error: unknown): AppFailure {
  if (error instanceof Error && 'failure' in error && isFailure(error.failure)) return error.failure;
  return { code: 'E_UNEXPECTED', ...coreWords.common.unexpected };
}

function isFailure(value: unknown): value is AppFailure {
  return typeof value === 'object' && value !== null && 'code' in value && 'what' in value && 'next' in value;
}
