// The word that was probably meant, by Damerau-Levenshtein distance.

export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: { readonly word: string; readonly far: number } | undefined;
  for (const candidate of known) {
    const far = distance(word, candidate);
    if (far <= Math.max(1, Math.floor(candidate.length / 3)) && far < (best?.far ?? Number.POSITIVE_INFINITY)) best = { word: candidate, far };
  }
  return best?.word;
}

function distance(a: string, b: string): number {
  let before: readonly number[] = [];
  let above: readonly number[] = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let at = 1; at <= b.length; at++) {
      const same = a[row - 1] === b[at - 1];
      const swapped = row > 1 && at > 1 && a[row - 1] === b[at - 2] && a[row - 2] === b[at - 1];
      const edits = [(line[at - 1] ?? 0) + 1, (above[at] ?? 0) + 1, (above[at - 1] ?? 0) + (same ? 0 : 1)];
      line.push(Math.min(...edits, ...(swapped ? [(before[at - 2] ?? 0) + 1] : [])));
    }
    [before, above] = [above, line];
  }
  return above[b.length] ?? 0;
}
