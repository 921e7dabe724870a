/**
 * What a consumer behind Kafka is to the process that runs it. `all.ts` lists the kinds; nothing else names one.
 *
 *   ConsumerKind     light: its options below `sink`, and how it is shown
 *     consumers()    -> ConsumerSpec, one for each entry of `sink.NAME`: one process runs all of them
 *     open()         loads what it is made of -> OpenConsumer, one that reads
 */
import type { CommonConfig } from '../config/config.ts';
import type { Path, Saying } from '../config/errors.ts';
import type { Optional } from '../config/option.ts';
import type { Figures } from '../core/figures.ts';
import type { Answer, HttpRequest } from '../http/answer.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import type { ConsumerAccount } from './account.ts';

/** A consumer as it is configured. */
export interface ConsumerSpec<One> {
  /** In books, status and figures: its group, which no other of the process has. */
  id: string;
  /** `['sink', 'opensearch', 0]` */
  path: Path;
  group: string;
  /** Milliseconds until Kafka gives away what a member had that is not heard of. */
  session_timeout: number;
  topics: readonly string[];
  options: One;
}

/** `Name`: its key below `sink`, and what follows `runnel sink`. `One`: what one consumer goes by. */
export interface ConsumerKind<Name extends string, One> {
  readonly name: Name;
  /** In a few words, for `runnel sink --help`. */
  readonly summary: string;
  /** The schema of `sink.NAME`: a map, or a list of maps. */
  // biome-ignore lint/suspicious/noExplicitAny: what a schema takes and gives is the kind's business
  readonly options: Optional<any>;
  /** Fills in the defaults that depend on other options. `raw`: what the schema gave; undefined where nothing is written. */
  consumers(raw: unknown, config: CommonConfig): ConsumerSpec<One>[];
  /** What must hold between its options and others. */
  check?(specs: readonly ConsumerSpec<One>[], config: CommonConfig, refuse: Saying, warn: Saying): void;
  /** `--setup`, which may be repeated: gives what it did, a sentence each; rejects with the sentence why not. */
  setup(spec: ConsumerSpec<One>, host: ConsumerHost): Promise<string[]>;
  /** `--check`, and with `repair` `--check --repair`. */
  examine?(spec: ConsumerSpec<One>, host: ConsumerHost, how: { repair: boolean }): Promise<SinkExamination>;
  /** `said`: what `status` gave, of each consumer of the kind. */
  // biome-ignore lint/suspicious/noExplicitAny: what a status says is the kind's business
  figures(said: readonly { id: string; status: any }[], to: Figures): void;
  open(spec: ConsumerSpec<One>, host: ConsumerHost): Promise<OpenConsumer>;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever kind
export type AnyConsumerKind = ConsumerKind<string, any>;

/** What the process has for a consumer. */
export interface ConsumerHost {
  readonly config: CommonConfig;
  /** One for the process, to read by and commit: it creates no topics. */
  readonly client: KafkaClient;
  /** To write by (dead letters): creates topics where the configuration lets it. Made at the first call. */
  writer(): KafkaClient;
  /** The books of this consumer. */
  readonly account: ConsumerAccount;
  /** `group.instance.id`: the host and the slot, in characters that Kafka takes. */
  readonly instanceId: string;
  readonly dataDir: string;
  /** `FILE:LINE:COLUMN: sink.opensearch[0].urls ...` */
  says(path: Path, message: string): string;
  /** Aborts when the process is to end, also while something is opened. */
  readonly stop: AbortSignal;
}

/** What the configuration asks for contradicts what was begun: `run` rejects with it, and the exit code is 2. */
export class SettingsRefused extends Error {}

export interface OpenConsumer {
  /**
   * Reads until `stop` aborts; then takes nothing new, settles what is on its way, commits, keeps its place in the group,
   * and resolves; at the latest when `deadline` aborts. Rejects with one sentence where it cannot go on for good: another
   * process has its id, or it is a fault of its own. What may pass is waited for, and said in `problems`.
   */
  run(stop: AbortSignal, deadline: AbortSignal): Promise<void>;
  /** Records that were read and are not settled. */
  inFlight(): number;
  partitions(): PartitionState[];
  /** Its part of the status, beside books and partitions; plain JSON. */
  status(): object;
  /** Why it does not get on, and what to do, a sentence each. */
  problems(): string[];
  /** What is asked for below a path of its own, with GET; null: it has no such path. */
  answer?(request: HttpRequest): Promise<Answer> | null;
  close(): Promise<void>;
}

export interface PartitionState {
  topic: string;
  partition: number;
  /** The offset that is read next. */
  position: number;
  /** Where another process would begin; null: nothing was committed. */
  committed: number | null;
  /** Behind the last record that may be read; null: not known yet. */
  end: number | null;
  error?: string | null;
}

/** What `--check` found. 0: nothing is wrong, 1: it is, and named, 3: it could not be looked at whole. */
export interface SinkExamination {
  code: 0 | 1 | 3;
  lines: string[];
  json: object;
}
