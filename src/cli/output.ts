/**
 * What commands print. Records, paths and errors come from outside: at a terminal none of their control characters gets
 * through, in a pipe or a file they stay as they are. What is said on stderr never has any.
 */
import { printable, printableJson } from '../report/render.ts';

/** Text in lines; false as `stream.write`. */
export function print(lines: string): boolean {
  return process.stdout.write(process.stdout.isTTY ? inLines(lines, printable) : lines);
}

/** Text in lines of JSON, or of what may be JSON: there a control character is written as JSON does it. */
export function printJson(lines: string): boolean {
  return process.stdout.write(process.stdout.isTTY ? inLines(lines, printableJson) : lines);
}

/** A value on a line that may have line ends of its own. */
export function lineOf(value: string): string {
  return `${process.stdout.isTTY ? printableJson(value) : value}\n`;
}

/** Lines on stderr. */
export function complain(lines: string): void {
  process.stderr.write(`${inLines(lines, printable)}\n`);
}

function inLines(text: string, write: (line: string) => string): string {
  return text.split('\n').map(write).join('\n');
}
