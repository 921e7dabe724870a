/**
 * The states of all instances of a part, by slot: a number each, so that one that fires needs no more room than one that is well.
 */
import type { AlertProgress, State } from './machine.ts';
import type { AlertAction } from './notification.ts';
import { widened } from './widened.ts';

const STATES: readonly State[] = ['ok', 'pending', 'firing', 'no_data'];
const ACTIONS: readonly (AlertAction | null)[] = [null, 'firing', 'resolved', 'no_data'];
const OK = STATES.indexOf('ok');

/** As it was recorded last: of the rest the instance knows itself. */
export interface Recorded {
  action: AlertAction;
  start: number;
  change: number;
}

export class InstanceColumns {
  #state: Uint8Array;
  #counting: Uint8Array;
  #action: Uint8Array;
  /** As in AlertProgress. */
  #elapsed: Float64Array;
  #silent: Float64Array;
  /** As in Recorded. */
  #start: Float64Array;
  #change: Float64Array;
  /** NaN: none. */
  #value: Float64Array;
  /** When it came into its state. */
  since: Float64Array;

  constructor(room: number) {
    [this.#state, this.#counting, this.#action] = [new Uint8Array(room), new Uint8Array(room), new Uint8Array(room)];
    const column = () => new Float64Array(room);
    [this.#elapsed, this.#silent, this.#start] = [column(), column(), column()];
    [this.#change, this.#value, this.since] = [column(), column(), column()];
  }

  grow(room: number): void {
    const bytes = (old: Uint8Array) => widened(old, room);
    const numbers = (old: Float64Array) => widened(old, room);
    [this.#state, this.#counting, this.#action] = [bytes(this.#state), bytes(this.#counting), bytes(this.#action)];
    [this.#elapsed, this.#silent, this.#start] = [numbers(this.#elapsed), numbers(this.#silent), numbers(this.#start)];
    [this.#change, this.#value, this.since] = [numbers(this.#change), numbers(this.#value), numbers(this.since)];
  }

  /** It is new, and nothing is known of it. */
  clear(slot: number): void {
    this.#state[slot] = OK;
    this.#counting[slot] = this.#action[slot] = 0;
    this.#elapsed[slot] = this.#silent[slot] = this.since[slot] = 0;
    this.#value[slot] = Number.NaN;
  }

  state(slot: number): State {
    return STATES[this.#state[slot]!]!;
  }

  isOk(slot: number): boolean {
    return this.#state[slot] === OK;
  }

  load(slot: number, to: AlertProgress): AlertProgress {
    to.state = this.state(slot);
    to.elapsed = this.#elapsed[slot]!;
    to.counting = this.#counting[slot] === 1;
    to.silent = this.#silent[slot]!;
    return to;
  }

  store(slot: number, { state, elapsed, counting, silent }: AlertProgress): void {
    // Nearly always it stays.
    if (state !== this.state(slot)) this.#state[slot] = STATES.indexOf(state);
    this.#elapsed[slot] = elapsed;
    this.#counting[slot] = counting ? 1 : 0;
    this.#silent[slot] = silent;
  }

  value(slot: number): number | null {
    const value = this.#value[slot]!;
    return Number.isNaN(value) ? null : value;
  }

  setValue(slot: number, value: number | null): void {
    this.#value[slot] = value ?? Number.NaN;
  }

  recorded(slot: number): Recorded | null {
    const action = ACTIONS[this.#action[slot]!]!;
    return action && { action, start: this.#start[slot]!, change: this.#change[slot]! };
  }

  setRecorded(slot: number, recorded: Recorded | null): void {
    this.#action[slot] = ACTIONS.indexOf(recorded?.action ?? null);
    this.#start[slot] = recorded?.start ?? 0;
    this.#change[slot] = recorded?.change ?? 0;
  }
}
