/** A generator of numbers below 1 that gives the same ones for a seed. */
export function randomOf(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed / 0x80000000;
  };
}
