// The audit trail of the fake world: machines that ask, people that answer, receipts in chains, and the export a daemon would make of it. Never shipped.
import type { Evidence } from '../protocol/approval.ts';
import { type AuditHeads, type Finding, createAudit } from '../protocol/audit/audit.ts';
import { type AuditPart, createExportReader, exportLines } from '../protocol/audit/export.ts';
import type { AuditRow } from '../protocol/audit/rows.ts';
import type { Hash, LeaseId, OrgId } from '../protocol/hash.ts';
import { zeroHash } from '../protocol/org-log/entry.ts';
import { type LeaseGrant, type Receipt, signReceipt } from '../protocol/receipt.ts';
import { World } from './world.ts';
import { type WorldMachine, idFrom } from './world-people.ts';
import { type Ask, type WorldRequest, answer, ask, receive } from './world-release.ts';

export interface Audited {
  readonly rows: readonly AuditRow[];
  readonly findings: readonly Finding[];
  readonly codes: readonly string[];
  readonly heads: AuditHeads;
}

export class Trail {
  readonly world: World;
  readonly parts: AuditPart[] = [];
  private readonly last = new Map<string, { readonly n: number; readonly hash: Hash }>();
  private entries = 0;

  constructor(world: World) {
    this.world = world;
  }

  /** Entries that came since. */
  private catchUp(): void {
    for (const { bytes } of this.world.entries.slice(this.entries)) this.parts.push({ kind: 'entry', bytes });
    this.entries = this.world.entries.length;
  }

  /** A receipt on the machine's chain; `changes` are what a hostile machine writes instead. */
  async receipt(machine: WorldMachine, about: Pick<Receipt, 'outcome' | 'requestId' | 'rh'> & Partial<Receipt>): Promise<Hash> {
    this.catchUp();
    const { world } = this;
    const last = this.last.get(machine.id);
    const place = {
      org: world.state.org,
      machine: machine.id,
      n: (last?.n ?? -1) + 1,
      prev: last?.hash ?? zeroHash,
      ts: world.clock.now(),
      head: world.state.head,
    };
    const { bytes, hash } = await signReceipt({ evidence: [], note: '', ...place, ...about }, machine.sig);
    this.last.set(machine.id, { n: place.n, hash });
    this.parts.push({ kind: 'receipt', machine: machine.id, bytes });
    return hash;
  }

  /** Asked for, approved by those named, released. */
  async release(
    machine: WorldMachine,
    paths: readonly string[],
    by: readonly string[],
    { told = {}, ...how }: Ask & { readonly told?: Partial<Receipt> } = {},
  ): Promise<WorldRequest & { readonly lease?: LeaseGrant }> {
    const { world } = this;
    const request = await ask(world, machine, paths, how);
    const evidence: Evidence[] = [];
    for (const name of by) evidence.push((await receive(world, request, await answer(world, world.device(name), request, 'approve'))).evidence);
    const terms = request.request.lease;
    const lease = terms.ttlS > 0 ? { id: idFrom<LeaseId>(world.random), terms, until: world.clock.now() + terms.ttlS * 1_000 } : undefined;
    const about = { outcome: 'released', requestId: request.request.requestId, rh: request.rh, request: request.bytes, evidence } as const;
    await this.receipt(machine, { ...about, ...(lease ? { lease } : {}), ...told });
    return { ...request, ...(lease ? { lease } : {}) };
  }

  /** The lines of an export by that machine. */
  async export(by: WorldMachine): Promise<string[]> {
    this.catchUp();
    const { world, parts } = this;
    async function* all(): AsyncGenerator<AuditPart> {
      yield* parts;
    }
    const lines: string[] = [];
    const signer = { org: world.state.org, machine: by.id, sig: by.sig, now: world.clock.now, head: () => world.state.head };
    for await (const line of exportLines(all(), signer)) lines.push(JSON.stringify(line));
    return lines;
  }
}

/** What `audit verify --export` finds in these lines. */
export async function auditOf(org: OrgId, lines: readonly string[], anchor?: AuditHeads): Promise<Audited> {
  const rows: AuditRow[] = [];
  const findings: Finding[] = [];
  const audit = createAudit({ org, ...(anchor ? { anchor } : {}), onRow: (row) => void rows.push(row), onFinding: (finding) => void findings.push(finding) });
  const reader = createExportReader(org, audit);
  for (const line of lines) await reader.line(line);
  const heads = reader.finish();
  return { rows, findings, heads, codes: findings.map(({ code }) => code) };
}

export interface TrailWorld {
  readonly world: World;
  readonly trail: Trail;
}

/** ada and ben, a laptop and a server; prod/db wants one of them, team/key both. */
export async function startTrail(seed = 'audit'): Promise<TrailWorld> {
  const world = new World(seed);
  await world.genesis({ policies: [{}, { pattern: 'team/**' }] });
  await world.addMember('ben');
  await world.addMachine('laptop');
  await world.addMachine('server');
  await world.approvers('prod/db', 1, ['ada', 'ben']);
  await world.approvers('team/key', 2, ['ada', 'ben']);
  await world.put('prod/db', 'value');
  await world.put('team/key', 'value');
  return { world, trail: new Trail(world) };
}
