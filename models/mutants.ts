// The models' mutants: each removes one defence, and the property it names must then be broken. A mutant that passes is an error of the model.

export type ModelName = 'org-log' | 'admins' | 'request' | 'lease';

export interface Mutant {
  readonly model: ModelName;
  /** What somebody might build instead. */
  readonly name: string;
  /** The property that must catch it. */
  readonly breaks: string;
  /** Each text stands in the model exactly once. */
  readonly edits: readonly (readonly [find: string, replace: string])[];
}

const orgLog: readonly Omit<Mutant, 'model'>[] = [
  {
    name: 'follows the relay to whatever it shows',
    breaks: 'only_forward',
    edits: [[':: here != mem[me] -> halted[me] = true', ':: here != 0 && here != mem[me] -> fresh = here :: here == 0 -> halted[me] = true']],
  },
  { name: 'no high-water mark: begins at genesis after a crash', breaks: 'no_amnesia', edits: [['mem[me] = disk[me];', 'mem[me] = 1; disk[me] = 1;']] },
  { name: 'acts before it persists', breaks: 'no_amnesia', edits: [['fresh != 0 && disk[me] == fresh ->', 'fresh != 0 ->']] },
  {
    name: 'a fork has a tie-break',
    breaks: 'only_forward',
    edits: [[':: on(parent[next], mem[me]) -> halted[me] = true', ':: on(parent[next], mem[me]) -> fresh = next']],
  },
  {
    name: 'records that were left out are passed over',
    breaks: 'no_gap',
    edits: [
      ['&& parent[next] != mem[me] -> halted[me] = true', '&& parent[next] != mem[me] && on(mem[me], next) -> fresh = next :: else -> halted[me] = true'],
    ],
  },
  {
    name: 'the next place counts, not the parent',
    breaks: 'only_forward',
    edits: [['next != 0 && parent[next] == mem[me] ->', 'next != 0 && seq[next] == seq[mem[me]] + 1 ->']],
  },
  { name: 'a newer head is taken at its word', breaks: 'agreed', edits: [['-> skip // E_HEAD_AHEAD', '-> answer() // E_HEAD_AHEAD']] },
  { name: 'heads are not compared', breaks: 'agreed', edits: [['-> heard[me] = true; forked[me] = true', '-> answer()']] },
  { name: 'another history is forgotten at the next word', breaks: 'fork_stops', edits: [['heard[me] = true; forked[me] = true', 'heard[me] = true']] },
  { name: 'a stopped log syncs on', breaks: 'stays_stopped', edits: [['fresh == 0 && !halted[me] ->', 'fresh == 0 ->']] },
  {
    name: 'a restart forgets that the log stopped',
    breaks: 'stays_stopped',
    edits: [['       fresh = 0;\n       forked', '       fresh = 0;\n       halted[me] = false;\n       forked']],
  },
];

