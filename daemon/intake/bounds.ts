// Every bound of the intake, with its reason (spec/10-local-api.md §bounds). Each is tested at the bound and one past it.

export const bounds = {
  /** One ask: a put of 64 KiB is 88 KiB in base64; fields and description fit beside it. */
  bodyBytes: 262_144,
  headerBytes: 8_192,
  /** sun_path of macOS without its NUL, the shortest of the systems we run on. */
  socketPathBytes: 103,
  /** Open connections: a stuck program must not take every descriptor of the daemon. */
  connections: 512,
  /** A connection with no request in flight is closed after this; the same clock ends half-sent headers. */
  idleMs: 60_000,
  /** A body must have arrived after this. */
  bodyMs: 10_000,
  /** A connection that was refused may read its refusal for this long. */
  refusedMs: 2_000,
  /** Unread events: a client that stops reading is cut off. */
  unreadBytes: 8_388_608,
  /** Largest program or script that is hashed: the biggest agent binaries are about 300 MB. */
  hashedBytes: 1_073_741_824,
  hashMs: 10_000,
  hashCacheEntries: 256,
  /** Reading argv can block in another process's page faults. */
  procReadMs: 1_000,
  procReadBytes: 65_536,
  /** Own argv, and that of one ancestor: all of `observed` must fit a 16 KiB request. */
  argvBytes: 3_072,
  ancestorArgvBytes: 384,
  ancestorPathBytes: 256,
  /** Parents followed when looking for a lease's anchor or an ssh session. */
  walkDepth: 64,
  /** Asks for a human's attention: per program, and per uid over all its programs. */
  askBurst: 20,
  asksPerMinute: 10,
  askBurstPerUid: 60,
  asksPerMinutePerUid: 30,
  rateKeys: 1_024,
} as const;
