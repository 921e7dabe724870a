/**
 * What many peers send at once is begun in slices, between which everything else in the process has its turn: where a turn
 * of the event loop has begun enough, no connection is read until the next one, and then a few a turn, in their order.
 *
 *   read --the turn has taken long--> resting: two queues --each turn the first of both--> read
 *
 * Who sends little waits in a queue of its own: those with hundreds of requests at a time keep it waiting for turns, not
 * for all of theirs. A turn lasts as long as is said here, and what stands in one read of a connection, which is bounded
 * by its calls at a time.
 */
import type { Socket } from 'node:net';

/** From what is begun first in a turn. */
const LONG_MS = 2;
/** How often it is looked whether what was begun goes on. */
const BUSY_MS = 1;
/** Who begins so much at most while it is read sends little. */
const LITTLE = 3;
/** Connections that are read again in a turn, at most: as many as turns of late had the time for. */
const MOST_WOKEN = 8;
/** Of those with much so many times fewer. */
const FEWER = 4;

/**
 * What node reads a socket with, whoever has its bytes. It is not documented, and there is nothing that is: `pause()` of a
 * socket that HTTP/2 has taken stops nothing, and of one of HTTP/1 it is undone by whoever reads a body.
 */
interface Handle {
  reading?: boolean;
  readStart(): void;
  readStop(): void;
}

interface Peer {
  readonly socket: Socket;
  /** What it has begun since it is read, or was. */
  begun: number;
  /** In which it was woken last, and when, by the monotonic clock. */
  turn: number;
  at: number;
}

export class ReadTurns {
  readonly #of = new WeakMap<Socket, Peer>();
  readonly #read = new Set<Peer>();
  readonly #little = new Set<Peer>();
  readonly #much = new Set<Peer>();
  /** What was begun waits for more than it should: nothing is woken. */
  readonly #isBusy: () => boolean;
  #turn = 0;
  #most = 1;
  /** In this turn. */
  #rested = false;
  /** When this turn began its first; negative: nothing was. */
  #since = -1;

  constructor(isBusy = () => false) {
    this.#isBusy = isBusy;
  }

  /** Of a connection as it was accepted. */
  add(socket: Socket): void {
    const peer = { socket, begun: 0, turn: -1, at: 0 };
    this.#of.set(socket, peer);
    if (this.#resting === 0) this.#read.add(peer);
    else this.#stop(peer);
    socket.once('close', () => {
      this.#read.delete(peer);
      this.#little.delete(peer);
      this.#much.delete(peer);
    });
  }

  /** That nothing has come since then is not its peer's fault. */
  isLate(socket: Socket, since: number): boolean {
    const peer = this.#of.get(socket);
    return peer !== undefined && (this.#little.has(peer) || this.#much.has(peer) || peer.at > since);
  }

  /** Something that this peer has sent is begun. */
  begin(socket: Socket): void {
    const peer = this.#of.get(socket);
    if (peer && ++peer.begun > LITTLE && this.#little.delete(peer)) this.#much.add(peer);
    const now = performance.now();
    if (this.#since < 0) {
      this.#since = now;
      // While some rest it is done anyway.
      if (this.#resting === 0) setImmediate(() => this.#next());
    }
    if (now - this.#since >= LONG_MS || this.#isBusy()) this.#rest();
  }

  get #resting(): number {
    return this.#little.size + this.#much.size;
  }

  #rest(): void {
    this.#rested = true;
    for (const peer of this.#read) {
      // Who was woken for this turn has it: else those whom the system names first would have all of them.
      if (peer.begun === 0 && peer.turn === this.#turn) continue;
      this.#read.delete(peer);
      this.#stop(peer);
    }
  }

  #stop(peer: Peer): void {
    handleOf(peer.socket)?.readStop();
    (peer.begun > LITTLE ? this.#much : this.#little).add(peer);
  }

  #next(): void {
    this.#since = -1;
    this.#turn++;
    this.#most = this.#rested ? Math.max(1, this.#most >> 1) : Math.min(MOST_WOKEN, this.#most * 2);
    this.#rested = false;
    const isBusy = this.#isBusy();
    if (!isBusy) {
      this.#wake(this.#little, this.#most);
      this.#wake(this.#much, Math.ceil(this.#most / FEWER));
    }
    if (this.#resting === 0) return;
    // What it waits for may be the disk: no turns for their own sake.
    if (isBusy) setTimeout(() => this.#next(), BUSY_MS);
    else setImmediate(() => this.#next());
  }

  #wake(queue: Set<Peer>, most: number): void {
    const at = performance.now();
    let woken = 0;
    for (const peer of queue) {
      if (woken++ === most) return;
      queue.delete(peer);
      this.#read.add(peer);
      Object.assign(peer, { begun: 0, turn: this.#turn, at });
      const handle = handleOf(peer.socket);
      // Who has it may have stopped it, too.
      if (handle && handle.reading !== false) handle.readStart();
    }
  }
}

function handleOf(socket: Socket): Handle | null {
  return (socket as unknown as { _handle: Handle | null })._handle;
}
