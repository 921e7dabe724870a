/** The formats of `parse`. A new one is its file and a line here. */
import type { AnyFormat } from './format.ts';
import { json } from './json.ts';
import { none } from './none.ts';

export const FORMATS: readonly AnyFormat[] = [json, none];
