// Three admins and two machines write to one log at the same moment, through a relay that takes the first (spec/05-org-log.md §rules, §sync).
// tAdmin is 2. Admin 0 has two devices. Whoever was revoked goes on signing.

#define NOTHING 0
#define WIDEN 1 // add a member, loosen a policy, a token that admits: t admins
#define REVOKE 2 // an admin's only device, or the admin: one admin. Of admin 0, 1, 2: REVOKE, REVOKE + 1, REVOKE + 2
#define FREEZE 5 // one admin
#define UNFREEZE 6 // t admins

#define revokes(kind) ((kind) >= REVOKE && (kind) < FREEZE)
#define whom(kind) (1 << ((kind) - REVOKE))
#define needed(kind) (((kind) == WIDEN || (kind) == UNFREEZE) -> 2 : 1)
// Signatures are bits of devices; 0 and 1 are those of admin 0.
#define devices(members) (((members) & 1) * 3 + ((members) & 6) * 2)
#define people(sigs) ((((sigs) & 3) != 0) + (((sigs) >> 2) & 1) + (((sigs) >> 3) & 1))
#define admins ((living & 1) + ((living >> 1) & 1) + ((living >> 2) & 1))
#define must(name, holds) name = (holds); assert(name)

bool authority = true;
bool min_admins = true;
bool only_living = true;
bool one_parent = true;
bool frozen_only_narrows = true;
bool token_once = true;

byte living = 7; // admins with a live device
bool frozen;
bool token_used;

// What each admin still wants, and its draft.
byte wish[3];
bool drafted[3];
byte sigs[3];
bool on_head[3]; // signed on the head that the log has now
bool enrol_on_head[2];

byte machines; // ghost: how many the token has enrolled

// The rules of an entry's type at the head, which everybody applies who reads it.
#define allowed(kind) ((!frozen || kind != WIDEN) && (!revokes(kind) || ((living & whom(kind)) != 0 && admins > 2)))
#define awaits(other, mine) (drafted[other] && on_head[other] && (sigs[other] & (mine)) != (mine))

inline forget() {
  drafted[me] = false;
  sigs[me] = 0;
  on_head[me] = false
}

// The relay keeps one entry at each place: whoever signed on the head before must sign again.
inline appended() {
  on_head[0] = false;
  on_head[1] = false;
  on_head[2] = false;
  enrol_on_head[0] = false;
  enrol_on_head[1] = false
}

proctype admin(byte me) {
end:
  do
  // signs, and signs again where the log has moved
  :: atomic {
       wish[me] != NOTHING && ((living >> me) & 1) && allowed(wish[me]) && !(drafted[me] && on_head[me]) ->
       drafted[me] = true;
       on_head[me] = true;
       sigs[me] = (me == 0 -> 1 : 1 << (me + 1))
     }
  // the rules refuse it: told why
  :: atomic { wish[me] != NOTHING && !(((living >> me) & 1) && allowed(wish[me])) -> wish[me] = NOTHING; forget() }
  // countersigns what another has drafted on the head, with every device; one that was revoked does so as well
  :: atomic { awaits((me + 1) % 3, devices(1 << me)) -> sigs[(me + 1) % 3] = sigs[(me + 1) % 3] | devices(1 << me) }
  :: atomic { awaits((me + 2) % 3, devices(1 << me)) -> sigs[(me + 2) % 3] = sigs[(me + 2) % 3] | devices(1 << me) }
  // its own second device
  :: atomic { me == 0 && awaits(0, 3) -> sigs[0] = 3 }
  // offers it, without the signatures that do not count
  :: atomic {
       wish[me] != NOTHING && drafted[me] && people(sigs[me] & devices(living)) >= needed(wish[me]) ->
       sigs[me] = sigs[me] & devices(living);
       if
       :: !on_head[me] -> forget() // E_RELAY_CONFLICT, E_CHAIN
       :: on_head[me] && allowed(wish[me]) ->
          must(one_parent, on_head[me]);
          must(only_living, (sigs[me] & ~devices(living) & 15) == 0);
          must(authority, (wish[me] != WIDEN && wish[me] != UNFREEZE) || ((sigs[me] & (sigs[me] - 1)) != 0 && sigs[me] != 3));
          must(frozen_only_narrows, !frozen || wish[me] != WIDEN);
          if
          :: revokes(wish[me]) -> living = living & ~whom(wish[me])
          :: wish[me] == FREEZE -> frozen = true
          :: wish[me] == UNFREEZE -> frozen = false
          :: wish[me] == WIDEN -> skip
          fi;
          must(min_admins, admins >= 2);
          wish[me] = NOTHING;
          forget();
          appended()
       fi
     }
  od
}

// Two machines that were given the same token.
proctype machine(byte me) {
end:
  do
  :: atomic { !enrol_on_head[me] && !token_used && !frozen -> enrol_on_head[me] = true }
  :: atomic {
       enrol_on_head[me] && !token_used ->
       machines++;
       must(token_once, machines == 1);
       token_used = true;
       appended()
     }
  od
}

init {
  byte kind;
  atomic {
    select(kind : WIDEN .. UNFREEZE); wish[0] = kind;
    select(kind : WIDEN .. UNFREEZE); wish[1] = kind;
    select(kind : WIDEN .. UNFREEZE); wish[2] = kind;
    kind = 0;
    run admin(0);
    run admin(1);
    run admin(2);
    run machine(0);
    run machine(1)
  }
}

// Two who act at the same moment: one signs again on the new head, and nobody is locked out.
ltl nobody_locked_out { <> (wish[0] == NOTHING && wish[1] == NOTHING && wish[2] == NOTHING && (token_used || frozen)) }