const admins: readonly Omit<Mutant, 'model'>[] = [
  {
    name: 'two devices of one admin are two admins',
    breaks: 'authority',
    edits: [['#define people(sigs) ((((sigs) & 3) != 0) +', '#define people(sigs) (((sigs) & 1) + (((sigs) >> 1) & 1) +']],
  },
  { name: 'one admin may widen', breaks: 'authority', edits: [['(((kind) == WIDEN || (kind) == UNFREEZE) -> 2 : 1)', '((kind) == UNFREEZE -> 2 : 1)']] },
  { name: 'one admin may unfreeze', breaks: 'authority', edits: [['(((kind) == WIDEN || (kind) == UNFREEZE) -> 2 : 1)', '((kind) == WIDEN -> 2 : 1)']] },
  { name: 'the number of admins has no floor', breaks: 'min_admins', edits: [['&& admins > 2))', '&& admins > 0))']] },
  {
    name: 'what was signed on an older head counts',
    breaks: 'one_parent',
    edits: [[':: on_head[me] && allowed(wish[me]) ->', ':: allowed(wish[me]) ->']],
  },
  {
    name: 'two admins who revoke each other both succeed',
    breaks: 'min_admins',
    edits: [
      [':: on_head[me] && allowed(wish[me]) ->', ':: true ->'],
      [':: !on_head[me] -> forget() // E_RELAY_CONFLICT, E_CHAIN', ':: false -> skip'],
    ],
  },
  {
    name: 'a revoked signer is not left out',
    breaks: 'only_living',
    edits: [['sigs[me] = sigs[me] & devices(living);', 'skip;']],
  },
  { name: 'a frozen organisation widens', breaks: 'frozen_only_narrows', edits: [['(!frozen || kind != WIDEN) && ', '']] },
  {
    name: 'a token enrols twice',
    breaks: 'token_once',
    edits: [
      ['!enrol_on_head[me] && !token_used && !frozen ->', '!enrol_on_head[me] && machines < 2 && !frozen ->'],
      ['enrol_on_head[me] && !token_used ->\n       machines++', 'enrol_on_head[me] ->\n       machines++'],
    ],
  },
  {
    name: 'offers the same signatures again after a conflict',
    breaks: 'nobody_locked_out',
    edits: [
      ['!(drafted[me] && on_head[me]) ->', '!drafted[me] ->'],
      [':: !on_head[me] -> forget()', ':: !on_head[me] -> skip'],
    ],
  },
  {
    name: 'nobody is asked to countersign again on the new head',
    breaks: 'nobody_locked_out',
    edits: [
      ['#define awaits(other, mine) (drafted[other] && on_head[other] &&', '#define awaits(other, mine) (living == 7 && drafted[other] && on_head[other] &&'],
    ],
  },
];

const request: readonly Omit<Mutant, 'model'>[] = [
  {
    name: 'no second look at the log before combining',
    breaks: 'combined_at_newest',
    edits: [[':: !doomed && yeses >= NEEDED ->\n          must(combined', ':: yeses >= NEEDED ->\n          must(combined']],
  },
  {
    name: 'a removed approver still counts',
    breaks: 'combined_at_newest',
    edits: [[':: dropped(2) && word[2] == YES -> word[2] = SILENT', ':: dropped(2) && word[2] == YES -> skip']],
  },
  {
    name: 'frozen while values are opened, and released',
    breaks: 'judged_at_newest',
    edits: [[':: !gone && !doomed && yeses >= NEEDED ->', ':: !gone && yeses >= NEEDED ->']],
  },
  {
    name: 'an approver revoked while values are opened is not missed',
    breaks: 'judged_at_newest',
    edits: [[':: !gone && !doomed && yeses >= NEEDED ->', ':: !gone && !doomed ->']],
  },
  {
    name: 'consumed after delivery',
    breaks: 'receipt_first',
    edits: [
      ['receipt = RELEASED;\n', 'skip;\n'],
      ['must(at_most_once, delivered == 1);', 'must(at_most_once, delivered == 1);\n       receipt = RELEASED;'],
    ],
  },
  {
    name: 'counts devices instead of members',
    breaks: 'never_without_quorum',
    edits: [['#define member(device) (device <= 1 -> 0 :', '#define member(device) (device <= 1 -> device :']],
  },
  {
    name: 'an approval of an older request counts',
    breaks: 'never_without_quorum',
    edits: [['-> skip // E_BIND, E_REPLAY', '-> count(device) // E_BIND, E_REPLAY']],
  },
  {
    name: 'a late approval is accepted',
    breaks: 'never_late',
    edits: [
      [
        ':: atomic {\n       phase == PENDING && !time_up && !gone && !doomed && (gestures | old)',
        ':: atomic {\n       phase == PENDING && !gone && !doomed && (gestures | old)',
      ],
    ],
  },
  {
    name: 'delivers until somebody takes it',
    breaks: 'at_most_once',
    edits: [['must(at_most_once, delivered == 1);\n       phase = OVER', 'must(at_most_once, delivered == 1)']],
  },
  {
    name: 'a failed delivery is recorded as a failed request',
    breaks: 'one_end',
    edits: [['phase == CONSUMED && gone -> phase = OVER', 'phase == CONSUMED && gone -> phase = ENDING']],
  },
  { name: 'the head in an answer is not looked at', breaks: 'heads_heard', edits: [[':: phase = ENDING // E_HEAD_AHEAD', ':: count(device) // E_HEAD_AHEAD']] },
  { name: 'waits on after the last no', breaks: 'denial_is_final', edits: [['refused = true; phase = ENDING', 'refused = true']] },
  {
    name: 'releases to a requester that left while values were opened',
    breaks: 'withdrawn_is_final',
    edits: [[':: !gone && !doomed && yeses >= NEEDED ->', ':: !doomed && yeses >= NEEDED ->']],
  },
  {
    name: 'no clock of its own',
    breaks: 'every_ask_ends',
    edits: [['phase == PENDING && (time_up || gone || doomed) ->', 'phase == PENDING && (gone || doomed) ->']],
  },
];

