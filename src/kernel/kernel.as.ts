// The kernel's functions over the pool, as WebAssembly exports. kernel.ts is their one door.
// Nothing here allocates or can fail; state is a few globals, so an instance belongs to one thread.
export { useSlot } from './as/tables.as';
export { findLines, consumedAt } from './as/lines.as';
export { pack, endAt, cut } from './as/pack.as';
export { replaced } from './as/json.as';
export { decodeLines, decodedTo, decodedEnd, decodedReplaced, decodedCut, decodedStopped } from './as/decode.as';
export { unwrapCri, unwrapDocker, malformed, unescapedReplaced } from './as/container.as';
export { join } from './as/join.as';
export { search, searchEdges, select } from './as/search.as';
