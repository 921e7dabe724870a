/** What is known of files, by the number of their inode. Nearly always one has a number: then no list is made for it. */
export class ByInode<T extends { readonly inode: bigint }> {
  readonly #byNumber = new Map<bigint, T | T[]>();

  /** The one that was added last is the last. */
  of(inode: bigint): readonly T[] {
    const found = this.#byNumber.get(inode);
    return found === undefined ? [] : Array.isArray(found) ? found : [found];
  }

  add(one: T): void {
    const others = this.of(one.inode);
    this.#byNumber.set(one.inode, others.length > 0 ? [...others, one] : one);
  }

  /** It must have the inode that it was added with. */
  remove(one: T): void {
    const rest = this.of(one.inode).filter((other) => other !== one);
    if (rest.length > 0) this.#byNumber.set(one.inode, rest.length === 1 ? rest[0]! : rest);
    else this.#byNumber.delete(one.inode);
  }
}
