// What an act ends with, for tests that assert exact codes. Never shipped.

/** The error's code, or `accepted`. An error without a code is a bug and goes on. */
export async function codeOf(act: (() => unknown) | Promise<unknown>): Promise<string> {
  try {
    await (typeof act === 'function' ? act() : act);
    return 'accepted';
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    if (typeof code === 'string' && code.startsWith('E_')) return code;
    throw error;
  }
}
