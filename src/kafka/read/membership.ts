/**
 * The life of a member: joins, beats, settles before each rebalance, and at the end.
 *
 *   connecting -> joining -> stable -> settling -> joining ...      heartbeats go on while it settles
 *                    ^          |
 *                    '---lost---'                                   closed, or fenced: another process has its instance id
 */
import { aborted, pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import {
  BrokerError,
  ILLEGAL_GENERATION,
  LinkError,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} from '../wire/errors.ts';
import type { Holdings } from './holdings.ts';
import type { GroupMember } from './member.ts';

export type ConsumerState = 'connecting' | 'joining' | 'settling' | 'stable' | 'closed' | 'fenced';

/** Beats within a session. */
const BEATS = 10;
const [LEAST_BEAT_MS, MOST_BEAT_MS] = [100, 3000];
/** A handler that does not come back after its deadline is not waited for longer than this. */
const OVERTIME_MS = 2000;
const LEAVE_MS = 2000;

export interface MembershipOptions {
  member: GroupMember;
  holdings: Holdings;
  settle: (deadline: AbortSignal) => Promise<void>;
  /** Milliseconds. */
  sessionTimeout: number;
  settleTimeout: number;
  isStatic: boolean;
}

export interface CloseOptions {
  /** A static member gives its place up, too. */
  leave?: boolean;
  /** At the latest then settling ends. */
  deadline?: AbortSignal;
}

type End = 'rebalance' | 'lost' | 'over';

export class Membership {
  readonly #o: MembershipOptions;
  readonly #closing = new AbortController();
  #close: CloseOptions = {};
  #kick = new AbortController();
  #rejoin = false;
  /** By the monotonic and by the wall clock: only one of them counts while the machine is suspended. */
  #beat = { steady: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };
  state: ConsumerState = 'connecting';
  joins = 0;

  constructor(options: MembershipOptions) {
    this.#o = options;
  }

  /** Milliseconds since the last good heartbeat was sent; Infinity: no member yet. */
  get heartbeatAge(): number {
    return Math.max(performance.now() - this.#beat.steady, Date.now() - this.#beat.wall);
  }

  get isSure(): boolean {
    return this.heartbeatAge < this.#o.sessionTimeout;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** The coordinator is to be asked now how it stands. */
  ask(): void {
    this.#kick.abort();
    this.#kick = new AbortController();
  }

  /** There is something to tell the group. */
  rejoin(): void {
    this.#rejoin = true;
    this.ask();
  }

  close(options: CloseOptions): void {
    if (this.#closing.signal.aborted) return;
    this.#close = options;
    this.#closing.abort(new Error('the consumer is closed'));
  }

  /** Until it is closed. Rejects with FencedError. */
  async live(): Promise<void> {
    const { member, holdings } = this.#o;
    const { signal } = this.#closing;
    const lost = () => holdings.loseAll('expired');
    while (!signal.aborted) {
      if (this.state !== 'connecting') this.state = 'joining';
      try {
        const says = () => {
          this.#rejoin = false;
          return holdings.says(signal);
        };
        const joined = await member.join(says, lost, signal);
        this.joins++;
        // The coordinator counts the session from its answer on, which is younger than one beat.
        this.#beaten(this.#interval);
        if (!(await holdings.assign(joined, signal))) this.#rejoin = true;
        // A static member that came back with other topics is given what it had: other words make for a new assignment.
        if (this.joins === 1 && this.#o.isStatic && holdings.differs(joined)) this.#rejoin = true;
      } catch (error) {
        if (signal.aborted) break;
        throw error;
      }
      this.state = 'stable';
      const end = await this.#alive(signal);
      if (end === 'lost') lost();
      else if (end === 'rebalance') await this.#settle(AbortSignal.timeout(this.#o.settleTimeout));
    }
    await this.#settle(this.#close.deadline ?? AbortSignal.timeout(this.#o.settleTimeout));
    holdings.loseAll('closed');
    if (!this.#o.isStatic || this.#close.leave) {
      const said = (error: Error) => log.debug(`cannot leave the group: ${error.message}`);
      await member.leave(AbortSignal.timeout(LEAVE_MS)).catch(said);
    }
  }

  get #interval(): number {
    return Math.min(Math.max(this.#o.sessionTimeout / BEATS, LEAST_BEAT_MS), MOST_BEAT_MS);
  }

  /** Beats until the coordinator wants something else, or `over` aborts. `settling`: a rebalance is known already. */
  async #alive(over: AbortSignal, settling = false): Promise<End> {
    const { member } = this.#o;
    while (!over.aborted) {
      await pause(this.#interval, AbortSignal.any([over, this.#kick.signal]));
      if (over.aborted) break;
      if (this.#rejoin && !settling) return 'rebalance';
      const began = performance.now();
      try {
        await member.heartbeat(over);
        this.#beaten(performance.now() - began);
      } catch (error) {
        if (over.aborted) break;
        if (error instanceof LinkError) continue;
        if (!(error instanceof BrokerError)) throw error;
        if (error.code === UNKNOWN_MEMBER_ID) member.id = '';
        if (error.code === UNKNOWN_MEMBER_ID || error.code === ILLEGAL_GENERATION) return 'lost';
        if (error.code !== REBALANCE_IN_PROGRESS) continue;
        // The session goes on all the same.
        this.#beaten(performance.now() - began);
        if (!settling) return 'rebalance';
      }
    }
    return 'over';
  }

  #beaten(ago: number): void {
    const sure = this.isSure;
    this.#beat = { steady: performance.now() - ago, wall: Date.now() - ago };
    if (!sure) this.#o.holdings.look();
  }

  /** What is in flight is settled and committed, while heartbeats go on. */
  async #settle(deadline: AbortSignal): Promise<void> {
    const { holdings, settle } = this.#o;
    holdings.hold();
    if (holdings.partitions.length === 0) return;
    this.state = 'settling';
    const over = new AbortController();
    const settled = settle(deadline).finally(() => over.abort());
    const late = aborted(deadline).then(() => pause(OVERTIME_MS, over.signal));
    const alive = this.#alive(over.signal, true);
    alive.catch(() => undefined);
    try {
      const first = await Promise.race([settled, late, alive]);
      if (first === 'lost') holdings.loseAll('expired');
    } finally {
      over.abort();
    }
    settled.catch(() => undefined);
    await alive;
  }
}
