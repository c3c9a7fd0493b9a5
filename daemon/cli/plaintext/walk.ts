// Which files a scan looks at: everything below a folder, bounded; nothing behind a link (spec/19-import.md §bounds).
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { homePlaces } from './places.ts';

/** What nobody writes by hand, or what git keeps packed. Ignored files are looked at: that is where secrets hide. */
const passedOver = new Set(['node_modules', '.hg', '.svn', '.venv', 'venv', '__pycache__', '.cache', '.npm', '.bun', '.yarn', '.pnpm-store', '.terraform']);
/** A monorepo has a tenth of it. */
const maxFiles = 500_000;
const maxDepth = 64;

/** What was not looked at, so that silence is no claim. */
export interface Skipped {
  links: number;
  folders: number;
  unreadable: number;
  large: number;
  binary: number;
  /** A bound was met: the rest was not looked at. */
  isCut: boolean;
}

export const nothingSkipped = (): Skipped => ({ links: 0, folders: 0, unreadable: 0, large: 0, binary: 0, isCut: false });

export function* walk(root: string, skipped: Skipped): Generator<string> {
  if (lstatSync(root).isFile()) {
    yield root;
    return;
  }
  const folders: { readonly path: string; readonly depth: number }[] = [{ path: root, depth: 0 }];
  let files = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const { name, kind } of entriesOf(folder.path, skipped)) {
      const path = join(folder.path, name);
      if (kind === 'folder') {
        if (name === '.git') yield* gitConfig(path);
        else if (passedOver.has(name)) skipped.folders++;
        else if (folder.depth >= maxDepth) skipped.isCut = true;
        else folders.push({ path, depth: folder.depth + 1 });
      } else {
        if (++files > maxFiles) {
          skipped.isCut = true;
          return;
        }
        yield path;
      }
    }
  }
}

/** Only the well-known places of a home folder. */
export function* walkHome(home: string, skipped: Skipped): Generator<string> {
  for (const place of homePlaces) {
    const folder = join(home, place);
    if (isFolder(folder)) for (const { name, kind } of entriesOf(folder, skipped)) if (kind === 'file') yield join(folder, name);
  }
}

interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'folder';
}

function entriesOf(folder: string, skipped: Skipped): readonly Entry[] {
  const entries: Entry[] = [];
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isFile()) entries.push({ name: entry.name, kind: 'file' });
      else if (entry.isDirectory()) entries.push({ name: entry.name, kind: 'folder' });
      else if (entry.isSymbolicLink()) skipped.links++;
    }
  } catch {
    skipped.unreadable++;
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function* gitConfig(path: string): Generator<string> {
  const config = join(path, 'config');
  if (isFile(config)) yield config;
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
