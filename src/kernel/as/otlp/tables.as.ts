// What a request is taken apart into: items (spans, metrics, log records), the scopes and the resources that they stand in.
//
//   item      64 bytes   0 address | 4 bytes | 8 scope | 12 next of its group | 16 trace id | 32 nanoseconds, or points u64
//                        40 name | 44 bytes | 48 kind u8 | 49 status u8 | 50 bytes of tracestate u16 | 52 tracestate
//                        56 series | 60 rules, then what became of it
//   scope     16 bytes   0 resource | 4 envelope | 8 bytes
//   resource  32 bytes   0 envelope | 4 bytes | 8 service.name | 12 bytes | 16 other places that are noted
//
// An envelope is what stands in a message beside the items or scopes in it, one piece behind the other, as it came.
// Only scopes and resources with an item in them have an entry: so there are at most as many as items.

export const ITEM: usize = 64;
export const SCOPE: usize = 16;
export const RESOURCE: usize = 32;
export const NONE: u32 = 0xffffffff;

export let itemsAt: usize = 0;
export let itemsMost: u32 = 0;
export let scopesAt: usize = 0;
export let resourcesAt: usize = 0;
/** Where envelopes of resources, and those of scopes, are put together; each has room for the whole request. */
export let resourceArena: usize = 0;
export let scopeArena: usize = 0;
export let requestArena: usize = 0;
/** 128 frames of the walk. */
export let stackAt: usize = 0;

export let items: u32 = 0;
export let scopes: u32 = 0;
export let resources: u32 = 0;

export function useTables(
  items: usize, most: u32, scopes: usize, resources: usize, ofResources: usize, ofScopes: usize, ofRequest: usize, stack: usize,
): void {
  itemsAt = items;
  itemsMost = most;
  scopesAt = scopes;
  resourcesAt = resources;
  resourceArena = ofResources;
  scopeArena = ofScopes;
  requestArena = ofRequest;
  stackAt = stack;
}

export function clearTables(): void {
  items = 0;
  scopes = 0;
  resources = 0;
}

@inline
export function item(i: u32): usize {
  return itemsAt + <usize>i * ITEM;
}

@inline
export function scope(i: u32): usize {
  return scopesAt + <usize>i * SCOPE;
}

@inline
export function resource(i: u32): usize {
  return resourcesAt + <usize>i * RESOURCE;
}

export function newItem(): usize {
  return item(items++);
}

export function newScope(): u32 {
  return scopes++;
}

export function newResource(): u32 {
  return resources++;
}
