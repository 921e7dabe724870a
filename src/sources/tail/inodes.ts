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
    this.#set(Number(one.inode), [...this.#at(Number(one.inode)), one]);
  }

  /** It must have the inode that it was added with. */
  remove(one: T): void {
    const number = Number(one.inode);
    this.#set(
      number,
      this.#at(number).filter((other) => other !== one),
    );
  }

  #at(number: number): T[] {
    const found = this.#byNumber.get(number);
    if (found === undefined) return [];
    return Array.isArray(found) ? found : [found];
  }

  #set(number: number, all: T[]): void {
    this.size += all.length - this.#at(number).length;
    if (all.length === 0) this.#byNumber.delete(number);
    else this.#byNumber.set(number, all.length === 1 ? all[0]! : all);
  }
}
