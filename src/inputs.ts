/**
 * The inputs that run: each is opened, closed and started again by itself.
 *
 *   kind (sources/all.ts) -> open kind -> input: open -> run -> (failed -> what it sent is safe -> opened anew -> run)
 */
import { isDeepStrictEqual } from 'node:util';
import type { CommonConfig } from './config/config.ts';
import { abortable, Backoff } from './core/abort.ts';
import {
  type AnyKind,
  type ByteSink,
  type InputHost,
  type InputPositions,
  type InputSpec,
  type OpenInput,
  type OpenKind,
  Reopened,
} from './core/input.ts';
import type { Output } from './core/pipeline.ts';
import type { Delivery } from './delivery/delivery.ts';
import { log } from './log.ts';

/** An input that ran for so long before it failed is started again soon. */
const STEADY_MS = 60_000;
/** That an input was started again is reported this often. */
const SAY_AGAIN = 60_000;
/** After so long it is said that an input that has changed waits. */
const WAITS_MS = 1000;

type Spec = InputSpec<unknown>;

/** Where what they bring goes. */
export interface Destination {
  output: Output;
  delivery: Pick<Delivery, 'known' | 'passed'>;
}

interface Kind {
  readonly kind: AnyKind;
  readonly open: OpenKind<unknown>;
  /** Resolves when all that was closed of it has ended, and what that sent is safe. */
  closed: Promise<unknown>;
}

export class Inputs {
  readonly #kinds: readonly Kind[];
  /** In the order of the configuration. */
  #running: Running[] = [];
  /** Those that are not configured as they are any more, until they have ended. */
  readonly #closing = new Set<Running>();

