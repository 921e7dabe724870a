/** The kernel's decoding and unwrapping once more, as slow and as plain as possible, to compare them with. */
import { PARTIAL, STDERR, STDOUT, TRUNCATED } from '../../src/core/batch.ts';
import type { Decoding } from '../../src/kernel/kernel.ts';

export interface Text {
  bytes: Buffer;
  source: number;
  length: number;
  flags: number;
}

/** Lines of the bytes as UTF-8, and what of them was replaced. */
export function decodeLines(
  bytes: Buffer,
  encoding: Decoding,
  longest: number,
  last: boolean,
): { lines: Text[]; replaced: number; cut: number } {
  const size = encoding === 'latin1' ? 1 : 2;
  const unit = (at: number) =>
    encoding === 'latin1' ? bytes[at]! : encoding === 'utf-16le' ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  const lines: Text[] = [];
  let [start, replaced, cut] = [0, 0, 0];
  const add = (units: number[], end: number, half: boolean) => {
    while (encoding !== 'latin1' && units[0] === 0xfeff) units.shift();
    const characters = Array.from(String.fromCharCode(...units));
    if (half) characters.push('\ud800');
    let text = '';
    let flags = 0;
    for (const c of characters) {
      const whole = c.isWellFormed() ? c : '\ufffd';
      if (Buffer.byteLength(text + whole) > longest) {
        flags = TRUNCATED;
        cut++;
        break;
      }
      text += whole;
      if (!c.isWellFormed()) replaced++;
    }
    lines.push({ bytes: Buffer.from(text), source: start, length: end - start, flags });
    start = end;
  };
  let units: number[] = [];
  let at = 0;
  for (; at + size <= bytes.length; at += size) {
    if (unit(at) !== 10) {
      units.push(unit(at));
      continue;
    }
    if (units.at(-1) === 13) units.pop();
    add(units, at + size, false);
    units = [];
  }
  if (last && start < bytes.length) add(units, bytes.length, at < bytes.length);
  return { lines, replaced, cut };
}

/** The lines' texts without the marks that begin them; what goes on with a line begins none. */
export function withoutMarks<T extends Unwrapped>(lines: (T | null)[]): (T | null)[] {
  const goesOn = new Set<number>();
  return lines.map((line) => {
    const iostream = (line?.flags ?? 0) & (STDOUT | STDERR);
    let text = line?.text ?? Buffer.alloc(0);
    while (!goesOn.has(iostream) && text.subarray(0, 3).toString('hex') === 'efbbbf') text = text.subarray(3);
    if (line && line.flags & PARTIAL) goesOn.add(iostream);
    else goesOn.delete(iostream);
    return line && { ...line, text };
  });
}

export interface Unwrapped {
  text: Buffer;
  flags: number;
}

const IOSTREAMS: Record<string, number> = { stdout: STDOUT, stderr: STDERR };

/** Null: the line is not of the format. */
export function unwrapCri(line: Buffer): Unwrapped | null {
  const text = line.toString('latin1');
  const match = /^.{4}-.{5}T.{9}[^ ]{0,20} (?<iostream>stdout|stderr) (?<tag>[PF])(?::[^ ]*)?(?: (?<text>.*))?$/s.exec(
    text,
  );
  if (!match?.groups) return null;
  const { iostream, tag } = match.groups;
  const flags = IOSTREAMS[iostream!]! | (tag === 'P' ? PARTIAL : 0);
  return { text: Buffer.from(match.groups.text ?? '', 'latin1'), flags };
}

/** Of a line that is JSON. */
export function unwrapDocker(line: Buffer): (Unwrapped & { replaced: number }) | null {
  const value: unknown = JSON.parse(line.toString());
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { log, stream } = value as { log?: unknown; stream?: unknown };
  if (typeof log !== 'string') return null;
  const replaced = Array.from(log).filter((c) => !c.isWellFormed()).length;
  const text = Buffer.from(log.toWellFormed().replace(/\r?\n$/, ''));
  return { text, replaced, flags: (IOSTREAMS[String(stream)] ?? 0) | (log.endsWith('\n') ? 0 : PARTIAL) };
}
