/**
 * Reads an audit topic, or an export of one, and says of each stream whether it is complete, unchanged and in order.
 *
 *   first look   every record's hash, runs of records and of seals, keys          (chain.ts, seals.ts, trusted-keys.ts)
 *   survey       what is missing, moved, unsealed; what came twice                (survey.ts)
 *   second look  only where there is something: repeats and forks told apart      (contested.ts)
 *   verdict      (verdict.ts)
 *
 * The memory that it takes grows with streams and faults, not with records: beyond a limit it is said to be undecided.
 */

import { RecordScan } from '../../audit/scan.ts';
import { isSigned, readSeal, type Seal, sealHash, sealRecord } from '../../audit/seal.ts';
import { UnreadableError } from '../../kafka/read/batches.ts';
import type { Result } from '../verdict.ts';
import { Chain } from './chain.ts';
import { type Question, SecondLook } from './contested.ts';
import type { AuditEntry, AuditSource } from './entry.ts';
import { EXPORT_ROOM_BYTES } from './export-file.ts';
import { Following } from './following.ts';
import { type SealRun, Seals } from './seals.ts';
import { inclusive, type Survey, survey } from './survey.ts';
import { TrustedKeys } from './trusted-keys.ts';
import { type AuditRules, type AuditStreamReport, judgeStream } from './verdict.ts';

const MOST_STREAMS = 100_000;
/** Of all streams: runs, ranges of changed records, heads to be compared. */
const MOST_PIECES = 1_000_000;
const MOST_LOOKS = 32;
/** How often what is kept is counted, in records. */
const COUNTED_EVERY = 65_536;
/** Larger values are no seals. */
const MOST_SEAL_BYTES = 1024;
const NUMBER = /^\d{1,20}$/;

export interface AuditOptions {
  source: AuditSource;
  /** 64 hex digits each; none: the first key of each stream is taken as it is. */
  pinned: readonly string[];
  /** Only streams of this name, or with this id; null: all. */
  stream: string | null;
  anyStart: boolean;
  /** Milliseconds. */
  unsealedFor: number;
}

export interface AuditReport {
  /** A topic or a file. */
  of: string;
  result: Result;
  reasons: string[];
  records: number;
  /** Records that are neither of the audit stream nor seals. */
  foreign: number;
  pinned: boolean;
  /** Keys that no seal names as next: those of agents that are new here. */
  first_keys: string[];
  seconds: number;
  streams: AuditStreamReport[];
}

interface Stream {
  id: string;
  name: string;
  chain: Chain;
  seals: Seals;
}

/** Rejects where the source is wrong usage; what cannot be read is undecided. */
export async function verifyAudit(options: AuditOptions): Promise<AuditReport> {
  return new AuditVerification(options).run();
}

class AuditVerification {
  readonly #o: AuditOptions;
  readonly #streams = new Map<string, Stream>();
  readonly #named = new Map<string, Stream[]>();
  readonly #keys = new TrustedKeys();
  readonly #scan = new RecordScan();
  readonly #following = new Following(EXPORT_ROOM_BYTES);
  #last: Stream | null = null;
  /** That were looked at alone. */
  #records = 0;
  #foreign = 0;
  #firstForeign = '';

  constructor(options: AuditOptions) {
    this.#o = options;
  }

