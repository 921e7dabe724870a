/** Reads a topic from its beginning to where it ends now, and says of each file whether it arrived completely. */
import { UnreadableError } from '../kafka/read/batches.ts';
import type { PartitionReader } from '../kafka/read/partition-reader.ts';
import type { Isolation } from '../kafka/wire/fetch.ts';
import { type Encoding, FileComparison, LocalFile } from './compare.ts';
import { Origin } from './origin.ts';
import { Recent } from './recent.ts';
import { MalformedRecord, Records } from './records.ts';
import { type TopicOptions, TopicReading, type TopicSpan } from './topic.ts';
import { type FileReport, type Filtered, judge, type Result } from './verdict.ts';

/** Ranges of all files together: a topic of nothing but gaps must not fill the memory. */
const MAX_RANGES = 2_000_000;
/** How often the ranges are counted and progress is told. */
const LOOK_MS = 1000;

export interface VerifyOptions extends TopicOptions {
  /** Only the files of this host, with this id. */
  host: string | null;
  id: string | null;
  /** Only the files of this path, compared with it. */
  file: { path: string; encoding: Encoding; filtered?: Filtered | null; byRange?: boolean } | null;
  exactlyOnce: boolean;
  anyStart: boolean;
  /** Records that are remembered, to tell duplicates from overlaps. */
  remember: number;
  progress?: (records: number, part: number) => void;
}

export interface Report {
  topic: string;
  isolation: Isolation;
  result: Result;
  reasons: string[];
  records: number;
  /** Records in which no file is named. */
  foreign: number;
  /** Records of aborted transactions. */
  aborted: number;
  /** Of the topic, as fetched. */
  bytes: number;
  seconds: number;
  partitions: TopicSpan[];
  files: FileReport[];
}

export async function verify(options: VerifyOptions): Promise<Report> {
  const file = options.file ? new LocalFile(options.file.path, options.file.encoding) : null;
  try {
    return await new Verification(options, file).run();
  } finally {
    file?.close();
  }
}

class Verification {
  readonly #o: VerifyOptions;
  readonly #file: LocalFile | null;
  readonly #origins = new Map<string, Origin>();
  readonly #records: Records;
  readonly #topic: TopicReading;
  readonly #started = performance.now();
  #looked = performance.now();

  constructor(options: VerifyOptions, file: LocalFile | null) {
    this.#o = options;
    this.#file = file;
    this.#topic = new TopicReading(options);
    const origin = (host: string, id: string, path: string) => this.#origin(host, id, path);
    this.#records = new Records({ origin, recent: new Recent(options.remember) });
  }

