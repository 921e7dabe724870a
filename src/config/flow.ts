/** Values as YAML writes them on one line: `{parse: {csv: {columns: [a, b]}}}`. */

/** A text that is read as it stands: YAML makes nothing else of it. */
const PLAIN = /^[A-Za-z_/][\w./@-]*$/;
const TAKEN = /^(true|false|null)$/i;

export function flowOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowOf).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${flowOf(key)}: ${flowOf(inner)}`)
      .join(', ')}}`;
  }
  if (typeof value !== 'string') return String(value);
  return PLAIN.test(value) && !TAKEN.test(value) ? value : quoted(value);
}

/** Single quotes keep backslashes; what has no place in a line takes double ones. */
function quoted(text: string): string {
  return /[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(text) ? JSON.stringify(text) : `'${text.replaceAll("'", "''")}'`;
}
