/** A set of small numbers, one bit each. It grows as numbers are added. */
export class Bitset {
  #words: Uint32Array;

  constructor(words = new Uint32Array(4)) {
    this.#words = words;
  }

  has(n: number): boolean {
    return ((this.#words[n >>> 5] ?? 0) & (1 << (n & 31))) !== 0;
  }

  add(n: number): void {
    const at = n >>> 5;
    if (at >= this.#words.length) {
      const grown = new Uint32Array(Math.max(at + 1, this.#words.length * 2));
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[at]! |= 1 << (n & 31);
  }

  delete(n: number): void {
    const at = n >>> 5;
    if (at < this.#words.length) this.#words[at]! &= ~(1 << (n & 31));
  }

  get isEmpty(): boolean {
    return this.#words.every((word) => word === 0);
  }

  *[Symbol.iterator](): Generator<number> {
    for (const [at, word] of this.#words.entries()) {
      for (let rest = word; rest !== 0; rest &= rest - 1) yield at * 32 + (31 - Math.clz32(rest & -rest));
    }
  }

  /** What is in any of the sets; undefined ones are empty. */
  static union(sets: readonly (Bitset | undefined)[]): Bitset {
    const present = sets.filter((set) => set !== undefined);
    const words = new Uint32Array(Math.max(0, ...present.map((set) => set.#words.length)));
    for (const set of present) for (const [at, word] of set.#words.entries()) words[at]! |= word;
    return new Bitset(words);
  }
}
