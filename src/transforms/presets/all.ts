/** The presets of `process`, by name: each the steps that stand in its place. A new one is its file and a line here. */
import type { Preset } from './preset.ts';

export const PRESETS: Readonly<Record<string, Preset>> = {};
