/**
 * What V8 is told, once, before anything runs: cli/start.ts imports this first. Flags that change while it runs may
 * leave it in a state that it does not expect.
 *
 * Memory goes before CPU time. What is kept of a hundred thousand files survives, which V8 would take for a sign to make
 * room: its space for young objects grows up to 48 MB, and old ones are not collected before there are hundreds of MB.
 * With few files, or none, neither costs more than can be measured: a line never becomes an object.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * The space for young objects begins with 0.5 MB and doubles when much of it survives. At 4 MB most of a file's first look
 * is garbage when it is collected; at less a hundred thousand files take a quarter longer, above that only more memory.
 */
const GROWN_BYTES = 4 << 20;
const ARRAY_LENGTH = 128;
const grown: number[][] = [];
while (grown.length * ARRAY_LENGTH * 8 < GROWN_BYTES) grown.push(new Array(ARRAY_LENGTH).fill(0));
grown.length = 0;
/** From here on it stays as it is. */
setFlagsFromString('--semi-space-growth-factor=1');
/** Old objects are collected when they have grown by so much, per cent. */
setFlagsFromString('--heap-growing-percent=12');
/** The engine that needs linear time, for patterns that would take another one long (config/backtracking.ts). */
setFlagsFromString('--enable-experimental-regexp-engine');
/** So that it can be collected when what left much in it is over (native/memory.ts). */
setFlagsFromString('--expose-gc');
