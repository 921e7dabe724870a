/** The consumers that there are: what `sink` and `runnel sink` know. Adding one is its folder and a line here. */
import { opensearch } from './opensearch/kind.ts';
import { topk } from './topk/kind.ts';

export const CONSUMERS = [opensearch, topk] as const;
