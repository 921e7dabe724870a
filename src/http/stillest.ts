/** Which connection goes when there is no room for one more: the one that did nothing for longest. */

interface Counted {
  readonly peer: string | null;
}

/** Whether one did nothing for longer than another. */
type IsStiller<C> = (one: C, other: C) => boolean;

/** Of those that `which` chooses. */
export function stillestOf<C>(
  connections: Iterable<C>,
  isStiller: IsStiller<C>,
  which: (connection: C) => boolean = () => true,
): C | null {
  let found: C | null = null;
  for (const connection of connections) {
    if (which(connection) && (found === null || isStiller(connection, found))) found = connection;
  }
  return found;
}

/** One more comes of this peer: `drop` is told which go, of its own, then of all. */
export function makeRoom<C extends Counted>(
  connections: ReadonlySet<C>,
  peer: string | null,
  limits: { peer: number; connections: number },
  isStiller: IsStiller<C>,
  drop: (connection: C, reason: 'peer' | 'connections') => void,
): void {
  if (peer !== null) {
    let others = 0;
    for (const connection of connections) if (connection.peer === peer) others++;
    if (others >= limits.peer) drop(stillestOf(connections, isStiller, (one) => one.peer === peer)!, 'peer');
  }
  if (connections.size >= limits.connections) drop(stillestOf(connections, isStiller)!, 'connections');
}
