// One machine asks twice; three people with four devices, two must approve; a relay that delays, drops and repeats; a log that may change
// while people look; a daemon that may crash at any point (spec/09-release.md §daemon, §wait, §end, §persistence).

#define NEEDED 2
#define REQUESTS 2

// Phases of the daemon; all but its receipts are in memory.
#define IDLE 0
#define PENDING 1
#define COMPLETE 2 // the counted approvals are enough: sync, and judge again
#define OPENING 3 // shares are combined, values opened
#define JUDGED 4 // the requester is the same, nothing has changed: the receipt is being written
#define CONSUMED 5 // receipt and mark are durable
#define ENDING 6 // ends without a release
#define OVER 7 // ended

// Receipts.
#define NONE 0
#define RELEASED 1
#define WITHOUT 2 // denied, expired, withdrawn, failed

// What may happen to the log meanwhile.
#define NO_CHANGE 0
#define ENDS_IT 1 // freeze, another policy, a new version, the machine revoked
#define REMOVES 2 // member 2 is no approver any more

// The last word of a member.
#define SILENT 0
#define YES 1
#define NO 2

#define member(device) (device <= 1 -> 0 : device - 1)
#define yeses ((word[0] == YES) + (word[1] == YES) + (word[2] == YES))
#define noes ((word[0] == NO) + (word[1] == NO) + (word[2] == NO))
#define hopeless (3 - noes < NEEDED)
#define must(name, holds) name = (holds); assert(name)

bool at_most_once = true;
bool receipt_first = true;
bool one_end = true;
bool never_without_quorum = true;
bool combined_at_newest = true;
bool judged_at_newest = true;
bool heads_heard = true;
bool never_late = true;
bool denial_is_final = true;
bool withdrawn_is_final = true;

// Durable.
byte asked; // the counter: requests so far
byte receipt; // of the newest request

// The log, and whether the daemon has read the change.
byte change;
bool known;

// Made by people's devices, kept by the relay for as long as it likes: bits of devices.
byte gestures; // approvals of the newest request
byte newer; // of those, made at a log that had the change, while the daemon's had not
byte old; // approvals of the request before, by members 1 and 2: who made them makes no difference there

// The daemon's memory.
byte phase;
byte word[3];
bool time_up;
bool gone; // the requester left

byte delivered; // ghost
bool refused; // ghost: so many said no that none was left

// The log says that the request cannot be granted any more; that a person's approval does not count any more.
#define doomed (known && change == ENDS_IT)
#define dropped(who) (known && change == REMOVES && who == 2)
#define asking (phase != IDLE && phase != OVER)

inline clear() {
  word[0] = SILENT; word[1] = SILENT; word[2] = SILENT;
  time_up = false; gone = false
}

// Every entry that is read is held against the request that waits.
inline learn() {
  known = true;
  newer = 0;
  if
  :: dropped(2) && word[2] == YES -> word[2] = SILENT
  :: else -> skip
  fi
}

// The log, and a sync of the daemon's own when the relay lets it; the requester.
proctype world() {
end:
  do
  :: atomic { change == NO_CHANGE -> change = ENDS_IT }
  :: atomic { change == NO_CHANGE -> change = REMOVES }
  :: atomic { change != NO_CHANGE && !known -> learn() }
  :: atomic { asking && !gone -> gone = true }
  :: break // nothing more happens: none of this is what ends a wait
  od
}

proctype clock() {
end:
  do
  :: atomic { phase == PENDING && !time_up -> time_up = true }
  od
}

// Devices approve what was asked, each once for a request; hostile ones among them whatever the log says.
proctype people() {
  byte device;
end:
  do
  :: atomic {
       phase == PENDING && gestures != 15 ->
       select(device : 0 .. 3);
       if
       :: (gestures >> device) & 1 -> skip
       :: else ->
          gestures = gestures | (1 << device);
          if
          :: change != NO_CHANGE && !known -> newer = newer | (1 << device)
          :: skip
          fi
       fi;
       device = 0
     }
  od
}

