/** A sum as a double has it, but at most the largest one: JSON has no infinity, and infinities of both signs have no sum. */
export function saturated(value: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}
