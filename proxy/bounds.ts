// Bounds of the egress proxy, each with its reason.

export const bounds = {
  /** A head with cookies and a token of some kilobytes; servers refuse more than 8 to 64 KiB. */
  headBytes: 65_536,
  headers: 200,
  /** The line before a chunk, with extensions that nobody uses. */
  chunkLineBytes: 256,
  /** Bodies up to this size are rewritten whole, so that they keep a content-length: many servers refuse chunked requests. */
  wholeBodyBytes: 1_048_576,
  /** A signature of AWS over a body needs all of it. */
  signedBodyBytes: 8_388_608,
  /** What is read ahead of one connection. */
  readAheadBytes: 262_144,
  /** Programs open some dozens; each holds two sockets. */
  connections: 512,
  /** To connect and shake hands, and for the first head of a connection to come. */
  connectMs: 30_000,
  /** Model calls and long polls are silent for minutes. */
  idleMs: 900_000,
  /** After an upgrade, what may begin a value waits so long for more: frames have no end that a mask knows. */
  maskHoldMs: 250,
  /** A denial holds for so long: a program that tries again does not ask people again. */
  deniedMs: 60_000,
  /** A standing proxy is started anew within this time. */
  authorityMs: 2_592_000_000,
  leafMs: 86_400_000,
  /** Hosts a program talks to; the oldest certificate goes first. */
  leaves: 1_024,
} as const;