const looks = '#define over (why != 0 || used >= USES)';
const blindTo = (what: string): readonly [string, string] => [looks, `#define over ((why & ~${what}) != 0 || used >= USES)`];
const lease: readonly Omit<Mutant, 'model'>[] = [
  { name: 'one use too many', breaks: 'within_uses', edits: [['used >= USES)', 'used > USES)']] },
  { name: 'only the tick looks at the time', breaks: 'within_time', edits: [blindTo('TIME')] },
  { name: 'granted a moment after the freeze, and never reviewed', breaks: 'not_frozen', edits: [blindTo('FROZEN')] },
  {
    name: 'survives a freeze',
    breaks: 'not_frozen',
    edits: [blindTo('FROZEN'), ['(why & (FROZEN | REVOKED | CHANGED)) != 0 -> end_lease()', '(why & (REVOKED | CHANGED)) != 0 -> end_lease()']],
  },
  { name: 'survives the machine’s revocation', breaks: 'not_revoked', edits: [blindTo('REVOKED')] },
  { name: 'survives another policy', breaks: 'not_changed', edits: [blindTo('CHANGED')] },
  { name: 'survives sleep', breaks: 'not_after_sleep', edits: [blindTo('SLEPT')] },
  { name: 'outlives its program', breaks: 'only_its_program', edits: [blindTo('PROCESS')] },
  {
    name: 'asleep while it is found out who asks, and read',
    breaks: 'not_after_sleep',
    edits: [
      [
        'may ->\n       end_what_is_over();\n       if\n       :: live && !over ->',
        'may ->\n       if\n       :: live && (why & ~SLEPT) == 0 && used < USES ->',
      ],
      ['       :: !live -> skip\n', '       :: else -> skip\n'],
    ],
  },
  {
    name: 'two who read at once count one use',
    breaks: 'within_uses',
    edits: [['may ->\n       end_what_is_over();\n       if\n       :: live && !over ->', 'may ->\n       if\n       :: live ->']],
  },
  { name: 'read by whoever asks', breaks: 'only_its_program', edits: [['may = live && its_program', 'may = live']] },
  { name: 'ended in the list only', breaks: 'ended_is_ended', edits: [['live -> end_lease(); ended = true', 'live -> ended = true']] },
  { name: 'kept on disk', breaks: 'only_in_memory', edits: [['judged = false; live = false; used = 0; unwritten = 0', 'judged = false']] },
  { name: 'a use that no receipt will name', breaks: 'every_use_counted', edits: [['used++;\n          unwritten++;', 'used++;']] },
  {
    name: 'uses are recorded at the end only',
    breaks: 'uses_are_recorded',
    edits: [[':: live && unwritten > 0 -> recorded = recorded + unwritten; unwritten = 0', ':: live && unwritten > 0 -> skip']],
  },
  { name: 'nobody looks where nobody reads', breaks: 'over_is_ended', edits: [['live && (over || unwritten > 0) ->', 'live && unwritten > 0 ->']] },
];

const of = (model: ModelName, list: readonly Omit<Mutant, 'model'>[]): readonly Mutant[] => list.map((mutant) => ({ model, ...mutant }));
export const mutants: readonly Mutant[] = [...of('org-log', orgLog), ...of('admins', admins), ...of('request', request), ...of('lease', lease)];
