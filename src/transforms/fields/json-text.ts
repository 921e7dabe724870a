/** JSON text that is known to be right, taken apart without changing a byte of its values. */

/** A member: its name as text, and where its value stands. */
export interface Member {
  name: string;
  value: string;
}

/** The members of an object's text, in order; equal names as often as they are there. */
export function* membersOf(text: string): Generator<Member> {
  let at = blank(text, text.indexOf('{') + 1);
  while (text[at] === '"') {
    const keyEnd = stringEnd(text, at);
    const key = text.slice(at, keyEnd);
    at = blank(text, blank(text, keyEnd) + 1);
    const end = valueEnd(text, at);
    yield { name: key.includes('\\') ? JSON.parse(key) : key.slice(1, -1), value: text.slice(at, end) };
    at = blank(text, blank(text, end) + 1);
  }
}

/** Whether a value's text is an object with something in it. */
export function isFullObject(value: string): boolean {
  return value[0] === '{' && value[blank(value, 1)] !== '}';
}

const LONE = /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)/gs;

/** Escaped surrogates without their other half become U+FFFD; `count` is told of each. */
export function withoutLone(text: string, count: () => void): string {
  if (!/\\u[dD][89a-fA-F]/.test(text)) return text;
  return text.replace(LONE, (all, lone) => {
    if (lone === undefined) return all;
    count();
    return '\\ufffd';
  });
}

function blank(text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** Behind the string that begins at `at`. */
function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

function valueEnd(text: string, at: number): number {
  if (text[at] === '"') return stringEnd(text, at);
  if (text[at] !== '{' && text[at] !== '[') {
    while (at < text.length && !',]} \t\r\n'.includes(text[at]!)) at++;
    return at;
  }
  let depth = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = stringEnd(text, at);
      continue;
    }
    at++;
    if (code === 0x7b || code === 0x5b) depth++;
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at;
  }
}
