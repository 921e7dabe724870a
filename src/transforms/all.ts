/** The verbs of `process`. A new one is its file and a line here. */
import { drop } from './drop.ts';
import { keep } from './keep.ts';
import { level } from './level.ts';
import { parse } from './parse.ts';
import { route } from './route.ts';
import { time } from './time.ts';
import type { AnyVerb } from './verb.ts';

export const VERBS: readonly AnyVerb[] = [parse, time, level, keep, drop, route];
