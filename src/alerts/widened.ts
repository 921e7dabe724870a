type Numbers = Float64Array | Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** The same numbers with room for more; what is new is 0. */
export function widened<Kind extends Numbers>(old: Kind, room: number): Kind {
  const made = new (old.constructor as new (length: number) => Kind)(room);
  made.set(old);
  return made;
}
