/** Names by patterns with `*`, in linear time. */

export function wildcards(patterns: readonly string[]): (name: string) => boolean {
  const split = patterns.map((pattern) => pattern.split('*'));
  return (name) => split.some((parts) => matches(parts, name));
}

/** Each part is looked for behind the one before. */
function matches([first, ...rest]: readonly string[], name: string): boolean {
  if (rest.length === 0) return name === first;
  const last = rest.at(-1)!;
  if (!name.startsWith(first!) || !name.endsWith(last) || name.length < first!.length + last.length) return false;
  let at = first!.length;
  for (const part of rest.slice(0, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > name.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}

/** `*` stands for any characters, or none. */
export function matchesWildcard(pattern: string, text: string): boolean {
  return matches(pattern.split('*'), text);
}
