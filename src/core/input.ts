/**
 * What an input is to the rest of the agent. `sources/all.ts` lists the kinds; nothing else names one.
 *
 *   InputKind    light: its section of the configuration, and how what it says of itself is shown
 *     open()     loads what it is made of -> OpenKind, what all inputs of the kind share
 *       open()   -> OpenInput: one that runs, and is opened and closed while the others go on
 */
import type { CommonConfig } from '../config/config.ts';
import type { Path, Saying } from '../config/errors.ts';
import type { Fields, Option, Optional } from '../config/option.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Account } from './account.ts';
import type { Stream } from './batch.ts';
import type { Chaining } from './chained.ts';
import type { Tell } from './diagnosis.ts';
import type { DurableLane } from './durable-lane.ts';
import type { DurableLog } from './durable-log.ts';
import type { Figures } from './figures.ts';
import type { Measured } from './measured.ts';
import type { Output } from './pipeline.ts';
import type { Table } from './table.ts';

/** How a topic is created, where not with the brokers' defaults: settings by Kafka's names. */
export interface TopicCreation {
  settings: Readonly<Record<string, string>>;
  replicas?: number;
  /** Its settings where there are not so many brokers; without them it is not created then. */
  otherwise?: Readonly<Record<string, string>>;
}

/** What Kafka says of a topic. */
export interface TopicSettings {
  /** The least of any partition. */
  replicas: number;
  /** By Kafka's names; null: they may not be asked for. */
  settings: Readonly<Record<string, string>> | null;
}

export interface InputTopic {
  topic: string;
  creation?: TopicCreation;
  /** Its input writes to several, each of which goes on when others do not. */
  several?: boolean;
  /** What is sent there can be read again: it goes straight to Kafka, and begins where that is known to be safe. */
  replayable: boolean;
  /**
   * Whoever sends it is answered when it is on the medium (durable-lane.ts): it has a spool with others of this group, which
   * holds at most so many bytes, and drops nothing.
   */
  durable?: { group: string; max_size: number };
  /** Its records are in the memory of that topic; without it, it has its own. */
  within?: string;
  /** Its records have fields, which need memory of their own. */
  fields?: boolean;
  /** So many stretches of memory its input needs for tables. */
  arenas?: number;
}

/** An input as it is configured. */
export interface InputSpec<One> {
  /** In books, status and figures: `logs.nginx`. */
  id: string;
  /** In messages: `logs nginx`. */
  title: string;
  topics: readonly InputTopic[];
  /** All that it goes by, of itself and of others; where it changes the input is opened anew. */
  options: One;
  /** What it collects, in words. */
  about: string;
  /** It is there without being configured, and brings nothing then: it is not named at the start. */
  unnamed?: boolean;
}

/** A line of `runnel top`; null: there is no such number. */
export interface InputRow {
  name: string;
  lines: number | null;
  bytes: number | null;
  lag_bytes: number | null;
  lag_seconds: number;
  files_total: number | null;
  /** Those that are listed: the most behind. */
  files: readonly FileRow[];
  /** What is wrong. */
  note: string;
}

export interface FileRow {
  path: string;
  id: string;
  size: number;
  position: number;
  lag_bytes: number;
  lag_seconds: number;
  lines: number;
  error: string | null;
}

