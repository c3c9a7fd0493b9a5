// What every member should notice although nobody asked them: people and devices that came in, rules that became wider, the kit (spec/11-enrolment.md §notices).
// Kept until somebody puts it away; made from verified entries as they come.
import { type Codec, array, count, decode, encode, record, text, time } from '../../protocol/codec.ts';
import { limits } from '../../protocol/limits.ts';
import type { Entry } from '../../protocol/org-log/entry.ts';
import type { OrgState } from '../../protocol/org-log/state.ts';
import { widens } from '../../protocol/policy.ts';
import type { NewsRow } from '../app-people.ts';
import { rowOfEntry } from './log-rows.ts';
import type { Session } from './session.ts';

export interface News {
  /** `before`: what the log said until now. */
  heard(before: OrgState, after: OrgState, entries: readonly Entry[]): Promise<void>;
  rows(): readonly NewsRow[];
  seen(seq: number): Promise<void>;
}

const keptMax = 50;
const recordName = 'news';
const codec: Codec<readonly NewsRow[]> = array(
  record<NewsRow>({ seq: [1, count], at: [2, time], what: [3, text(1_024)], who: [4, array(text(limits.nameBytes * 2), limits.admins * 2)] }),
  keptMax,
);

export async function openNews({ platform, me }: Session): Promise<News> {
  const stored = (await platform.storage.read(recordName)).get(recordName);
  let rows = stored ? decode(codec, stored, 262_144) : [];
  async function keep(next: readonly NewsRow[]): Promise<void> {
    if (next.length === 0 && rows.length === 0) return;
    rows = next.slice(0, keptMax);
    await platform.storage.write(new Map([[recordName, encode(codec, rows)]]));
  }
  const isOwn = ({ signers, draft }: Entry): boolean => [...signers, ...(draft?.endorsers ?? [])].some(({ id }) => id === me.device);

  return {
    heard: (before, after, entries) => {
      const fresh = entries.filter((entry) => isNews(before, entry) && !isOwn(entry) && entry.seq > before.head.seq);
      if (fresh.length === 0) return Promise.resolve();
      const made = fresh.map((entry): NewsRow => {
        const { at, what, who } = rowOfEntry(after, entry);
        return { seq: entry.seq, at, what, who: who.filter((name) => name !== '') };
      });
      return keep([...made.toReversed(), ...rows]);
    },
    rows: () => rows,
    seen: (seq) => keep(rows.filter((row) => row.seq > seq)),
  };
}

/** What gives somebody more than they had. */
function isNews(before: OrgState, entry: Entry): boolean {
  if (entry.type === 'policy.set') return widens(before.policies.get(entry.body.policy), entry.body);
  if (entry.type === 'token.issue') return entry.body.autoAdmit;
  if (entry.type === 'member.set') {
    const had = before.members.get(entry.body.member)?.roles ?? [];
    return entry.body.roles.some((role) => !had.includes(role));
  }
  return ['member.add', 'device.add', 'org.set', 'recovery.set', 'recovery.use', 'recovery.finish'].includes(entry.type);
}
