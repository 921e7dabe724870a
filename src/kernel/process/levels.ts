/** Words and numbers of levels, as the kernel looks them up (as/process/levels.as.ts). */
import type { ProgramArena } from '../arena.ts';
import { MOST_WORDS, placeWordTable } from './words.ts';

/** Words that are frequent; of others the kernel makes small letters as they come. */
const WORDS =
  'trace debug info information notice warn warning error err crit critical alert emerg emergency fatal panic';
const PINO = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
/** By severity; syslog lines have no other words. */
export const SEVERITIES = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'];

/** Words that a map may have beside these. */
export const MOST_MAPPED = MOST_WORDS - 2 * WORDS.split(' ').length - PINO.length - SEVERITIES.length;

/** The address of the table; `map`: what stands for some words, before all else. */
export function placeLevels(arena: ProgramArena, map: Readonly<Record<string, string>> = {}): number {
  const levels = new Map<string, string>();
  for (const word of WORDS.split(' ')) levels.set(word, word).set(word.toUpperCase(), word);
  for (const [i, word] of PINO.entries()) levels.set(`${i + 1}0`, word);
  for (const [i, word] of SEVERITIES.entries()) levels.set(String(i), word);
  for (const [word, level] of Object.entries(map)) levels.set(word, level);
  const words = new Map<string, [number, number]>();
  for (const [word, level] of levels) words.set(word, [arena.place(Buffer.from(level)), Buffer.byteLength(level)]);
  return placeWordTable(arena, words);
}
