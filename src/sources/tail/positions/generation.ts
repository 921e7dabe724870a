/** A new generation of a file: see journal.ts for what is kept of it. */
import { type Inode, newId } from '../file/inode.ts';
import { blank, type Generation } from './journal.ts';

export function newGeneration(input: string, path: string, { device, inode, born }: Inode, base: number): Generation {
  return Object.assign(blank({ id: newId(), input, path, base }), { device, inode, born });
}