  private constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds;
  }

  /** Opens what the inputs of each kind share. */
  static async open(kinds: readonly AnyKind[], config: CommonConfig, host: InputHost): Promise<Inputs> {
    const open: Kind[] = [];
    try {
      for (const kind of kinds) {
        open.push({ kind, open: await kind.open(config, host), closed: Promise.resolve() });
      }
    } catch (error) {
      for (const { open: one } of open) await one.close();
      throw error;
    }
    return new Inputs(open);
  }

  /** How far they are, of those that can be read again. */
  get positions(): InputPositions[] {
    return this.#kinds.flatMap(({ open }) => open.positions ?? []);
  }

  /** Opens and runs all that are configured; rejects where one that listens cannot. */
  async start(config: CommonConfig, to: Destination): Promise<void> {
    for (const kind of this.#kinds) {
      for (const spec of kind.kind.inputs(config)) {
        const one = new Running(kind, spec);
        one.input = await kind.open.open(spec, { first: true });
        this.#running.push(one);
      }
    }
    // Who listens first: it may end the start, and then nothing was read.
    const [listening, others] = [true, false].map((ready) => {
      return this.#running.filter(({ input }) => (input?.ready !== undefined) === ready);
    });
    for (const one of listening!) one.start(to);
    await Promise.all(listening!.map(({ input }) => input?.ready));
    for (const one of others!) one.start(to);
  }

  /**
   * From now on these are configured: what has changed is closed, and opened anew once what it sent is safe, while the
   * others go on. Names what has changed; `done` gives those that are open.
   */
  change(config: CommonConfig, to: Destination): { title: string; open: Promise<void> }[] {
    const all: Running[] = [];
    const changed: { title: string; open: Promise<void> }[] = [];
    for (const kind of this.#kinds) {
      const had = this.#running.filter((one) => one.kind === kind);
      const now = kind.kind.inputs(config).map((spec) => {
        return had.find((one) => isDeepStrictEqual(one.spec, spec)) ?? new Running(kind, spec);
      });
      const closed = had.filter((one) => !now.includes(one)).map((one) => ({ one, ended: this.#close(one, to) }));
      kind.closed = Promise.all([kind.closed, ...closed.map(({ ended }) => ended)]);
      const after = kind.closed.then(() => kind.open.configure?.(config));
      for (const one of now.filter((one) => !had.includes(one))) {
        one.before = closed.find(({ one: { spec } }) => spec.id === one.spec.id)?.one ?? null;
        changed.push({ title: one.spec.title, open: one.start(to, after) });
      }
      for (const { one, ended } of closed) {
        if (!now.some(({ spec }) => spec.id === one.spec.id)) changed.push({ title: one.spec.title, open: ended });
      }
      all.push(...now);
    }
    this.#running = all;
    return changed;
  }

  /** Resolves when it has ended and what it sent is safe: what can be read again goes on from there. */
  async #close(one: Running, to: Destination): Promise<void> {
    this.#closing.add(one);
    await one.stop(new Reopened());
    this.#closing.delete(one);
    await one.passed(to);
    one.input?.close?.();
  }

  /** Resolves when all have ended. */
  async stop(reason: Error): Promise<void> {
    await Promise.all([...this.#running, ...this.#closing].map((one) => one.stop(reason)));
  }

  /** Stores what is to be kept of them; none runs any more. */
  async close(): Promise<void> {
    for (const { open } of this.#kinds) await open.close();
  }

  /** What is wrong, a sentence each. */
  problems(): string[] {
    const shared = this.#kinds.flatMap(({ open }) => open.problems());
    return [...this.#running.flatMap(({ problems }) => problems), ...shared];
  }

  /** Items that were received and are not pushed yet, by input. */
  *inFlight(): Iterable<{ input: string; weight: number }> {
    for (const { spec, input } of [...this.#running, ...this.#closing]) {
      if (input) yield { input: spec.id, weight: input.inFlight() };
    }
  }

  /** What comes to the input of this name, as it comes; null: it is not open, or has nothing like that, or gives it already. */
  capture(id: string, sink: ByteSink): (() => void) | null {
    return this.#running.find(({ spec }) => spec.id === id)?.input?.capture?.(sink) ?? null;
  }

  /** What the input of this name makes of a command; null: it is not open, or has none. */
  command(id: string, name: string, options: Readonly<Record<string, unknown>>, signal: AbortSignal) {
    return this.#running.find(({ spec }) => spec.id === id)?.input?.command?.(name, options, signal) ?? null;
  }

  /** Who sends most to the input of this name; null: it is not open, or nobody can tell. */
  top(id: string): Promise<unknown> | null {
    return this.#running.find(({ spec }) => spec.id === id)?.input?.top?.() ?? null;
  }

  /** Their parts of the status, with at most so many files each. */
  status(files: number): Record<string, unknown> {
    const parts = this.#kinds.map((kind) => {
      const inputs = this.#running.flatMap((one) => (one.kind === kind ? (one.shown ?? []) : []));
      return kind.open.status(inputs.map((input) => input.status(files)));
    });
    return Object.assign({}, ...parts);
  }
}

class Running {
  readonly kind: Kind;
  readonly spec: Spec;
  /** Null: it is not open yet. */
  input: OpenInput | null = null;
  /** What was open under its name before it. */
  before: Running | null = null;
  readonly #stop = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  /** Why it does not run now. */
  #trouble: string | null = null;

  constructor(kind: Kind, spec: Spec) {
    this.kind = kind;
    this.spec = spec;
  }

  /** What the status shows under its name. */
  get shown(): OpenInput | null {
    return this.input ?? this.before?.shown ?? null;
  }

  get problems(): string[] {
    return this.#trouble === null ? (this.input?.problems() ?? []) : [this.#trouble];
  }

  /** Resolves when it is open, or has ended. `after`: it is opened then. */
  start(to: Destination, after?: Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    const opened = Promise.withResolvers<void>();
    const run = async () => {
      if (after) await this.#open(after, signal);
      opened.resolve(this.input?.ready?.catch(() => undefined));
      await this.#run(to, signal);
    };
    this.#ended = run().catch((error: Error) => {
      opened.resolve();
      if (signal.aborted) return;
      this.#trouble = `${this.spec.title}: ${error.message}`;
      log.error(this.#trouble);
    });
    return opened.promise;
  }

  async stop(reason: Error): Promise<void> {
    this.#stop.abort(reason);
    await this.#ended;
  }

  /** Resolves when what it sent is safe, so that nothing of it is read again. */
  async passed({ delivery }: Destination): Promise<void> {
    for (const { topic, replayable } of this.spec.topics) if (replayable) await delivery.passed(topic);
  }

  /** Resolves when it is known where it goes on. */
  async #known({ delivery }: Destination, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const foreseeing = this.input?.foresee?.(AbortSignal.any([signal, over.signal]));
    try {
      for (const { topic, replayable } of this.spec.topics) if (replayable) await delivery.known(topic, signal);
    } finally {
      over.abort(new Error('it is known where it goes on'));
      await foreseeing;
    }
  }

  async #open(after: Promise<void>, signal: AbortSignal): Promise<void> {
    const waits = setTimeout(() => {
      this.#trouble = `${this.spec.title} has changed, and is opened when what was sent of it before is safe`;
    }, WAITS_MS).unref();
    try {
      await abortable(after, signal);
      this.input = await this.kind.open.open(this.spec, { first: false });
    } finally {
      clearTimeout(waits);
      this.#trouble = null;
      this.before = null;
    }
  }

  /** Until it is stopped. Where that fails it is opened anew and run again, and said until it is. */
  async #run(to: Destination, signal: AbortSignal): Promise<void> {
    const { kind, spec } = this;
    const backoff = new Backoff();
    while (!signal.aborted) {
      const began = performance.now();
      try {
        await this.#known(to, signal);
        return await this.input!.run(to.output, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (performance.now() - began > STEADY_MS) backoff.reset();
        const what = `${spec.title} has stopped: ${(error as Error).message}; it is started again`;
        this.#trouble = what;
        log.warnOnce(what, what, SAY_AGAIN);
      }
      await backoff.wait(signal);
      // What was read goes on from where it is safe: until then the next one would read it again.
      await abortable(this.passed(to), signal);
      this.input?.close?.();
      this.input = null;
      this.input = await kind.open.open(spec, { first: false });
      // Before that the reason is what it was.
      const well = () => {
        this.#trouble = null;
      };
      if (this.input.ready) this.input.ready.then(well, () => undefined);
      else well();
    }
  }
}
