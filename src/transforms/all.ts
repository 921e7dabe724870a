/** The verbs of `process`. A new one is its file and a line here. */
import { drop } from './drop.ts';
import { keep } from './keep.ts';
import type { AnyVerb } from './verb.ts';

export const VERBS: readonly AnyVerb[] = [keep, drop];
