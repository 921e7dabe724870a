// The loops over OTLP's requests, as WebAssembly exports: a module of its own on a memory of its own, loaded where `otlp` is
// configured. otlp.ts is its door. As in kernel.as.ts nothing here allocates or can fail.
export { beginWalk, useSchema, walk, walkedTo, wrong } from './as/otlp/walk.as';
export { clearTables, items, resources, scopes, useTables } from './as/otlp/tables.as';
export { addItem, invalid, received, requestBytes } from './as/otlp/items.as';
export { clearMended, mended, mendText } from './as/otlp/text.as';
export { useSecrets } from './as/otlp/hash.as';
export { answer, askedAt, askedBytes, askedField, askedRow, askedScalar, beginJson, convert, jsonAt, jsonOut, jsonWrong, useJson } from './as/otlp/json.as';
export { forgetSigns, learn, sign, useSigns } from './as/otlp/sign.as';
export { aroundItem, beginGroups, findLong, group, grouped, groupedBytes, groups, useGroups } from './as/otlp/group.as';
export { beginFrames, frame, framedAll, framedItems, framedTo, useFrames } from './as/otlp/frame.as';
