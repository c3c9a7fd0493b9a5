// What the approver reads as the agent's claim: one line that the daemon accepts (spec/01-encoding.md §text).
import { bounds } from './bounds.ts';

/** The agent's words, then the act that the server will do, so that both are seen. The middle of an act gives way, never its ends. */
export function claimOf(reason: string, act?: string): string {
  const why = oneLine(reason);
  if (act === undefined) return shortened(why, bounds.claimCharacters);
  const shortWhy = shortened(why, bounds.claimCharacters / 2);
  return `${shortWhy} · ${shortened(oneLine(act), bounds.claimCharacters - shortWhy.length - 3)}`.trim();
}

/** A program's name of itself. */
export function agentName(name: string | undefined): string | undefined {
  const plain = oneLine(name ?? '')
    .slice(0, 60)
    .trim();
  return plain === '' ? undefined : plain;
}

/** What no person could see is shown as a dot: of a command, nothing vanishes. */
function oneLine(text: string): string {
  return text
    .normalize('NFC')
    .replace(/\s+/gu, ' ')
    .replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '·')
    .replace(/[\ufe00-\ufe0f\u115f\u1160\u3164\uffa0\u2800\u{13430}-\u{1345f}]/gu, '·')
    .trim();
}

function shortened(text: string, max: number): string {
  if (text.length <= max) return text;
  const half = (max - 1) / 2;
  const kept = `${text.slice(0, Math.ceil(half))}…${text.slice(-Math.floor(half))}`;
  return kept.toWellFormed().replaceAll('\ufffd', '·').trim(); // a character may have been cut in two
}
