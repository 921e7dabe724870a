/**
 * Where a file's lines go to several topics: what of it each topic has. The file is read from where the one begins that is
 * furthest behind.
 *
 *   a  | safe in a                     |
 *   b  | safe in b      |
 *      0                position        |- not packed for a again -|
 */
import { crc32 } from 'node:zlib';
import type { Account } from '../../../core/account.ts';
import type { FieldPlan, StreamPart, StreamParts } from '../../../core/batch.ts';
import type { Checkpoint } from '../../../core/block.ts';
import { log } from '../../../log.ts';
import type { Envelope } from '../../../records/envelope.ts';
import type { Processing } from '../../../transforms/process.ts';
import type { LogConfig } from '../options.ts';
import type { Generation, TopicPosition } from '../positions/journal.ts';
import type { FileStream } from './stream.ts';

/** The topics of an input whose lines go to several. */
export interface Routing {
  /** Its own is the first. */
  readonly topics: readonly string[];
  /** The sum of what decides where a line goes: read again by other steps it may go elsewhere. */
  readonly sum: string;
}

/** Null: all lines go to one. */
export function routingOf(input: LogConfig, processing: Processing | undefined): Routing | null {
  const topics = processing?.topics ?? [];
  if (topics.length < 2) return null;
  const { topic, process, format, encoding_in, max_line, multiline, masks } = input;
  const text = JSON.stringify([topic, process, format, encoding_in, max_line, multiline, masks]);
  return { topics, sum: crc32(text).toString(16) };
}

export class TopicStreams implements StreamParts {
  readonly all: readonly TopicStream[];
  counted = 0;

  constructor(file: FileStream, { topics }: Routing) {
    this.all = topics.map((topic, i) => new TopicStream(file, topic, i === 0));
  }

  /** Nothing is on its way that is not safe. */
  get isSafe(): boolean {
    return this.all.every((one) => one.taken <= one.at.position);
  }
}

class TopicStream implements StreamPart {
  readonly topic: string;
  readonly replayable = true;
  taken: number;
  readonly #file: FileStream;
  readonly #isOwn: boolean;

  constructor(file: FileStream, topic: string, isOwn: boolean) {
    this.#file = file;
    this.topic = topic;
    this.#isOwn = isOwn;
    this.taken = this.at.position;
  }

  /** How far it is safe. */
  get at(): TopicPosition {
    const { topics, position } = this.#file.generation;
    return topics?.get(this.topic) ?? { position, skipped: 0 };
  }

  get name(): string {
    return this.#file.name;
  }

  get key(): string {
    return this.#file.key;
  }

  get account(): Account {
    return this.#file.account;
  }

  get fields(): FieldPlan | undefined {
    return this.#file.fields;
  }

  envelope(): Envelope {
    return this.#file.envelope();
  }

  settled(position: number, skipped: number): void {
    this.#file.settledIn(this.topic, { position, skipped });
  }

  skippedAt(position: number): number {
    return skippedAt(this.at, position);
  }

  checkpoint(position: number, skipped: number): Checkpoint {
    return this.#file.checkpointIn(this.topic, { position, skipped }, this.#isOwn);
  }
}

/** What is persisted of that may be beyond the position: then some is read again, and is known by its records. */
function skippedAt({ position: to, skipped }: TopicPosition, position: number): number {
  return position <= to ? Math.max(0, skipped - (to - position)) : 0;
}

/** From now on its lines go where these steps say; null: all to one topic. `own`: the input's. */
export function setRouting(generation: Generation, routing: Routing | null, own: string): void {
  const { topics, position, skipped, routed, base } = generation;
  if (routed === routing?.sum) return;
  const ahead = Math.max(position, ...[...(topics?.values() ?? [])].map((at) => at.position));
  if (ahead > position) {
    const what = `${ahead - position} bytes from ${position} on had not arrived in all of its topics`;
    log.warn(`${generation.path}: ${what} when its steps changed: what some of them have of that comes twice`);
  }
  const before = topics ?? new Map([[own, { position: skipped?.to ?? position, skipped: skipped?.bytes ?? 0 }]]);
  // What was read before a topic was used is in no record of it.
  const at = (topic: string) => skippedAt(before.get(topic) ?? { position, skipped: position - base }, position);
  delete generation.skipped;
  if (routing) {
    generation.routed = routing.sum;
    generation.topics = new Map(routing.topics.map((topic) => [topic, { position, skipped: at(topic) }]));
  } else {
    delete generation.routed;
    delete generation.topics;
    if (at(own) > 0) generation.skipped = { to: position, bytes: at(own) };
  }
}

/** The lowest of its topics' positions. */
export function lowestOf({ topics, position }: Generation): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const at of topics?.values() ?? []) lowest = Math.min(lowest, at.position);
  return lowest === Number.POSITIVE_INFINITY ? position : lowest;
}