  async run(): Promise<Report> {
    const failure = await this.#readAll().then(
      () => null,
      (error: Error) => error,
    );
    this.#topic.close();
    if (failure && !(failure instanceof UnreadableError)) throw failure;
    return this.#report(failure);
  }

  async #readAll(): Promise<void> {
    await this.#topic.open();
    for await (const { partition, section } of this.#topic.sections()) {
      try {
        this.#records.section(section);
      } catch (error) {
        if (!(error instanceof MalformedRecord)) throw error;
        const where = `the batch at offset ${section.base} of ${this.#o.topic}/${partition}`;
        throw new UnreadableError(`${where} is damaged: ${error.message}`);
      }
      if (performance.now() - this.#looked > LOOK_MS) this.#look(section.base, partition);
    }
  }

  #look(offset: number, partition: number): void {
    this.#looked = performance.now();
    let ranges = 0;
    for (const origin of this.#origins.values()) ranges += origin.ranges.count;
    if (ranges > MAX_RANGES) {
      throw new UnreadableError(`there are more than ${MAX_RANGES} gaps: this is more than can be kept`);
    }
    const all = this.#topic.partitions.reduce((sum, p) => sum + p.end - p.first, 0);
    const before = this.#topic.partitions
      .filter((p) => p.partition !== partition)
      .slice(0, this.#topic.readers.length - 1);
    const { first } = this.#topic.partitions.find((p) => p.partition === partition)!;
    const done = before.reduce((sum, p) => sum + p.end - p.first, 0) + offset - first;
    this.#o.progress?.(this.#records.records, all > 0 ? done / all : 1);
  }

  #origin(host: string, id: string, path: string): Origin {
    const key = `${host}\0${id}`;
    let origin = this.#origins.get(key);
    if (!origin) {
      const { host: wantedHost, id: wantedId, file } = this.#o;
      // Of a file that was renamed, the id says which records are its own; else the path does.
      const wanted =
        (wantedHost === null || wantedHost === host) &&
        (wantedId !== null ? wantedId === id : file === null || file.path === path);
      origin = new Origin({ number: this.#origins.size, host, path, id, wanted });
      if (wanted && this.#file) origin.comparison = new FileComparison(this.#file, this.#o.file?.byRange);
      this.#origins.set(key, origin);
    }
    return origin;
  }

  #report(failure: UnreadableError | null): Report {
    const { topic, isolation, exactlyOnce, anyStart } = this.#o;
    const total = (of: (reader: PartitionReader) => number) => this.#topic.readers.reduce((sum, r) => sum + of(r), 0);
    for (const [i, reader] of this.#topic.readers.entries()) this.#topic.partitions[i]!.missing = reader.missing;
    const deleted = this.#topic.partitions.some(({ first }) => first > 0) || total((r) => r.deleted) > 0;
    const rules = { exactlyOnce, anyStart, deleted, compacted: total((r) => r.missing) > 0 };
    const origins = [...this.#origins.values()].filter((origin) => origin.wanted && origin.records > 0);
    if (this.#file) onlyTheBest(origins);
    const filtered = this.#o.file?.filtered ?? null;
    if (!failure && origins.length === 0) origins.push(...this.#wholly(filtered));
    const files = failure ? [] : origins.map((origin) => judge(origin, rules, this.#file, filtered));
    const reasons = failure ? [failure.message] : [];
    if (!failure && files.length === 0) reasons.push(`no record of ${this.#wanted()} was found in topic ${topic}`);
    const has = (result: Result) => files.some((f) => f.result === result);
    const result =
      reasons.length > 0 ? 'undecided' : has('incomplete') ? 'incomplete' : has('undecided') ? 'undecided' : 'complete';
    return {
      topic,
      isolation,
      result,
      reasons,
      records: this.#records.records,
      foreign: this.#records.foreign,
      aborted: total((r) => r.aborted),
      bytes: total((r) => r.bytes),
      seconds: Math.round(performance.now() - this.#started) / 1000,
      partitions: this.#topic.partitions,
      files: files.sort(byResult),
    };
  }

  /** A file of which no record came, because its lines were filtered from its beginning on. */
  *#wholly(filtered: Filtered | null): Iterable<Origin> {
    const { host, id: wanted, file } = this.#o;
    for (const [id, { from }] of filtered?.ends ?? []) {
      if (from > 0 || (wanted !== null && wanted !== id)) continue;
      const origin = new Origin({ number: 0, host: host ?? filtered!.host, path: file!.path, id, wanted: true });
      origin.comparison = new FileComparison(this.#file!, this.#o.file?.byRange);
      yield origin;
      return;
    }
  }

  #wanted(): string {
    const { host, id, file } = this.#o;
    const which = id !== null ? `the file with id ${id}` : file ? file.path : 'any file';
    return host === null ? which : `${which} of host ${host}`;
  }
}

/** Of several files that had the path one after the other, the one that the file is: its records match, and most do. */
function onlyTheBest(origins: readonly Origin[]): void {
  const fit = (origin: Origin) => {
    const { matching, different, byRange } = origin.comparison as FileComparison;
    return (matching + byRange) / (matching + byRange + different);
  };
  const best = [...origins].sort((a, b) => fit(b) - fit(a) || b.bytes - a.bytes || b.number - a.number)[0];
  for (const origin of origins) if (origin !== best) origin.comparison = null;
}

const ORDER: readonly Result[] = ['incomplete', 'undecided', 'complete'];

function byResult(a: FileReport, b: FileReport): number {
  return ORDER.indexOf(a.result) - ORDER.indexOf(b.result) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}
