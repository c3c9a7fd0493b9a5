// All commands, each loaded when it runs (spec/10-local-api.md §command-line). Help, suggestions and completion read this list.
import type { Command } from './terminal/command.ts';

export interface Listed {
  readonly about: string;
  readonly group: 'use' | 'keep' | 'watch' | 'people' | 'set up' | 'serve' | 'other';
  /** First operand, where it is one of a few. */
  readonly verbs?: readonly string[];
  readonly load: () => Promise<{ readonly command: Command }>;
}

export const catalogue: Readonly<Record<string, Listed>> = {
  get: { group: 'use', about: 'read one secret, after a person approved', load: () => import('./get.ts') },
  run: { group: 'use', about: 'run a program with secrets in its environment', load: () => import('./run.ts') },
  proxy: { group: 'use', about: 'an HTTP proxy that puts values in on their way out', load: () => import('./proxy.ts') },
  inject: { group: 'use', about: 'fill a template with secrets', load: () => import('./inject.ts') },
  request: { group: 'use', about: 'ask people, and do not wait', load: () => import('./request.ts') },
  await: { group: 'use', about: 'take what was requested, once people decided', load: () => import('./await.ts') },
  helper: { group: 'use', about: 'git, docker, ssh and others: the doors they know', load: () => import('./helper.ts') },
  mcp: { group: 'use', about: 'the tools of an AI agent: an MCP server on stdio', load: () => import('./mcp.ts') },
  need: { group: 'use', about: 'ask a person for a secret that does not exist yet', verbs: ['ls', 'withdraw'], load: () => import('./need.ts') },
  put: { group: 'keep', about: 'store a secret, countersigned by a writer', load: () => import('./put.ts') },
  scan: { group: 'keep', about: 'find plaintext secrets in files; never prints a value', load: () => import('./scan.ts') },
  import: { group: 'keep', about: 'move plaintext in, leave references behind', load: () => import('./import.ts') },
  ls: { group: 'keep', about: 'list secrets: names, never values', load: () => import('./ls.ts') },
  rotate: { group: 'keep', about: 'new versions: by hooks, by hand, or under new keys', load: () => import('./rotate.ts') },
  info: { group: 'keep', about: 'one secret: versions, policy, who holds it', load: () => import('./info.ts') },
  rm: { group: 'keep', about: 'retire a secret, signed by a writer', load: () => import('./rm.ts') },
  policy: {
    group: 'keep',
    about: 'who may have what, and why; rules as a file',
    verbs: ['ls', 'show', 'check', 'export', 'diff', 'apply', 'retire', 'schema'],
    load: () => import('./policy.ts'),
  },
  status: { group: 'watch', about: 'what the daemon is doing', load: () => import('./status.ts') },
  lease: { group: 'watch', about: 'live leases: list and end', verbs: ['ls', 'end'], load: () => import('./lease.ts') },
  log: { group: 'watch', about: 'the org log: show, verify, go on after a stop', verbs: ['show', 'verify', 'resume'], load: () => import('./log.ts') },
  audit: { group: 'watch', about: 'who released what, proved: show, verify, export', verbs: ['show', 'verify', 'export'], load: () => import('./audit.ts') },
  doctor: { group: 'watch', about: 'check everything, and what to do about it', load: () => import('./doctor.ts') },
  up: { group: 'set up', about: 'relay, daemon and console for one person', load: () => import('./up.ts') },
  member: { group: 'people', about: 'people and their roles', verbs: ['ls', 'set', 'remove'], load: () => import('./member.ts') },
  device: { group: 'people', about: 'their phones and browsers', verbs: ['ls', 'revoke'], load: () => import('./device.ts') },
  machine: { group: 'people', about: 'enrolled hosts, their groups and owners', verbs: ['ls', 'set', 'revoke'], load: () => import('./machine.ts') },
  group: { group: 'people', about: 'names for several people or machines', verbs: ['ls', 'add', 'set', 'remove'], load: () => import('./group.ts') },
  org: { group: 'set up', about: 'create, show, freeze the organisation', verbs: ['show', 'create', 'freeze', 'unfreeze'], load: () => import('./org.ts') },
  recovery: { group: 'set up', about: 'the kit on paper: make, try, use', verbs: ['show', 'create', 'drill', 'use'], load: () => import('./recovery.ts') },
  join: { group: 'set up', about: 'enrol this machine with a token', load: () => import('./join.ts') },
  init: {
    group: 'set up',
    about: "let an agent's host use Stillvault",
    verbs: ['claude-code', 'codex', 'cursor', 'gemini', 'openclaw'],
    load: () => import('./init.ts'),
  },
  daemon: { group: 'serve', about: 'the local daemon in the foreground', load: () => import('./daemon.ts') },
  relay: { group: 'serve', about: 'a relay, and care for its data', verbs: ['serve', 'check', 'backup', 'restore'], load: () => import('./relay.ts') },
  console: { group: 'serve', about: "the approver's web app from your own machine", verbs: ['serve'], load: () => import('./console.ts') },
  completion: { group: 'other', about: 'completion for bash, zsh or fish', verbs: ['bash', 'zsh', 'fish'], load: () => import('./completion.ts') },
  version: { group: 'other', about: 'the version', load: () => import('./version.ts') },
  help: { group: 'other', about: 'help for a command', load: () => import('./help.ts') },
};
