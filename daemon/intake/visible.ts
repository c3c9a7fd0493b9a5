// Text of other programs made safe to show, at its source (spec/10-local-api.md §text): escaped and cut, and it says so.
import { decodeUtf8, encodeUtf8 } from '../../protocol/bytes.ts';
import { limits } from '../../protocol/limits.ts';
import { verifyText } from '../../protocol/text.ts';

/** Which of the observed texts are not, byte for byte, what the kernel gave. */
export interface Alterations {
  readonly escaped: Set<string>;
  readonly cut: Set<string>;
}

// What protocol/text.ts refuses, all that draws nothing (fillers, variation selectors), spaces other than U+0020, and the escape's own opening.
const hidden = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}|^ | $|\\(?=[ux]\{)/gu;
const hiddenByte = /[^ -~]|^ | $|\\(?=[ux]\{)/g;

/** One line that protocol/text.ts accepts: hidden characters as `\u{202e}`, bytes that are no UTF-8 as `\x{ff}`, at most `maxBytes` of UTF-8. */
export function toVisible(raw: Uint8Array, name: string, altered: Alterations, maxBytes: number = limits.observedBytes): string {
  const { shown, escaped } = escape(raw);
  if (escaped) altered.escaped.add(name);
  if (shown.length * 3 <= maxBytes || encodeUtf8(shown).length <= maxBytes) return shown;
  altered.cut.add(name);
  const cut = cutMiddle(shown, maxBytes);
  return isAccepted(cut) ? cut : cutMiddle(escapeBytes(raw), maxBytes);
}

function escape(raw: Uint8Array): { shown: string; escaped: boolean } {
  try {
    const text = decodeUtf8(raw);
    const shown = text.replace(hidden, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
    // What is refused for other reasons (not NFC, marks stacked on each other) is shown by its bytes.
    return isAccepted(shown) ? { shown, escaped: shown !== text } : { shown: escapeBytes(raw), escaped: true };
  } catch {
    return { shown: escapeBytes(raw), escaped: true };
  }
}

function isAccepted(text: string): boolean {
  if (/^[!-~][ -~]*[!-~]$|^[!-~]?$/.test(text)) return true;
  try {
    return verifyText(text, Number.POSITIVE_INFINITY) === text;
  } catch {
    return false;
  }
}

function escapeBytes(raw: Uint8Array): string {
  return Buffer.from(raw)
    .toString('latin1')
    .replace(hiddenByte, (char) => `\\x{${char.charCodeAt(0).toString(16).padStart(2, '0')}}`);
}

/** Both ends stay: a path shows its file name, however long its folders are. */
function cutMiddle(text: string, maxBytes: number): string {
  const chars = Array.from(text);
  const size = (char: string): number => (char < '\x80' ? 1 : encodeUtf8(char).length);
  let left = maxBytes - 3; // the ellipsis
  let [head, tail] = [0, chars.length];
  for (let fromHead = true; head < tail; fromHead = !fromHead) {
    left -= size(fromHead ? (chars[head] ?? '') : (chars[tail - 1] ?? ''));
    if (left < 0) break;
    if (fromHead) head++;
    else tail--;
  }
  return `${chars.slice(0, head).join('').trimEnd()}…${chars.slice(tail).join('').trimStart()}`;
}
