// Which files of a folder an import would rewrite: those whose form has a place for references (spec/19-import.md §folder).
import { placeOf } from '../plaintext/places.ts';
import { readPlain } from '../plaintext/read.ts';
import { nothingSkipped, walk } from '../plaintext/walk.ts';
import { malformed } from './source.ts';

const kinds: readonly string[] = ['dotenv', 'AWS credentials', 'npm', 'git', 'docker', 'kubeconfig'];
const maxBytes = 1_048_576;
const maxFiles = 200;

/** With a finding in each. Throws usage: E_IMPORT_LIMIT. */
export function importable(root: string): readonly string[] {
  const files: string[] = [];
  for (const path of walk(root, nothingSkipped())) {
    const { kind, find } = placeOf(path);
    if (!kinds.includes(kind)) continue;
    const read = readPlain(path, maxBytes);
    if (read.kind === 'text' && find(read.text).length > 0) files.push(path);
    if (files.length > maxFiles) throw malformed('E_IMPORT_LIMIT', `more than ${maxFiles} files: import smaller folders`);
  }
  return files;
}