/** `Name`: its key in the configuration. `Options`: what stands there. `One`: what one input goes by. `Said`: its part of the status. */
export interface InputKind<Name extends string, Options, One, Said> {
  readonly name: Name;
  /** Its schema, with default and text. */
  // biome-ignore lint/suspicious/noExplicitAny: what a schema takes and gives is the kind's business
  readonly options: Option<any> | Optional<any>;
  /** Sections beside it that are its, too, by their names. */
  readonly beside?: Fields;
  /** Fills in the defaults that depend on other options. */
  complete(raw: unknown, config: CommonConfig): Options;
  /** What must hold between its options and others. */
  check?(config: Configured<Name, Options>, refuse: Saying, warn: Saying): void;
  /** All topics that it may write to, and where in the configuration that is said. */
  topics(config: Configured<Name, Options>): (InputTopic & { path: Path })[];
  inputs(config: Configured<Name, Options>): InputSpec<One>[];
  /** What `validate` says of a section that is right. */
  brief(config: Configured<Name, Options>): string | null;
  /** What `validate` finds on this machine that may not be meant so. */
  look?(config: Configured<Name, Options>, warn: Saying, stop: AbortSignal): Promise<void>;
  /** What `diagnose` finds of what it needs of this machine, as the user that asks. What takes longer than `stop` is left unsaid. */
  diagnose?(config: Configured<Name, Options>, tell: Tell, stop: AbortSignal): Promise<void>;
  /** The status where none of it is open. */
  readonly nothing: Said;
  figures(said: Said, to: Figures): void;
  /** In `runnel status`. `local`: there are no brokers. */
  lines(said: Said, local: boolean): string[];
  rows(said: Said): InputRow[];
  tables(said: Said): Table[];
  /** What may not be meant so, a sentence each: it is said among the reasons, and the agent is ready all the same. */
  notices?(said: Said): string[];
  open(config: Configured<Name, Options>, host: InputHost): Promise<OpenKind<One>>;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever kind
export type AnyKind = InputKind<string, any, any, any>;

/** A configuration with the section of a kind. */
export type Configured<Name extends string, Options> = CommonConfig & { [N in Name]: Options };

/** What the agent has for inputs. */
export interface InputHost {
  readonly kernel: Kernel;
  account(id: string): Account;
  /** When the oldest was read of what the last process left of the input, milliseconds since the epoch; null: Kafka has it all. */
  leftSince(id: string): number | null;
  /** `<agent id>-<flush number>`, a new one at each call. */
  nextWindowId(): string;
  /** Whether a file sets this option (`statsd.listen`): a default may fail where a wish may not. */
  isSet(option: string): boolean;
  /** The lane of a topic of its that is durable. */
  durable(topic: string): Promise<DurableLane>;
  /** The log of a topic of its that is chained. */
  durableLog(topic: string): Promise<DurableLog>;
  /** Blocks of streams that are chained go there, if they are of this topic; null: they wait. */
  chaining(topic: string, to: Chaining | null): void;
  /** For records that are in no batch. */
  readonly tap: RecordTap;
  /** What Kafka's clock says when our monotonic one says `at`, give or take `error`, milliseconds; null: it does not tell. */
  otherClock?(signal: AbortSignal): Promise<{ time: number; at: number; error: number } | null>;
  /** A topic of its in Kafka, and these of its settings; null: there are no brokers. Rejects where Kafka does not tell in time. */
  topicFacts?(topic: string, settings: readonly string[], signal: AbortSignal): Promise<TopicSettings | null>;
  /** Who this agent is: random, kept in data_dir. */
  readonly agentId: string;
  /** What the inputs measure, for who looks at it before it leaves. */
  readonly measured: Measured;
  /** What the agent says of itself now, without files. */
  status(): unknown;
  /** Something went wrong that does not end the input. */
  trouble(id: string, message: string): void;
}

/** Whoever looks at records as they leave. */
export interface RecordTap {
  /** False: nobody does. */
  readonly active: boolean;
  /** Records of a stream, made as they are looked at. */
  show(stream: Stream, records: Iterable<TappedRecord>): void;
}

export interface TappedRecord {
  key: string;
  /** JSON text. */
  value: string;
  headers?: Readonly<Record<string, string>>;
}

export interface OpenKind<One> {
  /** This configuration holds: what is not in it is closed, what is new in it is opened next. */
  configure?(config: CommonConfig): void;
  /** How far its inputs are, where they can be read again. */
  readonly positions?: InputPositions;
  /** `first`: at the start of the agent; else it is opened again, or anew. */
  open(spec: InputSpec<One>, how: { first: boolean }): Promise<OpenInput>;
  /** What is wrong with what the inputs share. */
  problems(): string[];
  /** Of what its inputs say: its part of the status. */
  status(inputs: readonly unknown[]): object;
  close(): Promise<void>;
}

/** Why an input is stopped that is opened anew at once: its configuration is another one now. */
export class Reopened extends Error {
  constructor() {
    super('the configuration has changed');
  }
}

/** Where bytes go. */
export interface ByteSink {
  write(bytes: Uint8Array): unknown;
  /** Bytes that were written and did not leave yet. */
  readonly writableLength: number;
  /** Ends it at once. */
  destroy(): unknown;
}

export interface OpenInput {
  /** Resolves when it is open to what comes; rejects when it cannot be. Without it: it always is. */
  readonly ready?: Promise<void>;
  /** Before it runs, until the signal aborts: it is not known yet where it goes on. */
  foresee?(signal: AbortSignal): Promise<void>;
  /** Brings data in until the signal aborts; resolves when all it took has been pushed. */
  run(output: Output, signal: AbortSignal): Promise<void>;
  /** It has ended, and nothing of it is on its way any more: what it holds of the agent's is given back. */
  close?(): void;
  problems(): string[];
  /** Items that were received and are not pushed yet. */
  inFlight(): number;
  /** With at most so many files. */
  status(files: number): unknown;
  /** Gives what comes, as it comes, until the returned function is called; null: somebody has it already. */
  capture?(sink: ByteSink): (() => void) | null;
  /** Who sends most, for `runnel top NAME`: it takes a while. */
  top?(): Promise<unknown>;
  /** Does what a command of that name asks for; null: it has none. Throws a sentence where that cannot be done. */
  command?(name: string, options: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<object> | null;
}

/** Positions in data_dir, which transactions carry, too. */
export interface InputPositions {
  /** True: they were not there, or damaged. */
  readonly lost: boolean;
  /** What another process of this agent has committed counts from now on. Resolves when it is written. */
  restore(committed: ReadonlyMap<string, Record<string, unknown> | null>): Promise<void>;
  /** Brings all to the medium; false: that failed. */
  sync(): Promise<boolean>;
  /** Told of each key that is of no interest any more. */
  onForget: ((key: string) => void) | null;
}
