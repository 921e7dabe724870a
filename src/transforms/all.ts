/** The verbs of `process`. A new one is its file and a line here. */
import { add } from './add.ts';
import { drop } from './drop.ts';
import { keep } from './keep.ts';
import { level } from './level.ts';
import { metric } from './metric.ts';
import { only } from './only.ts';
import { parse } from './parse.ts';
import { remove } from './remove.ts';
import { rename } from './rename.ts';
import { route } from './route.ts';
import { sample } from './sample.ts';
import { set } from './set.ts';
import { time } from './time.ts';
import type { AnyVerb } from './verb.ts';

export const VERBS: readonly AnyVerb[] = [
  parse,
  time,
  level,
  keep,
  drop,
  sample,
  rename,
  remove,
  only,
  add,
  set,
  metric,
  route,
];
