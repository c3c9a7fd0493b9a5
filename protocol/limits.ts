// Every bound of the protocol, with its reason (spec/01-encoding.md §limits). Each is tested at the bound and one past it.

/** Sizes in bytes unless the name says otherwise. */
export const limits = {
  /** One log entry envelope: holds the wrap table of a secret for 512 devices. */
  entryBytes: 65_536,
  requestBytes: 16_384,
  approvalBytes: 32_768,
  /** One secret value, all its fields together. */
  valueBytes: 65_536,
  /** One blob at the relay: a padded value of 64 KiB, or the key wraps of a full org (1,024 × 1.2 KiB). */
  blobBytes: 1_572_864,
  /** One mail: a padded approval or request with HPKE overhead. */
  mailBytes: 40_960,
  /** A record at the relay: a padded entry with AEAD overhead. */
  recordBytes: 73_728,
  /** One call to the relay. */
  wireBytes: 4_194_304,
  /** One thing in a snapshot: a secret of an entry's size, with the wraps that rewraps have added for a full org. */
  snapshotItemBytes: 196_608,
  /** Pieces of one snapshot, a mebibyte each where it is large: several times what 10,000 secrets and 1,000 holders take. */
  snapshotPieces: 128,
  /** Entries from one checkpoint with a snapshot to the next, at least: they take a newcomer less than a second. */
  checkpointEvery: 1_000,
  /** Records after a checkpoint that somebody who comes reads before the log itself: 20 times what is between two. */
  recordsAhead: 20_000,
  cborDepth: 8,
  /** Items of one message, map keys included: wraps of a new MK for a full org (5 × 1,024), a page of 500 records (11 × 500), 1,024 mails (7 × 1,024). */
  cborItems: 8_192,
  devices: 512,
  machines: 512,
  admins: 32,
  /** Levels of the tree of one gesture: 4,096 entries, the rewraps of an org's 10,000 secrets many times over. */
  gestureDepth: 12,
  /** Entries that one draft proposes: a policy file. */
  draftItems: 64,
  /** Changes that a machine proposes: what a draft could carry as well. */
  changesBytes: 32_768,
  /** A draft as a letter: fits one mail. */
  draftBytes: 32_768,
  /** How long an endorsement counts: a week of holidays. */
  draftLifeMs: 604_800_000,
  quorumN: 16,
  /** Printed shares of a recovery kit: as many people as a quorum. */
  kitShares: 16,
  /** Secrets of one secret.rewrap: what fits an entry with a few wraps each. */
  rewrapItems: 64,
  itemsPerRequest: 16,
  /** New versions of one proposal: a file of settings. Their bodies fit one record, as an entry does. */
  putsPerRequest: 64,
  ancestors: 6,
  argv: 32,
  /** Bytes of one observed string (argv item, path): the kernel allows more, a card does not. */
  observedBytes: 512,
  claimGraphemes: 120,
  nameBytes: 128,
  pathBytes: 256,
  descriptionBytes: 512,
  fields: 32,
  requestLifeMs: 900_000,
  requestLifeDefaultMs: 180_000,
  /** A person has to fetch the value somewhere: as long as the relay keeps mail. */
  needLifeMs: 604_800_000,
  /** Where a value is got: room for an address. */
  whereGraphemes: 200,
  clockSkewMs: 300_000,
  /** How far in the future an entry may lie for a client to wait for it: longer, and one member could stop the log. */
  clockWaitMs: 86_400_000,
  /** Records that are no entries, read in one sync before it gives up. */
  garbageRecords: 10_000,
  tokenLifeMs: 86_400_000,
  maxStalenessDefaultMs: 86_400_000,
  leaseMaxS: 86_400,
  usesMax: 100_000,
} as const;
