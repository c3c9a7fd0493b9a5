// What the local API tells about the recovery kit: which one the log names, and a use of it that is under way (spec/18-recovery.md).

export interface RecoveryStatus {
  /** `sigKey`: base64url of the kit's public key, by which a drill knows it. */
  readonly kit?: { readonly id: string; readonly t: number; readonly m: number; readonly delayMs: number; readonly sigKey: string };
  /** Announced, not in force yet: any admin's freeze stops it. */
  readonly recovering?: {
    readonly name: string;
    /** A new member; else one that gets a further device. */
    readonly isNew: boolean;
    readonly device: string;
    readonly reason: string;
    readonly at: string;
    readonly effectiveAt: string;
  };
}
