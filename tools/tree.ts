// The files of the project as the checks see them, and how a check reports.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dir, '..');

/** A finding of a check, printed as `file:line what`. */
export type Finding = { readonly file: string; readonly line?: number; readonly what: string };

/** Every file that is or would be tracked, relative to the root, sorted. Works without git as well. */
export function projectFiles(): readonly string[] {
  const git = Bun.spawnSync(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, stderr: 'ignore' });
  const listed = git.success
    ? git.stdout.toString().split('\0')
    : [...new Bun.Glob('**/*').scanSync({ cwd: root, dot: true })].filter((path) => !/^(node_modules|dist|\.git|\.stillvault)\//.test(path));
  return listed.filter((path) => path !== '' && textOf(path) !== undefined).sort();
}

const texts = new Map<string, string | undefined>();

/** The text of a project file; undefined when it is gone (deleted but still listed). */
export function textOf(path: string): string | undefined {
  if (!texts.has(path)) texts.set(path, read(path));
  return texts.get(path);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

/** The text of a file that must be there. */
export function mustRead(path: string): string {
  const text = textOf(path);
  if (text === undefined) throw new Error(`${path} is missing`);
  return text;
}

export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** Prints the findings and sets the exit code. */
export function report(name: string, findings: readonly Finding[], checked: string): void {
  for (const { file, line, what } of findings) console.error(`${file}${line === undefined ? '' : `:${line}`} ${what}`);
  console.log(findings.length === 0 ? `${name}: ${checked}` : `${name}: ${findings.length} found`);
  if (findings.length > 0) process.exitCode = 1;
}

/** Tests, and the helpers that stand beside them as `test-world.ts`; neither is shipped. */
export const isTest = (path: string): boolean => /(?:\.test\.tsx?|(?:^|\/)test-[a-z-]+\.tsx?)$/.test(path);
export const isCode = (path: string): boolean => /\.tsx?$/.test(path) && !path.endsWith('.d.ts');
