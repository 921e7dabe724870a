/** What a server lets its peers have; everything that a peer can make grow has its limit here. */
export interface Limits {
  /** Connections; for one more the one that has been still for longest goes. */
  connections: number;
  /** Connections of one peer, if it is not this machine. */
  peer: number;
  /** Requests of all peers that were sent ahead of the answer to the one before. */
  ahead: number;
  /** Calls of gRPC that are not answered, of all peers; for one more the connection with most of them goes. */
  calls: number;
  /**
   * Bytes of all answers that are being sent but the largest, shared ones once; for more the one that stands still for
   * longest goes.
   */
  sending: number;
  /** Bytes of all bodies, as they came and inflated. */
  bodies: number;
  /** A body that has been arriving for longer makes room for others, where there is none. */
  slow_ms: number;
  /** From the start, or the first byte behind the last answer, to the end of the next request's head. */
  head_ms: number;
  /** A connection is kept for a next request. */
  keep_ms: number;
  /** While a body or an answer is on its way some of it has to get on within this, */
  still_ms: number;
  /** and all of it within this. */
  whole_ms: number;
  /** How often this is looked at, while there are connections. */
  look_ms: number;
}

export const LIMITS: Limits = {
  connections: 256,
  peer: 64,
  ahead: 2000,
  calls: 2000,
  sending: 32 << 20,
  bodies: 32 << 20,
  slow_ms: 1000,
  head_ms: 5000,
  keep_ms: 5000,
  still_ms: 10_000,
  whole_ms: 60_000,
  look_ms: 1000,
};
