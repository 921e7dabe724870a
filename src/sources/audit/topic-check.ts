/** What the audit topic must be like, so that what was answered stays: checked at the start and every ten minutes. */
import { pause } from '../../core/abort.ts';
import type { InputHost, TopicSettings } from '../../core/input.ts';
import { log } from '../../log.ts';
import { MOST_EVENT_BYTES } from './event.ts';
import type { AuditConfig } from './options.ts';
import { MIN_IN_SYNC, REPLICAS, SETTINGS } from './topic-settings.ts';

const EVERY_MS = 600_000;
/** While something is wrong, or not known: whoever mends it wants to see that it is right. */
const AGAIN_MS = 5000;
const ASK_MS = 5000;
/** The largest record with its headers, in a batch of its own. */
const LARGEST_BATCH = MOST_EVENT_BYTES + 4096;

/** What is wrong with it, a sentence each. `retention`: milliseconds. */
export function weaknesses(topic: string, { replicas, settings }: TopicSettings, retention: number): string[] {
  const found: string[] = [];
  const say = (what: string, remedy: string) => found.push(`topic ${topic}: ${what}: ${remedy}`);
  if (replicas < REPLICAS) say(`${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`, `give it ${REPLICAS}`);
  if (!settings) {
    say('its settings may not be asked for', 'give the agent DescribeConfigs on it');
    return found;
  }
  const wrong = (name: string, remedy: string) => say(`${name}=${settings[name]}`, remedy);
  const inSync = Number(settings[SETTINGS.inSync]);
  if (inSync < MIN_IN_SYNC) wrong(SETTINGS.inSync, `set it to ${MIN_IN_SYNC}`);
  else if (inSync >= replicas) wrong(SETTINGS.inSync, 'with so many it takes nothing while one broker is away');
  if (settings[SETTINGS.unclean] !== 'false')
    wrong(SETTINGS.unclean, 'set it to false: what was acknowledged may be lost');
  if (settings[SETTINGS.cleanup] !== 'delete')
    wrong(SETTINGS.cleanup, 'set it to delete: of each stream one record would stay');
  const kept = Number(settings[SETTINGS.retention]);
  if (kept >= 0 && kept < retention)
    wrong(SETTINGS.retention, `set it to ${retention} or more, or audit.retention to less`);
  if (Number(settings[SETTINGS.retentionBytes] ?? -1) >= 0) wrong(SETTINGS.retentionBytes, 'set it to -1');
  if (Number(settings[SETTINGS.largest]) < LARGEST_BATCH) wrong(SETTINGS.largest, `set it to ${LARGEST_BATCH} or more`);
  return found;
}

export class TopicCheck {
  /** What is wrong, a sentence each. */
  errors: readonly string[] = [];
  readonly #o: AuditConfig;
  readonly #host: Pick<InputHost, 'topicFacts'>;
  readonly #again: number;
  /** It was found to be right or not. */
  #known = false;

  /** `again`: while something is wrong it is checked so often, milliseconds. */
  constructor(options: AuditConfig, host: Pick<InputHost, 'topicFacts'>, again = AGAIN_MS) {
    this.#o = options;
    this.#host = host;
    this.#again = again;
  }

  /** Why nothing is taken; null: it is. */
  get closed(): string | null {
    if (this.#o.require === 'warn') return null;
    if (!this.#known) return `it is not known yet whether topic ${this.#o.topic} is fit (audit.require: strict)`;
    return this.errors.length === 0 ? null : `audit.require is strict, and ${this.errors.join('; ')}`;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#check(signal);
      const good = this.#known && this.errors.length === 0;
      if (!(await pause(good ? EVERY_MS : this.#again, signal))) return;
    }
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { topic, retention, require } = this.#o;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
    try {
      const facts = (await this.#host.topicFacts?.(topic, Object.values(SETTINGS), limit)) ?? null;
      if (facts) this.#learn(weaknesses(topic, facts, retention), true);
      else this.#learn(require === 'strict' ? ['there is no Kafka: name kafka.brokers'] : [], require === 'strict');
    } catch (error) {
      if (signal.aborted) return;
      // What was found before holds until something else is.
      if (this.#known) return;
      this.errors = [`topic ${topic} could not be checked yet: ${(error as Error).message}`];
    }
  }

  #learn(errors: readonly string[], known: boolean): void {
    for (const error of errors) if (!this.errors.includes(error)) log.warn(`audit: ${error}`);
    if (this.#known && this.errors.length > 0 && errors.length === 0)
      log.info(`audit: topic ${this.#o.topic} is fit now`);
    this.errors = errors;
    this.#known = known;
  }
}