  async run(): Promise<AuditReport> {
    const started = performance.now();
    const reasons: string[] = [];
    const streams: AuditStreamReport[] = [];
    try {
      await this.#o.source.read((entry) => this.#first(entry), { following: this.#following });
      streams.push(...(await this.#judge()));
      if (streams.length === 0) {
        const which = this.#o.stream === null ? '' : ` of stream ${this.#o.stream}`;
        reasons.push(`no audit record${which} was found in ${this.#o.source.name}`);
      }
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      reasons.push(error.message);
    }
    const undecided = reasons.length > 0;
    if (this.#foreign > 0) {
      reasons.push(
        `${this.#foreign} records are neither of the audit stream nor seals (the first: ${this.#firstForeign})`,
      );
    }
    const has = (result: Result) => streams.some((stream) => stream.result === result);
    const incomplete = has('incomplete') || this.#foreign > 0;
    const result =
      undecided || (!incomplete && has('undecided')) ? 'undecided' : incomplete ? 'incomplete' : 'complete';
    return {
      of: this.#o.source.name,
      result,
      reasons,
      records: this.#records + this.#following.records,
      foreign: this.#foreign,
      pinned: this.#o.pinned.length > 0,
      first_keys: this.#keys.first,
      seconds: Math.round(performance.now() - started) / 1000,
      streams: streams.sort((a, b) => (a.stream === b.stream ? (a.id < b.id ? -1 : 1) : a.stream < b.stream ? -1 : 1)),
    };
  }

  // The first look

  #first(entry: AuditEntry): void {
    this.#records++;
    if (this.#records % COUNTED_EVERY === 0) this.#look();
    const { bytes, value, valueEnd } = entry;
    if (this.#scan.read(bytes, value, valueEnd)) {
      const { chain } = this.#streamOf(this.#scan, entry);
      chain.take(this.#scan, entry.partition);
      this.#following.behind(this.#scan, chain, entry.partition);
      return;
    }
    const seal = sealOf(entry);
    if (seal) this.#seal(seal, entry);
    else {
      this.#following.forget();
      this.#unknown(entry);
    }
  }

  #streamOf(scan: RecordScan, entry: AuditEntry): Stream {
    const { stream: id, previous, intact } = scan;
    const known = this.#last?.id === id ? this.#last : this.#streams.get(id);
    if (!intact && known?.chain.last?.hash !== previous) {
      // The id may be what was changed.
      const other = this.#named.get(entry.key)?.find(({ chain }) => chain.last?.hash === previous);
      if (other) return other;
    }
    this.#last = known ?? this.#open(id, entry);
    return this.#last;
  }

  #open(id: string, { key }: AuditEntry): Stream {
    if (this.#streams.size >= MOST_STREAMS) {
      throw new UnreadableError(`there are more than ${MOST_STREAMS} streams: this is more than can be kept`);
    }
    const stream = { id, name: key, chain: new Chain(), seals: new Seals() };
    this.#streams.set(id, stream);
    const same = this.#named.get(key) ?? [];
    if (same.push(stream) === 1) this.#named.set(key, same);
    return stream;
  }

  #seal(seal: Seal, entry: AuditEntry): void {
    const signed = isSigned(seal) && sealRecord(seal).equals(entry.bytes.subarray(entry.value, entry.valueEnd));
    const known = this.#streams.get(seal.stream);
    if (!known && !signed) this.#countForeign(entry);
    else {
      const { seals, chain } = known ?? this.#open(seal.stream, entry);
      seals.take(seal, signed, entry.partition, chain);
      // The next record's time is read alone: it may wait for a seal since then.
      this.#following.forget();
      chain.unsealed = null;
    }
    if (signed) this.#keys.add(seal);
  }

