// Two clients follow one log through a relay that shows to each what it likes (spec/05-org-log.md §sync, 09 §freshness).
// Anybody may have signed any entry on any other: revoked admins, two admins at the same moment, a client that was shown a fork.

#define ENTRIES 5 // genesis is 1; 0 is none
#define on(e, h) ((chain[h] >> (e)) & 1) // e is h, or h follows from it
#define must(name, holds) name = (holds); assert(name)

bool only_forward = true;
bool no_gap = true;
bool no_amnesia = true;
bool agreed = true;
bool fork_stops = true;
bool stays_stopped = true;

byte parent[ENTRIES + 1];
byte seq[ENTRIES + 1];
byte chain[ENTRIES + 1];
byte count = 1;

byte disk[2] = 1; // head of the durable log
byte mem[2] = 1; // head of the log that it acts on
byte words[2]; // heads it has spoken of, which the relay keeps and repeats
bool halted[2]; // durable
bool stopped[2]; // ghost: it met something that stops it, and nobody has looked since
bool forked[2]; // somebody has spoken to it of another history
bool heard[2]; // ghost: the same

byte spoken[2] = 1; // ghost: the newest head it has spoken of

// Any signer, any parent: the relay can arrange which of them a client gets to see.
proctype signers() {
  byte p;
end:
  do
  :: atomic {
       count < ENTRIES ->
       select(p : 1 .. count);
       count++;
       parent[count] = p;
       seq[count] = seq[p] + 1;
       chain[count] = chain[p] | (1 << count);
       p = 0
     }
  od
}

inline pick(entry) {
  entry = 0;
  do
  :: entry < count -> entry++
  :: break
  od
}

inline speak() {
  words[me] = words[me] | (1 << mem[me]);
  spoken[me] = mem[me]
}

// Shows the request, releases on the approval: whatever it does then is a word of its own.
inline answer() {
  must(agreed, on(word, mem[me]));
  must(fork_stops, !heard[me]);
  speak()
}

proctype client(byte me) {
  byte here; // the record that the relay shows at this client's place; 0: its head is behind that place
  byte next; // the record after it; 0: none
  byte fresh; // verified, not yet durable
  byte word;
end:
  do
  // one page of a sync
  :: atomic {
       fresh == 0 && !halted[me] ->
       pick(here); pick(next);
       if
       :: here != mem[me] -> halted[me] = true; stopped[me] = true // E_LOG_ROLLBACK, E_FORK
       :: else ->
          if
          :: next == 0 || on(next, mem[me]) -> skip // nothing, or a copy: no entry
          :: next != 0 && parent[next] == mem[me] -> fresh = next
          :: next != 0 && seq[next] > seq[mem[me]] && parent[next] != mem[me] -> halted[me] = true; stopped[me] = true // E_CHAIN, E_CHAIN_GAP
          :: next != 0 && seq[next] <= seq[mem[me]] && !on(next, mem[me]) ->
             if
             :: on(parent[next], mem[me]) -> halted[me] = true; stopped[me] = true // E_FORK: valid on the state before that place
             :: else -> skip // never valid in this log
             fi
          fi
       fi;
       here = 0; next = 0
     }
  :: atomic { fresh != 0 && disk[me] != fresh -> disk[me] = fresh } // persisted
  :: atomic {
       fresh != 0 && disk[me] == fresh ->
       must(stays_stopped, !stopped[me]);
       must(only_forward, on(mem[me], fresh));
       must(no_gap, parent[fresh] == mem[me]);
       mem[me] = fresh; // from here on it acts on it
       fresh = 0
     }
  // a request, an approval, a notice: each carries its sender's head
  :: atomic { !halted[me] -> speak() }
  // acts on the other's word: shows the request, releases on the approval
  :: atomic {
       !halted[me] && words[1 - me] != 0 ->
       pick(word);
       if
       :: word == 0 || !((words[1 - me] >> word) & 1) -> skip
       :: else ->
          if
          :: seq[word] > seq[mem[me]] -> skip // E_HEAD_AHEAD: sync and look again
          :: seq[word] <= seq[mem[me]] && !on(word, mem[me]) -> heard[me] = true; forked[me] = true // E_FORK
          :: seq[word] <= seq[mem[me]] && on(word, mem[me]) && !forked[me] ->
             answer()
          :: seq[word] <= seq[mem[me]] && on(word, mem[me]) && forked[me] -> skip
          fi
       fi;
       word = 0
     }
  // a person has looked: what stopped it is no entry from now on, or the relay was mended
  :: atomic { stopped[me] -> halted[me] = false; stopped[me] = false }
  // a crash at any of these points: only what devices have said is forgotten
  :: atomic {
       fresh = 0;
       forked[me] = false;
       heard[me] = false;
       mem[me] = disk[me];
       must(no_amnesia, on(spoken[me], mem[me]))
     }
  od
}

init {
  atomic {
    chain[1] = 2;
    run signers();
    run client(0);
    run client(1)
  }
}
