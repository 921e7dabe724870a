/** What applications send to be audited: listens until it is stopped; seals what came. */
import { join } from 'node:path';
import { makeSeal, sealHash, sealRecord } from '../../audit/seal.ts';
import { aborted, pause } from '../../core/abort.ts';
import type { Stream } from '../../core/batch.ts';
import type { DurableLog } from '../../core/durable-log.ts';
import { makeDirectory } from '../../core/files.ts';
import { type InputHost, type OpenInput, Reopened } from '../../core/input.ts';
import type { Output } from '../../core/pipeline.ts';
import type { Listeners } from '../../http/listeners.ts';
import type { MaskRule } from '../../kernel/process/mask-rules.ts';
import { readMaskKey, wantsKey } from '../../lines/mask-key.ts';
import { log } from '../../log.ts';
import { valueEnvelope } from '../../records/envelope.ts';
import { auditHandler } from './http.ts';
import { AuditIntake } from './intake.ts';
import { SealKeys } from './keys.ts';
import type { AuditInput } from './kind.ts';
import { AuditedLines } from './lines.ts';
import { auditListeners } from './listeners.ts';
import { EventMask } from './mask.ts';
import { type AuditSaid, NOTHING } from './report.ts';
import { INTAKE } from './sections.ts';
import { AuditStore } from './store.ts';
import type { SealedState, StreamState } from './stream-state.ts';
import { StreamsAccess } from './streams-access.ts';
import { TopicCheck } from './topic-check.ts';

const LOOK_MS = 1000;
/** What is on the medium is written down as a state so often: a start reads the log from there. */
const SAVE_MS = 5000;

export class AuditInputSource implements OpenInput {
  readonly ready: Promise<void>;
  readonly #o: AuditInput;
  readonly #host: InputHost;
  readonly #first: boolean;
  readonly #opened = Promise.withResolvers<void>();
  readonly #streams = new Map<string, Stream>();
  readonly #masks = new Map<string, EventMask | null>();
  readonly #topic: TopicCheck;
  #keys: SealKeys | null = null;
  #store: AuditStore | null = null;
  #log: DurableLog | null = null;
  #intake: AuditIntake | null = null;
  #listeners: Listeners | null = null;

  /** `first`: an address that cannot be bound ends the start; later it is tried again. */
  constructor(options: AuditInput, host: InputHost, first: boolean) {
    this.#o = options;
    this.#host = host;
    this.#first = first;
    this.#topic = new TopicCheck(options.config, host);
    this.ready = this.#opened.promise;
    this.ready.catch(() => undefined);
  }