  /** What is no record of ours any more may say by its headers which one it was. */
  #unknown(entry: AuditEntry): void {
    const { stream: name, sequence } = entry.headers();
    const candidates = this.#named.get(name ?? '') ?? this.#named.get(entry.key);
    if (!candidates || !NUMBER.test(sequence ?? '')) {
      this.#countForeign(entry);
      return;
    }
    const number = Number(sequence);
    const stream = candidates.find(({ chain }) => chain.last?.to === number - 1) ?? candidates[0]!;
    stream.chain.unreadable(number, entry.partition);
  }

  #countForeign({ place }: AuditEntry): void {
    if (this.#foreign++ === 0) this.#firstForeign = place;
  }

  #look(): void {
    let pieces = 0;
    for (const { chain, seals } of this.#streams.values()) {
      pieces +=
        chain.runs.length + chain.changed.count + seals.runs.length + seals.heads.length + seals.unsigned.length;
    }
    if (pieces > MOST_PIECES || this.#keys.full) {
      throw new UnreadableError(`there are more than ${MOST_PIECES} faults: this is more than can be kept`);
    }
  }

  // The second look

  async #judge(): Promise<AuditStreamReport[]> {
    const { pinned, anyStart, stream: wanted, unsealedFor, source } = this.#o;
    const rules: AuditRules = { anyStart, deleted: source.deleted, unsealedFor, now: Date.now() };
    const all = pinned.length > 0 ? this.#keys.trusted(pinned) : null;
    const surveys = new Map<Stream, Survey>();
    for (const stream of this.#streams.values()) {
      if (wanted !== null && wanted !== stream.name && wanted !== stream.id) continue;
      const trust = all ?? this.#keys.trusted(stream.seals.runs.slice(0, 1).map(({ key }) => key));
      surveys.set(stream, survey(stream.chain, stream.seals, trust, anyStart || source.deleted));
    }
    const looks = await this.#secondLooks(surveys);
    const again = await this.#sealsAgain(surveys);
    return [...surveys].map(([{ id, name, seals }, seen]) => {
      const answers = looks.answers(id);
      const second = { ...answers, differing: looks.differing(id), ...again(id) };
      return judgeStream({ name, id, seals: seals.count, unsigned: seals.unsigned }, seen, second, rules);
    });
  }

  /** As many as it takes to ask for all numbers that came again, and all heads that were not at hand. */
  async #secondLooks(surveys: ReadonlyMap<Stream, Survey>): Promise<SecondLook> {
    const questions: Question[] = [];
    const look = new SecondLook();
    for (const [{ id, seals }, { contested }] of surveys) {
      for (const range of inclusive(contested)) questions.push({ stream: id, ...range });
      if (seals.heads.length > 0) look.compare(id, seals.heads);
    }
    for (let looks = 0; questions.length > 0 || (looks === 0 && look.compares); looks++) {
      if (looks === MOST_LOOKS) throw new UnreadableError('too many records came more than once to compare them all');
      look.ask(questions);
      await this.#o.source.read(({ bytes, value, valueEnd }) => {
        if (this.#scan.read(bytes, value, valueEnd)) {
          look.take(this.#scan.stream, this.#scan.sequence, this.#scan.claimed);
        }
      });
      look.close();
    }
    return look;
  }

  /** Seals that came with numbers of others: the same again, or of another life of the agent. */
  async #sealsAgain(surveys: ReadonlyMap<Stream, Survey>) {
    const contested = new Map<string, SealRun[]>();
    for (const [{ id }, { contestedSeals }] of surveys) {
      if (contestedSeals.length > 0) contested.set(id, contestedSeals);
    }
    const seen = new Map<
      string,
      { count: number; hashes: Set<string>; to: number; repeated: number; forked: Seal[] }
    >();
    if (contested.size > 0) {
      await this.#o.source.read((entry) => {
        const seal = sealOf(entry);
        const runs = seal && contested.get(seal.stream);
        if (!runs) return;
        const of = seen.get(seal.stream) ?? { count: 0, hashes: new Set(), to: 0, repeated: 0, forked: [] };
        seen.set(seal.stream, of);
        const hash = sealHash(seal);
        const at = of.count++;
        if (runs.some(({ first, count }) => at >= first && at < first + count)) {
          if (of.hashes.has(hash)) of.repeated++;
          // Behind repeats the stream goes on.
          else if (seal.from <= of.to) of.forked.push(seal);
        }
        of.hashes.add(hash);
        of.to = Math.max(of.to, seal.to);
      });
    }
    return (id: string) => ({ repeatedSeals: seen.get(id)?.repeated ?? 0, forkedSeals: seen.get(id)?.forked ?? [] });
  }
}

function sealOf({ bytes, value, valueEnd }: AuditEntry): Seal | null {
  const size = valueEnd - value;
  return size > 0 && size <= MOST_SEAL_BYTES ? readSeal(bytes.subarray(value, valueEnd)) : null;
}
