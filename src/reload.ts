/**
 * Reading the configuration again while the agent runs:
 *
 *   read and checked whole -> nothing of it needs a restart -> admin's addresses are bound -> the rest is changed
 *
 * Up to there nothing has changed, and any error leaves all as it was.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CommonConfig } from './config/config.ts';
import { ConfigError, type Fault, formatFault, type Path } from './config/errors.ts';
import type { LocatedAs } from './config/load.ts';
import { transactionsBefore } from './kafka/transactions/positions-snapshot.ts';
import { log } from './log.ts';

/** What became of it. */
export interface Reloaded {
  reloaded: boolean;
  /** What has changed: inputs by their titles, and `kafka`, `admin`, `telemetry`, `log`. */
  changed: string[];
  /** Inputs that are not open again yet. */
  waiting: string[];
  warnings: string[];
  /** Why nothing has changed; without a place where that is not in a file. */
  errors: (Partial<Fault> & { message: string })[];
}

export function refused(...errors: Reloaded['errors']): Reloaded {
  return { reloaded: false, changed: [], waiting: [], warnings: [], errors };
}

/** The configuration as it is now, or why it cannot be used. */
export async function reread(read: (() => Promise<LocatedAs>) | undefined): Promise<LocatedAs | Reloaded> {
  if (!read) return refused({ message: 'there is no file to read again' });
  try {
    return await read();
  } catch (error) {
    return refused(...(error instanceof ConfigError ? error.faults : [{ message: (error as Error).message }]));
  }
}

/** For people, in one line. */
export function summaryOf({ reloaded, changed, waiting }: Reloaded): string {
  if (!reloaded) return 'the configuration is refused: the old one goes on';
  if (changed.length === 0) return 'reloaded: nothing has changed';
  const waits = waiting.length > 0 ? `; not open yet, until what was sent before is safe: ${waiting.join(', ')}` : '';
  return `reloaded: ${changed.join(', ')}${waits}`;
}

/** With its place, if it has one. */
export function faultText(fault: Reloaded['errors'][number]): string {
  return fault.file === undefined ? fault.message : formatFault(fault as Fault);
}

/** In the log, whoever asked. */
function tell(told: Reloaded): Reloaded {
  for (const warning of told.warnings) log.warn(warning);
  for (const fault of told.errors) log.error(faultText(fault));
  log[told.reloaded ? 'info' : 'error'](summaryOf(told));
  return told;
}

/** What cannot change while the agent runs, and does. */
export async function needsRestart(
  before: CommonConfig,
  now: CommonConfig,
): Promise<{ path: Path; message: string }[]> {
  const found: { path: Path; message: string }[] = [];
  const refuse = (path: Path, why: string) => found.push({ path, message: `needs a restart: ${why}` });
  const changes = (...path: string[]) => !isDeepStrictEqual(at(before, path), at(now, path));
  if (changes('data_dir')) refuse(['data_dir'], `the agent works in ${before.data_dir}`);
  if (changes('host')) refuse(['host'], `the agent has sent records of ${before.host}`);
  if (changes('lock')) refuse(['lock'], 'data_dir is locked already');
  if (changes('buffer_memory')) refuse(['buffer_memory'], 'the memory for what is in flight is in use');
  for (const name of Object.keys(now.spool)) {
    if (changes('spool', name)) refuse(['spool', name], 'the local log is in use');
  }
  if (changes('kafka', 'delivery')) refuse(['kafka', 'delivery'], 'what is on its way is sent as it was before');
  const exactly = now.kafka.delivery === 'exactly_once';
  if (exactly && changes('kafka', 'topic_prefix')) {
    refuse(['kafka', 'topic_prefix'], 'exactly_once keeps the positions in a topic of that name');
  }
  if (exactly && changes('kafka', 'transaction_timeout')) {
    refuse(['kafka', 'transaction_timeout'], 'Kafka was told another one');
  }
  const [had, has] = [before.kafka.brokers.length > 0, now.kafka.brokers.length > 0];
  if (had && !has) refuse(['kafka', 'brokers'], 'what is on its way to Kafka is not taken back');
  if (!had && has && (exactly || (await transactionsBefore(now.data_dir)))) {
    refuse(['kafka', 'brokers'], 'Kafka is asked first what was committed with transactions');
  }
  return found;
}

function at(config: CommonConfig, path: readonly string[]): unknown {
  return path.reduce((value: unknown, key) => (value as Record<string, unknown>)[key], config);
}

/** What the connections to Kafka go by. */
export function connectionOf({ kafka: { brokers, client_id, create_topics, tls, sasl } }: CommonConfig) {
  return { brokers, client_id, create_topics, tls, sasl };
}

/** One reload after the other: however many ask, one is under way, and one waits that is for all who asked meanwhile. */
export class Reloads {
  readonly #reload: () => Promise<Reloaded>;
  readonly #announce: (reloading: boolean) => void;
  #running: Promise<Reloaded> | null = null;
  #next: Promise<Reloaded> | null = null;
  #closed = false;

  /** `announce` is called when one begins, and when it is over. It must not throw. */
  constructor(reload: () => Promise<Reloaded>, announce: (reloading: boolean) => void = () => undefined) {
    this.#reload = reload;
    this.#announce = announce;
  }

  /** Never rejects. */
  ask(): Promise<Reloaded> {
    if (this.#closed) return Promise.resolve(refused({ message: 'the agent stops' }));
    if (!this.#running && !this.#next) return this.#begin();
    this.#next ??= this.#running!.then(() => this.#go());
    return this.#next;
  }

  /** Refuses what comes from now on, and resolves when none is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  #go(): Promise<Reloaded> {
    this.#next = null;
    return this.#closed ? this.ask() : this.#begin();
  }

  #begin(): Promise<Reloaded> {
    this.#announce(true);
    const reloading = this.#reload().catch((error: Error) => refused({ message: `cannot reload: ${error.message}` }));
    const running = reloading.then(tell).finally(() => {
      this.#announce(false);
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }
}
