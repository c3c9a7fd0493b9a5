// A machine without a daemon: enrols by a token, asks, opens answers, writes receipts, over a real relay. Honest unless told otherwise. Never shipped.
import { type Evidence, type VerifiedAnswer, verifyAnswer } from '../protocol/approval.ts';
import { changesDigest, changesStream } from '../protocol/changes.ts';
import { array, encode } from '../protocol/codec.ts';
import { type SecretValue, openMachineHalf, openSecret, sealSecret } from '../protocol/custody.ts';
import { fingerprintWords, joinMailbox, openJoinPacket, parseToken } from '../protocol/enrolment.ts';
import type { Hash, LeaseId, MachineId, RequestId, SecretId } from '../protocol/hash.ts';
import { type Signer, generateSigner, importSigner } from '../protocol/keys.ts';
import { type Letter, openLetter, sealLetter, verifyNotice } from '../protocol/notice.ts';
import type { SecretPut } from '../protocol/org-log/bodies.ts';
import { proposedCodec } from '../protocol/draft.ts';
import { type Proposed, encodeEntry, zeroHash } from '../protocol/org-log/entry.ts';
import { mailboxOn, mailboxesAround, openMkWrap, receiptStream, sealRecord } from '../protocol/org-log/record.ts';
import { type Device, secretAt } from '../protocol/org-log/state.ts';
import { policyFor } from '../protocol/policy.ts';
import { type Proposal, encodeProposal, proposalStream } from '../protocol/proposal.ts';
import { type Outcome, type Receipt, signReceipt } from '../protocol/receipt.ts';
import { type Request, type SignedRequest, type VerifiedItem, once, signRequest } from '../protocol/request.ts';
import { type KemKey, kemKeyFrom } from '../protocol/seal.ts';
import { signEnvelope } from '../protocol/sign.ts';
import type { MailboxId } from '../protocol/wire.ts';
import { blobHash } from '../protocol/wire.ts';
import { type RelayClient, createRelayClient } from '../relay-client/client.ts';
import { createMemoryStore } from '../relay-client/log-store.ts';
import { type OrgLog, newId, openOrgLog } from '../relay-client/org-log.ts';
import { toHex } from '../protocol/bytes.ts';
import { psql } from './world-release.ts';
import type { SoftPlatform } from './soft-platform.ts';

export interface Asked extends SignedRequest {
  readonly request: Request;
  readonly epk: KemKey;
  readonly items: readonly VerifiedItem[];
}
export interface AskOptions {
  readonly changes?: Partial<Request>;
  readonly signer?: Signer;
}

export interface ProposeOptions {
  /** What lies at the relay. */
  readonly tamper?: (encoded: Uint8Array) => Uint8Array;
  /** What is proposed and signed. */
  readonly after?: (puts: readonly SecretPut[]) => readonly SecretPut[];
  /** What the request says of it. */
  readonly named?: (puts: Proposal['puts']) => Proposal['puts'];
}

export class SoftMachine {
  readonly id: MachineId;
  readonly sig: Signer;
  readonly kem: KemKey;
  readonly client: RelayClient;
  readonly log: OrgLog;
  readonly words: string;
  private readonly platform: SoftPlatform;
  private readonly mailboxSeed: Uint8Array;
  private ctr = 0;
  private receipts: { n: number; hash: Hash } = { n: -1, hash: zeroHash };

  private constructor(
    parts: Pick<SoftMachine, 'id' | 'sig' | 'kem' | 'client' | 'log' | 'words'> & { readonly platform: SoftPlatform; readonly mailboxSeed: Uint8Array },
  ) {
    ({
      id: this.id,
      sig: this.sig,
      kem: this.kem,
      client: this.client,
      log: this.log,
      words: this.words,
      platform: this.platform,
      mailboxSeed: this.mailboxSeed,
    } = parts);
  }

  /** What `stillvault join <token>` does. */
  static async enrol(platform: SoftPlatform, text: string, name: string): Promise<SoftMachine> {
    const token = parseToken(text);
    const { fetch, now, random } = platform;
    const joiner = createRelayClient({ url: token.relay, org: token.org, signer: await importSigner(token.scalar, token.publicKey), fetch, now, random });
    const [packet] = (await joiner.readMail({ mailboxes: [joinMailbox(token)], after: 0, limit: 1 })).mails;
    if (!packet) throw new Error('no packet for this token');
    const { epoch, mk } = await openJoinPacket(token, packet.body);
    const { signer: sig } = await generateSigner(false);
    const kem = await kemKeyFrom(random(32));
    const [id, mailboxSeed] = [newId<MachineId>(random), random(32)];
    await joiner.registerKey(sig.publicKey, 'machine');
    const client = createRelayClient({ url: token.relay, org: token.org, signer: sig, fetch, now, random });
    const log = await openOrgLog({
      org: token.org,
      client,
      store: createMemoryStore(),
      now,
      random,
      openMkWrap: (newEpoch, wraps) => openMkWrap(token.org, newEpoch, id, kem, wraps),
    });
    log.addKey(epoch, mk);
    const { head } = await log.sync();
    const payload = encodeEntry({
      org: token.org,
      seq: head.seq + 1,
      prev: head.eh,
      ts: now(),
      signers: [
        { kind: 'token', id: token.token },
        { kind: 'machine', id },
      ],
      type: 'machine.enrol',
      body: { machine: id, token: token.token, name, sigKey: sig.publicKey, kemKey: kem.publicKey, mailboxSeed },
    });
    await log.append(await signEnvelope('entry', payload, [{ signer: await importSigner(token.scalar, token.publicKey) }, { signer: sig }]));
    return new SoftMachine({ id, sig, kem, client, log, words: fingerprintWords(token.org, sig.publicKey, kem.publicKey), platform, mailboxSeed });
  }