// The daemon takes an approval of this request by that device: its head first, then who it is.
inline take(device) {
  if
  :: (newer >> device) & 1 ->
     if
     :: learn() // fetched first; the answer is judged when it comes again
     :: phase = ENDING // E_HEAD_AHEAD: the relay does not show it
     fi
  :: !((newer >> device) & 1) && dropped(member(device)) -> skip // E_NOT_ELIGIBLE
  :: !((newer >> device) & 1) && !dropped(member(device)) && word[member(device)] == YES -> skip // E_QUORUM_DUP
  :: !((newer >> device) & 1) && !dropped(member(device)) && word[member(device)] != YES -> count(device)
  fi
}

inline count(device) {
  must(never_late, !time_up);
  must(heads_heard, !((newer >> device) & 1));
  word[member(device)] = YES;
  if
  :: yeses >= NEEDED -> phase = COMPLETE
  :: else -> skip
  fi
}

proctype daemon() {
  byte device;
end:
  do
  :: atomic { phase == IDLE && asked < REQUESTS && !(known && change == ENDS_IT) -> old = gestures & 12; gestures = 0; newer = 0; receipt = NONE; delivered = 0; refused = false; asked++; phase = PENDING }

  // the deadline, the requester and the log come before any answer
  :: atomic { phase == PENDING && (time_up || gone || doomed) -> phase = ENDING }
  :: atomic {
       phase == PENDING && !time_up && !gone && !doomed && (gestures | old) != 0 ->
       select(device : 0 .. 3);
       if
       :: (gestures >> device) & 1 -> take(device)
       :: (old >> device) & 1 -> skip // E_BIND, E_REPLAY: of another request
       :: else -> skip
       fi;
       device = 0
     }
  // a denial takes no gesture: any device may send one, and the relay may repeat it
  :: atomic {
       phase == PENDING && !time_up && !gone && !doomed ->
       select(device : 0 .. 2);
       word[device] = NO;
       if
       :: hopeless -> refused = true; phase = ENDING
       :: else -> skip
       fi;
       device = 0
     }

  // once more at the newest log, if the relay shows it
  :: atomic { phase == COMPLETE && change != NO_CHANGE && !known -> learn() }
  :: atomic {
       phase == COMPLETE ->
       if
       :: doomed -> phase = ENDING
       :: !doomed && yeses < NEEDED -> phase = PENDING
       :: !doomed && yeses >= NEEDED ->
          must(combined_at_newest, !(known && change == ENDS_IT) && !(known && change == REMOVES && word[2] == YES));
          phase = OPENING
       fi
     }
  // opening takes a while; then the requester and the log are looked at again
  :: atomic {
       phase == OPENING ->
       if
       :: gone -> phase = ENDING
       :: !gone && doomed -> phase = ENDING
       :: !gone && !doomed && yeses < NEEDED -> phase = ENDING
       :: !gone && !doomed && yeses >= NEEDED ->
          must(judged_at_newest, !(known && change == ENDS_IT) && yeses >= NEEDED);
          must(withdrawn_is_final, !gone);
          phase = JUDGED
       fi
     }
  :: atomic {
       phase == JUDGED ->
       must(one_end, receipt == NONE);
       receipt = RELEASED;
       phase = CONSUMED
     }
  :: atomic {
       phase == CONSUMED ->
       must(receipt_first, receipt == RELEASED);
       must(denial_is_final, !refused);
       must(never_without_quorum, (((gestures & 3) != 0) + ((gestures >> 2) & 1) + ((gestures >> 3) & 1)) >= NEEDED);
       delivered++;
       must(at_most_once, delivered == 1);
       phase = OVER
     }
  // the value could not be handed over: it is lost, and its receipt stands
  :: atomic { phase == CONSUMED && gone -> phase = OVER }

  :: atomic {
       phase == ENDING ->
       must(one_end, receipt == NONE);
       receipt = WITHOUT;
       phase = OVER
     }
  :: atomic { phase == OVER -> clear(); phase = IDLE }
  od
}

// At any point; what is in memory is lost, and with it the key that the answers are sealed to.
proctype crash() {
end:
  do
  :: atomic { asking -> clear(); phase = IDLE }
  :: break // never again
  od
}

init {
  atomic {
    run world();
    run clock();
    run people();
    run daemon();
    run crash()
  }
}

// Nobody waits for ever: the daemon's own clock ends what nobody decides.
ltl every_ask_ends { [] (asking -> <> !asking) }
