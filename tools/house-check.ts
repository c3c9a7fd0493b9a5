// The house rules that no linter knows: file length, the first line's comment, and the reason beside every cast.
import { type Finding, isCode, isTest, projectFiles, report, textOf } from './tree.ts';

const shipped = /^(?:protocol|relay-client|sdk|mcp|proxy|daemon|relay|console)\//;
const maxLines = 300;

/** What of a source breaks the rules. */
export function verifyHouse(file: string, text: string): readonly Finding[] {
  const lines = text.trimEnd().split('\n');
  const first = lines.find((line) => !line.startsWith('#!')) ?? '';
  const isShipped = shipped.test(file) && !isTest(file);
  return [
    ...(/^(?:\/\/|\/\*)/.test(first) ? [] : [{ file, line: 1, what: 'the first line says what the file is for' }]),
    ...(isShipped && lines.length > maxLines ? [{ file, what: `${lines.length} lines, at most ${maxLines}` }] : []),
    ...(isShipped
      ? lines.flatMap((line, index) =>
          isSilentCast(line, lines[index - 1] ?? '') ? [{ file, line: index + 1, what: '`as` without its reason in a comment on the line or above it' }] : [],
        )
      : []),
  ];
}

function isSilentCast(line: string, above: string): boolean {
  if (/^\s*(?:import|export \{|\/\/|\*|\/\*)/.test(line) || line.includes('//') || /^\s*\/\//.test(above)) return false;
  return /[\w)\]}>]\s+as\s+(?!const\b)[\w{[(]/.test(line.replace(/(['"`])(?:\\.|(?!\1).)*\1/g, "''"));
}

if (import.meta.main) {
  const sources = projectFiles().filter(isCode);
  report(
    'house',
    sources.flatMap((file) => verifyHouse(file, textOf(file) ?? '')),
    `${sources.length} sources, ${shippedLines(sources)} shipped lines`,
  );
}

function shippedLines(sources: readonly string[]): number {
  return sources.filter((file) => shipped.test(file) && !isTest(file)).reduce((sum, file) => sum + (textOf(file) ?? '').split('\n').length, 0);
}
