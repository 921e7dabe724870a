/**
 * What is known of files, by inode. The keys are numbers: they are found sooner than bigints, and small ones take no
 * memory. Large inodes may share one; nearly always there is one for each, and then no list is made.
 */
export class ByInode<T extends { readonly inode: bigint }> {
  readonly #byNumber = new Map<number, T | T[]>();
  size = 0;

  *[Symbol.iterator](): Iterator<T> {
    for (const number of this.#byNumber.keys()) yield* this.#at(number);
  }

  /** The one that was added last is the last. */
  of(inode: bigint): T[] {
    return this.#at(Number(inode)).filter((one) => one.inode === inode);
  }

  add(one: T): void {
    const number = Number(one.inode);
    const found = this.#byNumber.get(number);
    if (Array.isArray(found)) found.push(one);
    else this.#byNumber.set(number, found === undefined ? one : [found, one]);
    this.size++;
  }

  /** It must have the inode that it was added with. */
  remove(one: T): void {
    const number = Number(one.inode);
    const found = this.#byNumber.get(number);
    if (found === one) this.#byNumber.delete(number);
    else if (Array.isArray(found) && found.includes(one)) {
      found.splice(found.indexOf(one), 1);
      if (found.length === 1) this.#byNumber.set(number, found[0]!);
    } else return;
    this.size--;
  }

  #at(number: number): T[] {
    const found = this.#byNumber.get(number);
    if (found === undefined) return [];
    return Array.isArray(found) ? found : [found];
  }
}
