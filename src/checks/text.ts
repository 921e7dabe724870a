/** What the kernel's text files are made of. */

/** The number behind the line's beginning `name` (with its colon, where there is one); NaN where there is no such line. */
export function numberAt(text: string, name: string): number {
  let at = text.startsWith(name) ? 0 : text.indexOf(`\n${name}`) + 1;
  if (at === 0 && !text.startsWith(name)) return Number.NaN;
  at += name.length;
  const SPACE = 32;
  const TAB = 9;
  const first = text.charCodeAt(at);
  // Another name that begins so.
  if (first !== SPACE && first !== TAB) return Number.NaN;
  while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at++;
  let value = 0;
  const begin = at;
  for (let digit = text.charCodeAt(at) - 48; digit >= 0 && digit <= 9; digit = text.charCodeAt(++at) - 48) {
    value = value * 10 + digit;
  }
  return at === begin ? Number.NaN : value;
}

/** To six digits behind the point, as shares are reported. */
export function share(part: number, whole: number): number {
  return Math.round((part / whole) * 1e6) / 1e6;
}