  /** Signs a request and leaves it with every device of the org. */
  async ask(paths: readonly string[], options: AskOptions = {}): Promise<Asked> {
    const asked = await this.sign(paths, options);
    await this.send(asked.bytes);
    return asked;
  }

  async sign(paths: readonly string[], { changes = {}, signer = this.sig }: AskOptions = {}): Promise<Asked> {
    const { random, now } = this.platform;
    const state = await this.log.sync();
    const items = paths.map((path): VerifiedItem => {
      const [secret, policy] = [secretAt(state, path), policyFor(state, path)];
      if (!secret || !policy) throw new Error(`nothing at ${path}`);
      return { item: { secret: secret.id, ver: secret.put.ver, putEh: secret.putEh, policyEh: policy.eh }, secret, policy };
    });
    const epk = await kemKeyFrom(random(32));
    const request: Request = {
      org: state.org,
      head: state.head,
      requestId: newId<RequestId>(random),
      machine: this.id,
      keyId: this.sig.keyId,
      bootId: new Uint8Array(16),
      ctr: ++this.ctr,
      items: items.map(({ item }) => item),
      epk: epk.publicKey,
      reply: toHex(random(32)) as MailboxId,
      lease: once,
      observed: psql,
      claimed: { agent: 'agent', reason: 'nightly report' },
      issuedAt: now(),
      expiresAt: now() + 180_000,
      ...changes,
    }; // the reply mailbox is random and minted here
    return { ...(await signRequest(request, signer)), request, epk, items };
  }

  /** Proposes a version for a writer to countersign; `tamper` changes what lies at the relay. */
  propose(path: string, value: SecretValue, tamper?: (encoded: Uint8Array) => Uint8Array): Promise<Asked> {
    return this.proposeAll([[path, value]], tamper && { tamper });
  }

  async proposeAll(
    values: readonly (readonly [string, SecretValue])[],
    { tamper = (encoded) => encoded, after = (puts) => puts, named = (puts) => puts }: ProposeOptions = {},
  ): Promise<Asked> {
    const { random } = this.platform;
    const state = await this.log.sync();
    const sealed = await Promise.all(
      values.map(([path, value]) => {
        const before = secretAt(state, path);
        const secret = before?.id ?? newId<SecretId>(random);
        const version = { ver: (before?.put.ver ?? 0) + 1, prevVerEh: before?.putEh ?? zeroHash };
        return sealSecret(state, { secret, path, ...version, value, description: 'proposed', proposedBy: this.id }, random);
      }),
    );
    const requestId = newId<RequestId>(random);
    const proposal = encodeProposal(after(sealed.map(({ put }) => put)));
    const place = { org: state.org, stream: proposalStream(requestId) };
    const blob = await sealRecord(place, state.mkEpoch, this.mk(), tamper(proposal.encoded), random);
    await this.client.putBlobs([...sealed.flatMap(({ blobs }) => blobs), blob]);
    return this.ask([], { changes: { requestId, proposal: { blob: blobHash(blob), puts: named(proposal.named) } } });
  }

  /** Proposes changes for people to sign; `swapped` lies at the relay instead of what was signed. */
  async change(items: readonly Proposed[], { swapped = items, ...options }: AskOptions & { readonly swapped?: readonly Proposed[] } = {}): Promise<Asked> {
    const { random } = this.platform;
    const state = await this.log.sync();
    const requestId = newId<RequestId>(random);
    const listed = (of: readonly Proposed[]): Uint8Array => encode(array(proposedCodec, 64), of);
    const blob = await sealRecord({ org: state.org, stream: changesStream(requestId) }, state.mkEpoch, this.mk(), listed(swapped), random);
    await this.client.putBlobs([blob]);
    const changes = { requestId, changes: { blob: blobHash(blob), digest: changesDigest(listed(items)) }, ...options.changes };
    return this.ask([], { ...options, changes });
  }

