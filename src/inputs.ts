/**
 * The inputs that run: each is opened, closed and started again by itself.
 *
 *   kind (sources/all.ts) -> open kind -> input: open -> run -> (failed -> what it sent is safe -> opened anew -> run)
 */
import type { Config } from './config/config.ts';
import { abortable, Backoff } from './core/abort.ts';
import type { AnyKind, InputHost, InputPositions, InputSpec, OpenInput, OpenKind } from './core/input.ts';
import type { Output } from './core/pipeline.ts';
import type { Delivery } from './delivery/delivery.ts';
import { log } from './log.ts';

/** An input that ran for so long before it failed is started again soon. */
const STEADY_MS = 60_000;
/** That an input was started again is reported this often. */
const SAY_AGAIN = 60_000;

type Spec = InputSpec<unknown>;

/** Where what they bring goes. */
export interface Destination {
  output: Output;
  delivery: Pick<Delivery, 'known' | 'passed'>;
}

interface Kind {
  kind: AnyKind;
  open: OpenKind<unknown>;
}

export class Inputs {
  readonly #kinds: readonly Kind[];
  /** In the order of the configuration. */
  #running: Running[] = [];

  private constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds;
  }

  /** Opens what the inputs of each kind share. */
  static async open(kinds: readonly AnyKind[], config: Config, host: InputHost): Promise<Inputs> {
    const open: Kind[] = [];
    try {
      for (const kind of kinds) open.push({ kind, open: await kind.open(config, host) });
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
  async start(config: Config, to: Destination): Promise<void> {
    for (const { kind, open } of this.#kinds) {
      for (const spec of kind.inputs(config)) {
        this.#running.push(new Running({ kind, open }, spec, await open.open(spec, { first: true })));
      }
    }
    // Who listens first: it may end the start, and then nothing was read.
    const [listening, others] = [true, false].map((ready) => {
      return this.#running.filter(({ input }) => (input.ready !== undefined) === ready);
    });
    for (const one of listening!) one.start(to);
    await Promise.all(listening!.map(({ input }) => input.ready));
    for (const one of others!) one.start(to);
  }

  /** Resolves when all have ended. */
  async stop(reason: Error): Promise<void> {
    await Promise.all(this.#running.map((one) => one.stop(reason)));
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
    for (const { spec, input } of this.#running) yield { input: spec.id, weight: input.inFlight() };
  }

  /** Their parts of the status, with at most so many files each. */
  status(files: number): Record<string, unknown> {
    const parts = this.#kinds.map(({ kind, open }) => {
      const said = this.#running.filter((one) => one.kind.kind === kind).map(({ input }) => input.status(files));
      return open.status(said);
    });
    return Object.assign({}, ...parts);
  }
}

class Running {
  readonly kind: Kind;
  readonly spec: Spec;
  input: OpenInput;
  readonly #stop = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  /** Why it does not run now. */
  #trouble: string | null = null;

  constructor(kind: Kind, spec: Spec, input: OpenInput) {
    this.kind = kind;
    this.spec = spec;
    this.input = input;
  }

  get problems(): string[] {
    return this.#trouble === null ? this.input.problems() : [this.#trouble];
  }

  start(to: Destination): void {
    const { signal } = this.#stop;
    this.#ended = this.#run(to, signal).catch((error: Error) => {
      if (signal.aborted) return;
      this.#trouble = `${this.spec.title}: ${error.message}`;
      log.error(this.#trouble);
    });
  }

  async stop(reason: Error): Promise<void> {
    this.#stop.abort(reason);
    await this.#ended;
  }

  /** Until it is stopped. Where that fails it is opened anew and run again, and said until it is. */
  async #run(to: Destination, signal: AbortSignal): Promise<void> {
    const again = this.spec.topics.filter(({ replayable }) => replayable);
    const backoff = new Backoff();
    while (!signal.aborted) {
      const began = performance.now();
      try {
        for (const { topic } of again) await to.delivery.known(topic, signal);
        return await this.input.run(to.output, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (performance.now() - began > STEADY_MS) backoff.reset();
        const what = `${this.spec.title} has stopped: ${(error as Error).message}; it is started again`;
        this.#trouble = what;
        log.warnOnce(what, what, SAY_AGAIN);
      }
      await backoff.wait(signal);
      // What was read goes on from where it is safe: until then the next one would read it again.
      for (const { topic } of again) await abortable(to.delivery.passed(topic), signal);
      const { kind, spec } = this;
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
