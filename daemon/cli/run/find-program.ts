// Which file a name means (spec/17-run.md §program).
import { accessSync, constants, statSync } from 'node:fs';

export type Found = { readonly kind: 'found'; readonly path: string } | { readonly kind: 'not executable' | 'missing' };

/** As a shell looks for it: a name with a slash is a path, any other is searched for in PATH. */
export function findProgram(name: string, path = '/usr/local/bin:/usr/bin:/bin'): Found {
  const candidates = name.includes('/') ? [name] : name === '' ? [] : path.split(':').map((folder) => `${folder === '' ? '.' : folder}/${name}`);
  let kind: 'missing' | 'not executable' = 'missing';
  for (const candidate of candidates) {
    const found = look(candidate);
    if (found === 'executable') return { kind: 'found', path: candidate };
    if (found === 'not executable') kind = found;
  }
  return { kind };
}

function look(path: string): 'executable' | 'not executable' | undefined {
  try {
    if (!statSync(path).isFile()) return 'not executable';
    accessSync(path, constants.X_OK);
    return 'executable';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'not executable';
  }
}
