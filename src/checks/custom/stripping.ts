/** Whether this Node runs TypeScript. */
export function isStripping(): boolean {
  return Boolean((process.features as { typescript?: unknown }).typescript);
}
