/** Text in the columns of a terminal. What comes in has no control characters (`printable`). */

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u;
const ASCII = /^[\x20-\x7e]*$/;

/** How many columns the text takes. */
export function columns(text: string): number {
  if (ASCII.test(text)) return text.length;
  let sum = 0;
  for (const character of text) sum += widthOf(character);
  return sum;
}

/** The text, cut at its end to at most so many columns. */
export function fitEnd(text: string, room: number): string {
  if (columns(text) <= room) return text;
  return room <= 0 ? '' : `${taken(text, room - 1)}…`;
}

/** The text, cut at its beginning: of a path the end tells most. */
export function fitStart(text: string, room: number): string {
  if (columns(text) <= room) return text;
  if (room <= 0) return '';
  const reversed = [...text].reverse().join('');
  return `…${[...taken(reversed, room - 1)].reverse().join('')}`;
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - columns(text))) + text;
}

function taken(text: string, room: number): string {
  let out = '';
  for (const character of text) {
    room -= widthOf(character);
    if (room < 0) break;
    out += character;
  }
  return out;
}

function widthOf(character: string): number {
  return NONE.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}
