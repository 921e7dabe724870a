/**
 * What one window holds, by number of series: a sum and a number of samples, and for some kinds a sketch or a set; and
 * what came in it with a time of its own; and events.
 */
import { type Arena, Region } from '../../aggregate/arena.ts';
import { Sketches } from '../../aggregate/sketch.ts';
import { Timed } from '../../aggregate/timed.ts';
import { Uniques } from '../../aggregate/unique.ts';
import type { Columns } from '../../kernel/statsd.ts';
import { Events, Messages } from './events.ts';

export class Content {
  readonly columns: Columns;
  readonly sketches: Sketches;
  readonly sets: Uniques;
  readonly timed: Timed;
  readonly events: Events;
  readonly messages: Messages;
  readonly #region: Region;

  /** `memory`: bytes of the budget. */
  constructor(columns: Columns, arena: Arena, memory: number) {
    const series = columns.samples.length;
    this.columns = columns;
    this.#region = new Region(arena);
    this.sketches = new Sketches(this.#region, series);
    this.sets = new Uniques(this.#region, series);
    this.timed = new Timed(arena);
    this.events = new Events(arena, memory);
    this.messages = new Messages(arena, memory);
  }

  /** Sketches, sets and messages of checks for which there was not the room that they wanted. */
  get coarser(): number {
    return this.sketches.coarser + this.sets.coarser + this.messages.left;
  }

  /** Of series below `size` there is nothing any more. */
  clear(size: number): void {
    this.columns.sums.fill(0, 0, size);
    this.columns.samples.fill(0, 0, size);
    this.sketches.clear(size);
    this.sets.clear(size);
    this.timed.clear();
    this.events.clear();
    this.messages.clear();
    this.#region.clear();
  }
}