  async send(bytes: Uint8Array, kind: Letter['kind'] = 'request'): Promise<void> {
    const { org } = this.log.requireState();
    const mails = [];
    for (const device of this.devices())
      mails.push({
        mailbox: mailboxOn(device.mailboxSeed, this.platform.now()),
        body: await sealLetter(org, { id: device.device, key: device.inboxKey }, { kind, bytes }),
        ttlS: 600,
      });
    await this.client.post(mails);
  }

  private devices(): readonly Device[] {
    return [...this.log.requireState().devices.values()].filter(({ revoked }) => !revoked);
  }

  /** Sealed answers in the reply mailbox, waiting for `count` of them. */
  async mails(asked: Asked, count = 1): Promise<readonly Uint8Array[]> {
    for (let tries = 0; tries < 20; tries++) {
      const { mails } = await this.client.readMail({ mailboxes: [asked.request.reply], after: tries === 0 ? 0 : 0, limit: 50 });
      if (mails.length >= count) return mails.map(({ body }) => body);
      await this.client.readMail({ mailboxes: [asked.request.reply], after: mails.at(-1)?.id ?? 0, limit: 1, waitMs: 2_000 });
    }
    throw new Error('no answer came');
  }

  async answers(asked: Asked, count = 1): Promise<readonly VerifiedAnswer[]> {
    const sealed = await this.mails(asked, count);
    const state = await this.log.sync();
    const pending = { request: asked.request, rh: asked.rh, epk: asked.epk, items: asked.items, consumed: () => false };
    return Promise.all(sealed.map((body) => verifyAnswer(state, (seq) => this.log.history(seq), pending, body, this.platform.now())));
  }

  /** Combines approvals with this machine's half. */
  async open(asked: Asked, answers: readonly VerifiedAnswer[]): Promise<readonly SecretValue[]> {
    const { org } = this.log.requireState();
    const approvals = answers.filter(({ answer }) => answer.decision === 'approve');
    const values: SecretValue[] = [];
    for (const [index, { secret }] of asked.items.entries()) {
      const wrap = secret.wraps.find(({ recipient }) => recipient === this.id);
      const [half, body] = await this.client.getBlobs([wrap?.wrap ?? zeroHash, secret.put.body]);
      const b = await openMachineHalf(org, secret, this.id, this.kem, half ?? new Uint8Array(0));
      values.push(
        await openSecret(
          org,
          secret,
          approvals.flatMap(({ shares }) => shares[index] ?? []),
          b,
          body ?? new Uint8Array(0),
        ),
      );
    }
    return values;
  }

  /** Writes the next receipt to the stream, and to the devices where `letters`. */
  async receipt(
    asked: Asked,
    outcome: Outcome,
    more: {
      readonly evidence?: readonly Evidence[];
      readonly lease?: { readonly id: LeaseId; readonly ttlS: number; readonly uses: number };
      readonly note?: string;
      readonly changes?: Partial<Receipt>;
      readonly letters?: boolean;
      readonly stream?: boolean;
    } = {},
  ): Promise<Uint8Array> {
    const { now, random } = this.platform;
    const state = await this.log.sync();
    const n = this.receipts.n + 1;
    const receipt: Receipt = {
      org: state.org,
      machine: this.id,
      n,
      prev: this.receipts.hash,
      ts: now(),
      head: state.head,
      outcome,
      requestId: asked.request.requestId,
      rh: asked.rh,
      request: asked.bytes,
      evidence: more.evidence ?? [],
      note: more.note ?? '',
      ...(more.lease
        ? { lease: { id: more.lease.id, terms: { ttlS: more.lease.ttlS, uses: more.lease.uses, scope: 'process' }, until: now() + more.lease.ttlS * 1_000 } }
        : {}),
      ...more.changes,
    };
    const signed = await signReceipt(receipt, this.sig);
    const stream = receiptStream(state.org, this.id);
    const blob = await sealRecord({ org: state.org, stream }, state.mkEpoch, this.mk(), signed.bytes, random);
    if (more.stream !== false) await this.client.append({ stream, seq: n, prev: this.receipts.hash, eh: signed.hash, blob });
    this.receipts = { n, hash: signed.hash };
    if (more.letters !== false) await this.send(signed.bytes, 'receipt');
    return signed.bytes;
  }

  /** Lease ends that devices asked for. */
  async notices(): Promise<readonly LeaseId[]> {
    const { now } = this.platform;
    const state = await this.log.sync();
    const { mails } = await this.client.readMail({ mailboxes: mailboxesAround(this.mailboxSeed, now()), after: 0, limit: 50 });
    const ends: LeaseId[] = [];
    for (const { body } of mails) {
      const letter = await openLetter(state.org, this.id, this.kem, body);
      const { notice } = await verifyNotice(state, letter.bytes, now(), 60_000);
      if (notice.endLease !== undefined) ends.push(notice.endLease);
    }
    return ends;
  }

  private mk(): Uint8Array {
    const mk = this.log.keys.get(this.log.requireState().mkEpoch);
    if (!mk) throw new Error('no metadata key');
    return mk;
  }
}
