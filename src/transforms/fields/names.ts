/** The table of names that JSON is walked with (kernel/as/process/json-walk.as.ts says what it is). */
import type { ProgramArena } from '../../kernel/arena.ts';
import type { FieldNode, FieldTree } from './tree.ts';

const ENTRY_BYTES = 24;
const IS_CELL = 1;
const IS_NODE = 2;
const IS_SLOW = 4;
const WORD = (1n << 64n) - 1n;
const [FIRST, LAST] = [0x9e3779b97f4a7c15n, 0xff51afd7ed558ccdn];

interface Name {
  flags: number;
  cell: number;
  child: number;
}

/** Puts it into the arena; gives its address and its mask. `top`: whose members the text has; `own`: names that JavaScript sees to. */
export function placeNames(
  tree: FieldTree,
  top: FieldNode,
  own: readonly string[],
  arena: ProgramArena,
): { at: number; mask: number } {
  const names = new Map<string, Name & { node: FieldNode; name: Buffer }>();
  const add = (node: FieldNode, name: string, more: Partial<Name>) => {
    const key = `${node.number} ${name}`;
    const known = names.get(key) ?? { node, name: Buffer.from(name), flags: 0, cell: 0, child: 0 };
    names.set(key, { ...known, ...more, flags: known.flags | (more.flags ?? 0) });
  };
  for (const node of tree.nodes) {
    if (node !== top && !isBelow(node.path, top.path)) continue;
    for (const other of tree.nodes) {
      const name = nameWithin(other.path, node.path);
      if (name === null) continue;
      if (other.leaf !== null) add(node, name, { flags: IS_CELL, cell: other.leaf });
      if (other.rest !== null) add(node, name, { flags: IS_NODE, child: other.number });
    }
    for (const path of own) {
      const name = nameWithin(path, node.path);
      if (name !== null) add(node, name, { flags: IS_SLOW });
    }
  }
  const slots = 2 ** Math.ceil(Math.log2(Math.max(16, names.size * 4)));
  const at = arena.reserve(slots * ENTRY_BYTES);
  for (const { node, name, flags, cell, child } of names.values()) {
    let slot = hashOf(name, node.number) & (slots - 1);
    while (arena.bytes.readUInt32LE(at + slot * ENTRY_BYTES + 8) !== 0) slot = (slot + 1) & (slots - 1);
    const entry = at + slot * ENTRY_BYTES;
    name.copy(arena.bytes, entry, 0, 8);
    arena.bytes.writeUInt32LE(name.length, entry + 8);
    arena.bytes.set([node.number, flags, cell, child], entry + 12);
    arena.bytes.writeUInt32LE(arena.place(name), entry + 16);
  }
  return { at, mask: slots - 1 };
}

/** As the kernel has it. */
function hashOf(name: Buffer, node: number): number {
  const padded = Buffer.concat([name, Buffer.alloc(8)]);
  let mixed = padded.readBigUInt64LE(0) ^ BigInt(name.length + (node << 8));
  if (name.length > 8) mixed ^= (name.readBigUInt64LE(name.length - 8) * LAST) & WORD;
  return Number(((mixed * FIRST) & WORD) >> 32n);
}

/** What of a path is behind another one, dotted; null: it is not below it. */
export function nameWithin(path: string, of: string): string | null {
  if (of === '') return path === '' ? null : path;
  return isBelow(path, of) ? path.slice(of.length + 1) : null;
}

function isBelow(path: string, of: string): boolean {
  return of === '' ? path !== '' : path.startsWith(`${of}.`);
}

/** Objects whose members may be written dotted at the top of a text, by their name there. */
export function gatheredBelow(tree: FieldTree, top: FieldNode): { name: string; node: FieldNode }[] {
  return tree.gathered.flatMap((node) => {
    const name = nameWithin(node.path, top.path);
    return name === null || node.rest === null ? [] : [{ name, node }];
  });
}
