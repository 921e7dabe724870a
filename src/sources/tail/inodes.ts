/** What is known of files, by the number of their inode. Nearly always one has a number: then no list is made for it. */
export class ByInode<T extends { readonly inode: bigint }> {
  readonly #byNumber = new Map<bigint, T | T[]>();
  size = 0;

  *[Symbol.iterator](): Iterator<T> {
    for (const found of this.#byNumber.values()) {
      if (Array.isArray(found)) yield* found;
      else yield found;
    }
  }

  /** The one that was added last is the last. */
  of(inode: bigint): readonly T[] {
    const found = this.#byNumber.get(inode);
    return found === undefined ? [] : Array.isArray(found) ? found : [found];
  }

  add(one: T): void {
    const others = this.of(one.inode);
    this.#byNumber.set(one.inode, others.length > 0 ? [...others, one] : one);
    this.size++;
  }

  /** It must have the inode that it was added with. */
  remove(one: T): void {
    const had = this.of(one.inode);
    const rest = had.filter((other) => other !== one);
    this.size -= had.length - rest.length;
    if (rest.length > 0) this.#byNumber.set(one.inode, rest.length === 1 ? rest[0]! : rest);
    else this.#byNumber.delete(one.inode);
  }
}
