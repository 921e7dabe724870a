/** What the kernel's text files are made of. */

const SPACE = 32;
const TAB = 9;
const NEWLINE = 10;
const MINUS = 45;
const COLON = 58;

/** Where the line of a name was last: mostly it is there again, as the kernel writes the same lines in the same order. */
const places = new Map<string, number>();

/** The number behind the line's beginning `name`, and its colon where there is one; NaN where there is no such line. */
export function numberAt(text: string, name: string): number {
  let at = places.get(name) ?? 0;
  if (!isNameAt(text, name, at)) {
    at = text.startsWith(name) ? 0 : text.indexOf(`\n${name}`) + 1;
    // Another name may begin so.
    while (!isNameAt(text, name, at)) {
      at = text.indexOf(`\n${name}`, at) + 1;
      if (at === 0) return Number.NaN;
    }
    places.set(name, at);
  }
  at += name.length;
  if (text.charCodeAt(at) === COLON) at++;
  while (isBlank(text.charCodeAt(at))) at++;
  let value = 0;
  const begin = at;
  for (let digit = text.charCodeAt(at) - 48; digit >= 0 && digit <= 9; digit = text.charCodeAt(++at) - 48) {
    value = value * 10 + digit;
  }
  return at === begin ? Number.NaN : value;
}

function isNameAt(text: string, name: string, at: number): boolean {
  if ((at > 0 && text.charCodeAt(at - 1) !== NEWLINE) || !text.startsWith(name, at)) return false;
  const next = text.charCodeAt(at + name.length);
  return isBlank(next) || next === COLON;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Whole numbers from `at` on, with blanks between, up to what is none or the line's end: into `into`, and how many they are. */
export function numbersAt(text: string, at: number, into: Float64Array): number {
  let count = 0;
  while (count < into.length) {
    while (isBlank(text.charCodeAt(at))) at++;
    const isNegative = text.charCodeAt(at) === MINUS;
    if (isNegative) at++;
    const begin = at;
    let value = 0;
    for (let digit = text.charCodeAt(at) - 48; digit >= 0 && digit <= 9; digit = text.charCodeAt(++at) - 48) {
      value = value * 10 + digit;
    }
    if (at === begin) break;
    into[count++] = isNegative ? -value : value;
  }
  return count;
}

/** Each line's beginning and end, without its line feed. */
export function* linesIn(text: string): Iterable<readonly [number, number]> {
  for (let begin = 0; begin < text.length; ) {
    const feed = text.indexOf('\n', begin);
    const end = feed < 0 ? text.length : feed;
    yield [begin, end];
    begin = end + 1;
  }
}

/** To six digits behind the point, as shares are reported. */
export function share(part: number, whole: number): number {
  return Math.round((part / whole) * 1e6) / 1e6;
}
