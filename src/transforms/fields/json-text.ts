/** JSON text that is known to be right, taken apart without changing a byte of its values. */

const QUOTE = 0x22;

/** A member: its name, its value as it stands, and all of it as it stands. */
export interface Member {
  name: string;
  value: string;
  text: string;
}

/** The members of an object's text, in order; equal names as often as they are there. */
export function membersOf(text: string): Member[] {
  const members: Member[] = [];
  let at = blank(text, text.indexOf('{') + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const from = at;
    const keyEnd = stringEnd(text, at);
    const key = text.slice(at + 1, keyEnd - 1);
    at = blank(text, blank(text, keyEnd) + 1);
    const end = valueEnd(text, at);
    const name = key.includes('\\') ? JSON.parse(`"${key}"`) : key;
    members.push({ name, value: text.slice(at, end), text: text.slice(from, end) });
    at = blank(text, blank(text, end) + 1);
  }
  return members;
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
  const first = text.charCodeAt(at);
  if (first === QUOTE) return stringEnd(text, at);
  if (first !== 0x7b && first !== 0x5b) {
    for (;;) {
      const code = text.charCodeAt(at);
      // What ends it, or nothing is there.
      if (!(code > 0x20) || code === 0x2c || code === 0x7d || code === 0x5d) return at;
      at++;
    }
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
