// Every bound of the MCP server, with its reason (spec/13-mcp.md §bounds).

export const bounds = {
  /** A call takes no longer than 45 s, its answer included: hosts cut calls off at 60 s. */
  waitMs: 44_500,
  /** stillvault_request waits only until people were asked; a slow relay is no reason to block. */
  announceS: 5,
  /** A host that shows progress keeps the call alive. */
  progressMs: 5_000,
  /** Asked for again by the model after this long. */
  retryAfterMs: 1_000,
  /** What was approved and not used is wiped: the agent has moved on. */
  holdMs: 300_000,
  /** After a denial the same secrets are not asked for again for this long. */
  denialMs: 60_000,
  /** Requests of one session that wait or hold a value. */
  openRequests: 16,
  /** As in protocol/limits.ts: one request, one card. */
  items: 16,
  /** As in protocol/limits.ts: the approver's line for what the requester claims. */
  claimCharacters: 120,
  /** As in protocol/limits.ts: where a person gets a value. */
  whereCharacters: 200,
  /** Kept of each output stream, its end: more fills a model's context. */
  outputBytes: 65_536,
  /** Kept of an HTTP answer, its beginning. */
  responseBytes: 262_144,
  /** Of a body or template before its values are put in. */
  templateBytes: 262_144,
  runMs: { usual: 120_000, max: 3_600_000 },
  httpMs: { usual: 30_000, max: 120_000 },
  /** Between the polite and the final signal to a program. */
  killMs: 2_000,
  /** How long a file with values stays; where the policy grants leases, no longer than those. */
  fileS: { usual: 300, max: 3_600 },
  /** Secrets in one list: a longer one is cut and says so. */
  listed: 100,
} as const;
