// One lease from its grant to its end: two programs read it at once, while time, the log and people may end it (spec/09-release.md §leases).

#define USES 3 // the release itself is the first

// Why it must not be read from any more.
#define TIME 1
#define PROCESS 2 // the program that it was granted to has exited
#define FROZEN 4
#define REVOKED 8 // this machine
#define CHANGED 16 // policy, or a new version
#define SLEPT 32 // the machine was suspended
#define must(name, holds) name = (holds); assert(name)

bool within_uses = true;
bool within_time = true;
bool not_frozen = true;
bool not_revoked = true;
bool not_changed = true;
bool not_after_sleep = true;
bool only_its_program = true;
bool ended_is_ended = true;
bool only_in_memory = true;
bool every_use_counted = true;

// The daemon's memory.
bool judged; // the release passed its last check; its receipt is being written
bool live;
byte used;
byte unwritten; // uses that no receipt names yet

byte why; // what has happened, as far as the daemon can know it

bool ended; // ghost: somebody ended it
bool crashed; // ghost
byte handed; // ghost: how often a value has left
byte recorded; // ghost: uses that a receipt names

inline end_lease() {
  live = false;
  recorded = recorded + unwritten; // the receipt of its end says how many in all
  unwritten = 0
}

// What is looked at every time it is read, and at every tick.
#define over (why != 0 || used >= USES)

// Every entry that is read.
inline review() {
  if
  :: live && (why & (FROZEN | REVOKED | CHANGED)) != 0 -> end_lease()
  :: else -> skip
  fi
}

inline end_what_is_over() {
  if
  :: live && over -> end_lease()
  :: else -> skip
  fi
}

proctype desk() {
  atomic { judged = true };
  // the receipt takes a moment, and anything may happen in it
end:
  atomic {
    judged && !crashed ->
    judged = false;
    live = true;
    used = 1;
    handed = 1;
    recorded = 1
  }
}

proctype world() {
end:
  do
  :: atomic { (why & TIME) == 0 && live -> why = why | TIME }
  :: atomic { (why & PROCESS) == 0 -> why = why | PROCESS }
  :: atomic { (why & REVOKED) == 0 -> why = why | REVOKED; review() }
  :: atomic { (why & CHANGED) == 0 -> why = why | CHANGED; review() }
  :: atomic { (why & FROZEN) == 0 -> why = why | FROZEN; review() }
  :: atomic { (why & SLEPT) == 0 && live -> why = why | SLEPT }
  // `lease end`, a notice of a device, a stopped log
  :: atomic { live -> end_lease(); ended = true }
  :: break // nothing more happens
  od
}

proctype tick() {
end:
  do
  :: atomic {
       live && (over || unwritten > 0) ->
       end_what_is_over();
       if
       :: live && unwritten > 0 -> recorded = recorded + unwritten; unwritten = 0 // a receipt of uses
       :: else -> skip
       fi
     }
  od
}

proctype reader(bool its_program) {
  bool may;
end:
  do
  // the clocks and the lease, then who asks: that takes a moment
  :: atomic { live && !may -> end_what_is_over(); may = live && its_program }
  // from here on nothing waits
  :: atomic {
       may ->
       end_what_is_over();
       if
       :: live && !over ->
          must(within_time, (why & TIME) == 0);
          must(not_frozen, (why & FROZEN) == 0);
          must(not_revoked, (why & REVOKED) == 0);
          must(not_changed, (why & CHANGED) == 0);
          must(not_after_sleep, (why & SLEPT) == 0);
          must(only_its_program, its_program && (why & PROCESS) == 0);
          must(ended_is_ended, !ended);
          must(only_in_memory, !crashed);
          used++;
          unwritten++;
          handed++;
          must(within_uses, handed <= USES);
          must(every_use_counted, handed == recorded + unwritten)
       :: !live -> skip
       fi;
       may = false
     }
  :: !may -> break // asks no more
  od
}

proctype crash() {
end:
  do
  :: atomic { !crashed -> crashed = true; judged = false; live = false; used = 0; unwritten = 0 }
  :: break // never
  od
}

init {
  atomic {
    run desk();
    run world();
    run tick();
    run reader(true);
    run reader(true);
    run reader(false);
    run crash()
  }
}

// Every use is in a receipt a moment later, unless the daemon dies in that moment.
ltl uses_are_recorded { [] (unwritten > 0 -> <> (unwritten == 0)) }
// What must end does, though nobody reads.
ltl over_is_ended { [] ((live && (why & TIME) != 0) -> <> !live) }
