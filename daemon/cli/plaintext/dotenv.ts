// Lines `NAME=value` with the place of each value, so that it can be replaced and all else stays byte for byte (spec/19-import.md §dotenv).
// What a value is, is what `stillvault run --env-file` reads there (daemon/cli/run/variables.ts); quoted values may also span lines.

export interface DotenvValue {
  readonly name: string;
  readonly value: string;
  readonly line: number;
  /** Of the value with its quotes, in characters of the text. */
  readonly from: number;
  readonly to: number;
  /** Why nobody can be sure what it means, or that it depends on another variable. */
  readonly unsure?: string;
}

const start = /^[^\S\r\n]*(?:export[^\S\r\n]+)?([A-Za-z_][A-Za-z0-9_.-]*)[^\S\r\n]*=[^\S\r\n]*/;
const bareValue = /^[^\s"'`#][^\r\n]*/;

/** Never throws: a line that is none is passed over, and left as it is. */
export function parseDotenv(text: string): { readonly values: readonly DotenvValue[]; readonly others: readonly number[] } {
  const values: DotenvValue[] = [];
  const others: number[] = [];
  let [at, line] = [text.startsWith('\ufeff') ? 1 : 0, 1];
  while (at < text.length) {
    const end = endOfLine(text, at);
    const words = text.slice(at, end);
    const head = start.exec(words);
    let next = end;
    if (head === null) {
      if (!/^\s*(?:#|$)/.test(words)) others.push(line);
    } else {
      const found = valueAt(text, at + head[0].length, end);
      if (found === undefined) others.push(line);
      else {
        values.push({ name: head[1] ?? '', line, ...found });
        next = endOfLine(text, found.to);
      }
    }
    line += countLines(text, at, next) + 1;
    at = next + (text.startsWith('\r\n', next) ? 2 : 1);
  }
  return { values, others };
}

type Found = Pick<DotenvValue, 'value' | 'from' | 'to' | 'unsure'>;

function valueAt(text: string, from: number, end: number): Found | undefined {
  const quote = text.charAt(from);
  if (from < end && (quote === '"' || quote === "'")) return quotedAt(text, from, quote);
  const bare = bareValue.exec(text.slice(from, end))?.[0];
  if (bare === undefined) return { value: '', from, to: from };
  const comment = bare.search(/\s#/); // one space only: a run of them would be tried from each of its places
  const value = (comment < 0 ? bare : bare.slice(0, comment)).trimEnd();
  const unsure = value.includes('#')
    ? 'a # without quotes: some programs end the value there'
    : /["'`\\]/.test(value)
      ? 'quotes or backslashes inside a bare value'
      : expands(value);
  return { value, from, to: from + value.length, ...(unsure === undefined ? {} : { unsure }) };
}

function quotedAt(text: string, from: number, quote: '"' | "'"): Found | undefined {
  let close = from + 1;
  while (close < text.length && text.charAt(close) !== quote) close += quote === '"' && text.charAt(close) === '\\' ? 2 : 1;
  if (close >= text.length) return undefined;
  // What follows the closing quote is a comment or nothing; else it is no quoted value.
  if (!/^[^\S\r\n]*(?:#|$)/.test(text.slice(close + 1, endOfLine(text, close)))) return undefined;
  const inside = text.slice(from + 1, close);
  const place = { from, to: close + 1 };
  if (quote === "'") return { value: inside, ...place };
  const value = inside.replace(/\\([^])/g, (_, char: string) => (char === 'n' ? '\n' : char));
  const unsure = expands(inside.replace(/\\\$/g, ''));
  return { value, ...place, ...(unsure === undefined ? {} : { unsure }) };
}

function expands(text: string): string | undefined {
  return /\$(?:\{|\(|[A-Za-z_])/.test(text) ? 'holds $NAME, which some programs replace' : undefined;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  if (end < 0) return text.length;
  return end > at && text.charAt(end - 1) === '\r' ? end - 1 : end;
}

function countLines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