  async run(_: Output, signal: AbortSignal): Promise<void> {
    try {
      await this.#open();
      await this.#listeners!.bind(!this.#first, signal);
      this.#opened.resolve();
    } catch (error) {
      await this.#listeners?.close();
      this.#opened.reject(error);
      throw error;
    }
    await Promise.all([this.#topic.run(signal), this.#sealAgain(signal), this.#saveAgain(signal), aborted(signal)]);
    await this.#listeners!.close();
    // Where the agent stops, what tails have read is on its way still: the end comes when that is taken.
    const reopened = signal.reason instanceof Reopened;
    if (reopened) this.#host.chaining(this.#o.config.topic, null);
    await this.#sealAll();
    if (reopened) await this.#finish();
  }

  problems(): string[] {
    const { error } = this.#intake ?? { error: null };
    const disk = error === null ? [] : [`audit: the disk does not take events: ${error}`];
    return [...disk, ...(this.#listeners?.problems() ?? [])];
  }

  /** What was taken is in the log. */
  inFlight(): number {
    return 0;
  }

  status(): AuditSaid['audit'] {
    if (!this.#intake) return NOTHING.audit;
    const { taken: events, duplicates, held } = this.#intake;
    const listeners = this.#listeners?.status() ?? [];
    return {
      listeners,
      streams: this.#said(),
      topic_errors: [...this.#topic.errors],
      events,
      duplicates,
      seals: this.#store!.chains.seals,
      held,
    };
  }

  async #open(): Promise<void> {
    const { config, dataDir, masks, fileMasks } = this.#o;
    const dir = join(dataDir, 'audit');
    await makeDirectory(dir);
    const { agentId } = this.#host;
    this.#keys = await SealKeys.open(dir, agentId);
    const durable = await this.#host.durableLog(config.topic);
    this.#log = durable;
    this.#store = await AuditStore.open(durable, {
      dir,
      agentId,
      ids: config.ids,
      sealEvery: config.seal.every,
      streamOf: (name, input) => this.#streamOf(name, input),
      seal: (state, time) => this.#seal(state, time),
      named: (name) => Object.hasOwn(config.streams, name),
      ended: (name) => this.#ended(name),
    });
    const intake = new AuditIntake({ log: durable, store: this.#store, hold: config.hold });
    for (const { name, sequence } of this.#store.chains.streams.values())
      intake.sent.wrote(name, sequence, durable.next);
    this.#intake = intake;
    const mask = await this.#maskOf(masks);
    const lineMasks = new Map<string, EventMask | null>();
    for (const [input, rules] of Object.entries(fileMasks)) lineMasks.set(input, await this.#maskOf(rules));
    const lines = new AuditedLines({
      intake,
      account: (input) => this.#host.account(input),
      maskOf: (input) => lineMasks.get(input) ?? null,
      closed: () => this.#topic.closed,
      finish: () => this.#finish(),
    });
    this.#host.chaining(config.topic, lines);
    const handler = auditHandler({
      intake,
      access: await StreamsAccess.of(config),
      durability: config.durability,
      hold: config.hold,
      required: config.required_fields,
      mask: (event, line) => mask?.mask(event, line) ?? event,
      closed: () => this.#topic.closed,
      sent: (signal) => durable.passed(durable.next, signal),
      streams: () => this.#said(),
      keys: () => this.#keys!.all,
    });
    this.#listeners = auditListeners(config, handler);
  }

  /** One for the same rules: each has a memory of its own. */
  async #maskOf(rules: readonly MaskRule[]): Promise<EventMask | null> {
    const same = JSON.stringify(rules);
    const key = wantsKey(rules) ? maskKeyOf(this.#o.mask_key_file!) : null;
    const mask = this.#masks.get(same) ?? (await EventMask.of(rules, key));
    this.#masks.set(same, mask);
    return mask;
  }

  #streamOf(name: string, input: string): Stream {
    const place = `${input} ${name}`;
    let stream = this.#streams.get(place);
    if (!stream) {
      const envelope = valueEnvelope(this.#o.host);
      const account = this.#host.account(input);
      const { topic } = this.#o.config;
      stream = { name: 'audit', topic, key: name, account, replayable: false, envelope: () => envelope };
      this.#streams.set(place, stream);
    }
    return stream;
  }

  #ended(name: string): void {
    this.#streams.delete(`${INTAKE} ${name}`);
    this.#intake?.sent.forget(name);
    log.warnOnce(
      'audit streams',
      `audit: stream ${name} had no event for longest, and has made room for another: it begins anew when one comes; name the streams that may be written in audit.streams`,
    );
  }

  #seal(state: StreamState, time: string): { value: Buffer; sealed: SealedState } {
    const { sequence, head, id: stream, sealed } = state;
    const { pair, nextKey: next_key } = this.#keys!.pairFor(sealed.key);
    const from = sealed.to + 1;
    const numbers = { stream, from, to: sequence, head, time };
    const seal = makeSeal({ ...numbers, previous_seal: sealed.previous, next_key }, pair);
    const now = { to: sequence, time: Date.parse(time), previous: sealHash(seal), key: next_key };
    return { value: sealRecord(seal), sealed: now };
  }

  /** Streams are sealed when their time has come; keys are replaced by others. */
  async #sealAgain(signal: AbortSignal): Promise<void> {
    const { interval, rotate } = this.#o.config.seal;
    const keys = this.#keys!;
    const { chains } = this.#store!;
    while (await pause(LOOK_MS, signal)) {
      try {
        if (keys.rotating || Date.now() - keys.since >= rotate) await this.#rotate();
        const now = Date.now();
        const due = [...chains.streams.values()].filter(({ sealed }) => Math.abs(now - sealed.time) >= interval);
        await this.#intake!.seal(due.map(({ name }) => name));
      } catch (error) {
        log.warnOnce('audit seal', `audit: cannot seal: ${(error as Error).message}; it is tried again`);
      }
    }
  }

  async #rotate(): Promise<void> {
    const keys = this.#keys!;
    const { streams } = this.#store!.chains;
    // Nothing would lead from a key that no seal has to the next one: whoever pinned it would trust none of what comes.
    if (streams.size === 0) return;
    await keys.begin();
    // Those that say already what comes next need no other seal for that. While they are sealed others may come that do not:
    // what was being written when the key was made.
    for (;;) {
      const left = [...streams.values()].filter(({ sealed }) => sealed.key !== keys.next);
      if (left.length === 0) break;
      await this.#intake!.seal(left.map(({ name }) => name));
    }
    await keys.finish();
  }

  async #saveAgain(signal: AbortSignal): Promise<void> {
    while (await pause(SAVE_MS, signal)) await this.#save();
  }

  async #save(): Promise<void> {
    if (!this.#store?.behind) return;
    await this.#store.save().catch((error: Error) => {
      log.warnOnce(
        'audit state',
        `audit: cannot store how far the chains are: ${error.message}; the next start reads more`,
      );
    });
  }

  /** What came is sealed before the process ends. */
  async #sealAll(): Promise<void> {
    const { streams } = this.#store!.chains;
    const unsealed = [...streams.values()].filter(({ sequence, sealed }) => sequence > sealed.to);
    await this.#intake!.seal(unsealed.map(({ name }) => name)).catch((error: Error) => {
      log.error(`audit: cannot write the last seals: ${error.message}; the next start seals what came`);
    });
    await this.#save();
  }

  async #finish(): Promise<void> {
    await this.#sealAll();
    await this.#intake!.close();
    await this.#save();
  }

  #said(): AuditSaid['audit']['streams'] {
    const { next, acknowledged } = this.#log!;
    const streams = [...(this.#store?.chains.streams.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
    return streams.map(({ name, id, sequence, head, sealed }) => {
      // What an earlier process has left is known of all streams together only.
      const waiting = Math.min(sequence - this.#intake!.sent.sentTo(name, acknowledged), next - acknowledged);
      return { stream: name, id, sequence, head, sealed_to: sealed.to, waiting };
    });
  }
}

function maskKeyOf(path: string): Buffer {
  try {
    return readMaskKey(path);
  } catch (error) {
    throw new Error(`mask_key_file: ${(error as Error).message}`);
  }
}
