/**
 * The generations of one input whose files other processes look after: nobody takes them here meanwhile. What of them is
 * in flight is known beyond the process that read it.
 */
import { mountOf } from '../../../mounts/places.ts';
import type { TailContext } from '../context.ts';
import { FileStream } from '../file/stream.ts';
import type { Generation } from '../positions/journal.ts';

/** The stream of a file that another process reads. */
export class ApartStream extends FileStream {
  /** Told how far it is safe. */
  onSettled: ((stream: ApartStream, position: number) => void) | null = null;

  override settled(position: number, skipped: number): void {
    super.settled(position, skipped);
    this.onSettled?.(this, position);
  }
}

export class Lent {
  readonly #context: TailContext;
  readonly #generations = new Set<Generation>();
  readonly #streams = new Map<string, ApartStream>();

  constructor(context: TailContext) {
    this.#context = context;
  }

  /** Lends what lies on mounts that may hang, and takes back what does not any more. */
  sort(): void {
    const { input, positions } = this.#context;
    for (const generation of this.#generations) {
      if (mountOf(generation.path)) continue;
      this.#generations.delete(generation);
      positions.giveBack(generation);
    }
    for (const generation of positions.unclaimed.of(input.name)) if (mountOf(generation.path)) this.add(generation);
  }

  /** Nobody reads elsewhere any more. */
  giveBack(): void {
    for (const generation of this.#generations) this.#context.positions.giveBack(generation);
    this.#generations.clear();
  }

  add(generation: Generation): void {
    this.#generations.add(generation);
    this.#context.positions.lend(generation);
  }

  /** It is forgotten, as soon as nothing of it is in flight. */
  forget(generation: Generation): void {
    this.#generations.delete(generation);
    const stream = this.#streams.get(generation.id);
    if (stream) stream.end();
    else this.#context.positions.forget(generation);
  }

  on(device: string): Generation[] {
    return [...this.#generations].filter(({ path }) => mountOf(path)?.device === device);
  }

  /** What is to be known of it to read on where what was taken ends. */
  taken(generation: Generation): Generation {
    const last = this.#streams.get(generation.id)?.sentLast;
    if (!last) return generation;
    const { cut: _, ...known } = generation;
    const { end, marker, cut } = last;
    return { ...known, position: end, marker, markedAt: end, ...(cut > 0 && { cut: { at: end, streams: cut } }) };
  }

  streamOf(generation: Generation, settled: (id: string, position: number) => void): ApartStream {
    const { id } = generation;
    const stream = this.#streams.get(id) ?? new ApartStream(this.#context, generation, true);
    this.#streams.set(id, stream);
    stream.onSettled = (_, position) => {
      if (!stream.sentLast) this.#streams.delete(id);
      settled(id, position);
    };
    return stream;
  }
}
