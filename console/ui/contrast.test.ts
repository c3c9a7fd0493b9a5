// Contrast of the design tokens, light and dark, computed as WCAG 2.2 does: text 4.5, what must be seen 3.
import { expect, test } from 'bun:test';
import { join } from 'node:path';

const style = await Bun.file(join(import.meta.dir, '../style.css')).text();

const grounds = ['bg', 'surface', 'sunken'];
const text: readonly (readonly [front: string, grounds: readonly string[]])[] = [
  ['text', grounds],
  ['muted', grounds],
  ['accent-text', [...grounds, 'accent-soft']],
  ['danger-text', [...grounds, 'danger-soft']],
  ['warning-text', [...grounds, 'warning-soft']],
  ['info-text', ['info-soft']],
  ['on-accent', ['accent', 'accent-hover']],
  ['on-deny', ['deny', 'deny-hover']],
  ['bg', ['text']],
];
const shapes: readonly (readonly [front: string, grounds: readonly string[]])[] = [
  ['line-strong', ['bg', 'surface']],
  ['accent', ['bg', 'surface', 'accent-soft']],
  ['deny', ['bg', 'surface']],
  ['warning-line', ['warning-soft', 'bg']],
  ['focus', [...grounds, 'accent-soft']],
];

for (const scheme of ['light', 'dark'] as const) {
  const tokens = tokensOf(scheme);
  test(`text can be read, ${scheme}`, () => {
    expect(tooClose(tokens, text, 4.5)).toEqual([]);
  });
  test(`edges and the focus can be seen, ${scheme}`, () => {
    expect(tooClose(tokens, shapes, 3)).toEqual([]);
  });
}

function tokensOf(scheme: 'light' | 'dark'): ReadonlyMap<string, string> {
  const [, light = '', dark = ''] = style.split(/:root \{/);
  const read = (block: string): readonly (readonly [string, string])[] =>
    [...block.slice(0, block.indexOf('}')).matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name = '', value = '']) => [name, value]);
  return new Map([...read(light), ...(scheme === 'dark' ? read(dark) : [])]);
}

function tooClose(tokens: ReadonlyMap<string, string>, pairs: typeof text, least: number): readonly string[] {
  return pairs.flatMap(([front, backs]) =>
    backs.flatMap((back) => {
      const ratio = contrast(tokens.get(front) ?? '', tokens.get(back) ?? '');
      return ratio >= least ? [] : [`${front} on ${back}: ${ratio.toFixed(2)}`];
    }),
  );
}

function contrast(front: string, back: string): number {
  const [high = 0, low = 0] = [luminance(front), luminance(back)].toSorted((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
