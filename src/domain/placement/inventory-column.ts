/** One resource class over all providers: a number a provider in each array. A provider without inventory of the class has a `maxUnit` of 0. */
export class InventoryColumn {
  total = new Int32Array(64);
  reserved = new Int32Array(64);
  minUnit = new Int32Array(64);
  maxUnit = new Int32Array(64);
  stepSize = new Int32Array(64);
  allocationRatio = new Float64Array(64);
  /** What may be used altogether: (total − reserved) × ratio. */
  capacity = new Float64Array(64);
  used = new Float64Array(64);

  set(slot: number, [total, reserved, minUnit, maxUnit, stepSize, allocationRatio, used]: InventoryNumbers): void {
    if (slot >= this.total.length) this.#grow(Math.max(slot + 1, this.total.length * 2));
    this.total[slot] = total;
    this.reserved[slot] = reserved;
    this.minUnit[slot] = minUnit;
    this.maxUnit[slot] = maxUnit;
    this.stepSize[slot] = stepSize;
    this.allocationRatio[slot] = allocationRatio;
    this.capacity[slot] = (total - reserved) * allocationRatio;
    this.used[slot] = used;
  }

  clear(slot: number): void {
    if (slot < this.maxUnit.length) this.maxUnit[slot] = 0;
  }

  /** Whether a provider can give so much more, in a unit it deals in. */
  fits(slot: number, amount: number): boolean {
    if (amount > (this.maxUnit[slot] ?? 0) || amount < this.minUnit[slot]! || this.used[slot]! + amount > this.capacity[slot]!)
      return false;
    const step = this.stepSize[slot]!;
    return step === 1 || amount % step === 0;
  }

  /** Whether a provider can give several amounts together, each of which fits alone. */
  fitsTogether(slot: number, sum: number): boolean {
    return sum <= this.maxUnit[slot]! && this.used[slot]! + sum <= this.capacity[slot]!;
  }

  #grow(size: number): void {
    const ints = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(size);
      grown.set(old);
      return grown;
    };
    const floats = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(size);
      grown.set(old);
      return grown;
    };
    this.total = ints(this.total);
    this.reserved = ints(this.reserved);
    this.minUnit = ints(this.minUnit);
    this.maxUnit = ints(this.maxUnit);
    this.stepSize = ints(this.stepSize);
    this.allocationRatio = floats(this.allocationRatio);
    this.capacity = floats(this.capacity);
    this.used = floats(this.used);
  }
}

/** Total, reserved, least and greatest unit, step, ratio, used. */
export type InventoryNumbers = readonly [
  total: number,
  reserved: number,
  minUnit: number,
  maxUnit: number,
  stepSize: number,
  allocationRatio: number,
  used: number,
];
