// The loops of `process` over the pool, as WebAssembly exports: a module of its own, loaded where an input needs it.
// process.ts is their door. As in kernel.as.ts nothing here allocates or can fail.
export { useSlot } from './as/tables.as';
export { clearRows, sideTake, useRows } from './as/process/cells.as';
export { useMemo } from './as/process/regex-memo.as';
export { useStack } from './as/process/regex-stack.as';
export { forgetGaveUp, gaveUp } from './as/process/regex.as';
export { regexAll, regexMatch, regexStopped, regexTest, regexTestLines } from './as/process/regex-lines.as';
export { regexTestCells, regexTexts } from './as/process/regex-rows.as';
export { useClock } from './as/process/time.as';
export { readTime } from './as/process/times.as';
export { ahead, useLatest } from './as/process/found.as';
export { parseTexts } from './as/process/formats.as';
export { levels, spread, times } from './as/process/edits.as';
export { cellCompares, cellHolds, cellIsThere, cellMatches } from './as/process/conditions.as';
export { chooseRecords, countRecords, failRecords, fieldTexts, freshRows, markRecords, stopTexts, useTexts } from './as/process/texts.as';
export { noteHiding, takeHiding } from './as/process/json-text.as';
export { walkJson, jsonFailed, jsonReplaced, jsonSlow } from './as/process/json-walk.as';
export { fieldsEnd, kindOfCell, missed, packFields, setOf, useTemplates } from './as/process/emit.as';
export { replaced as fieldsReplaced } from './as/json.as';
export { pruneRows } from './as/process/prune.as';
export { editRows, editsFailed } from './as/process/moves.as';
export { countGroups } from './as/process/groups.as';
export { cellText, escapedCell } from './as/process/mask-cells.as';
export { maskRecords, maskText } from './as/process/mask.as';
export { open as openKey, useKey } from './as/process/mask-keys.as';
export { maskMatches, maskMatchesIn, tooLong } from './as/process/mask-patterns.as';
export { moveRecords } from './as/process/mask-move.as';
export { spans as maskSpans, useMask } from './as/process/mask-spans.as';
