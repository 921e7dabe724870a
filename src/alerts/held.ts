/** Whom a silence keeps from being told of what fires. */

/** True: everybody; names: these receivers, which were not there when the others were told. */
export type Held = boolean | readonly string[];

export function isHeldFor(held: Held, receiver: string): boolean {
  return typeof held === 'boolean' ? held : held.includes(receiver);
}

export function heldForAlso(held: Held, receivers: readonly string[]): Held {
  return typeof held === 'boolean' ? held || receivers : [...new Set([...held, ...receivers])];
}
