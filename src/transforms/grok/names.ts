/** The patterns that grok knows by name. */
import { BASE_PATTERNS } from './base.ts';
import { LINE_PATTERNS } from './lines.ts';
import { TIME_PATTERNS } from './time.ts';

export const GROK_PATTERNS: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...BASE_PATTERNS, ...TIME_PATTERNS, ...LINE_PATTERNS }),
);
