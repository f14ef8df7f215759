const leastSlots = 16;
/** A table of so many slots, or fewer, stays when it is empty. */
const mostIdleSlots = 64;
const noKey = -1;

/**
 * Values by whole numbers from 0 on that come and go all the time, such as streams and connections by their ids.
 *
 * A `Map` of V8 makes a new table every few entries where as many are removed as are added, and lets the old table point to
 * the new one. A table that the collector has once moved to the old generation so keeps all later ones, with what was in them,
 * until everything is collected: tens of megabytes of dead streams a second. Here an old table points nowhere.
 */
export class NumberMap<V> {
  #keys = emptyKeys(leastSlots);
  #values: (V | undefined)[] = emptyValues(leastSlots);
  #mask = leastSlots - 1;
  #shift = Math.clz32(leastSlots - 1);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: number): V | undefined {
    const slot = this.#find(key);
    return this.#keys[slot] === key ? this.#values[slot] : undefined;
  }

  set(key: number, value: V): void {
    let slot = this.#find(key);
    if (this.#keys[slot] !== key) {
      // At most half is used, so that what is not there is soon known not to be.
      if (this.#size * 2 > this.#mask) {
        this.#resize((this.#mask + 1) * 2);
        slot = this.#find(key);
      }
      this.#size++;
      this.#keys[slot] = key;
    }
    this.#values[slot] = value;
  }

  delete(key: number): boolean {
    let hole = this.#find(key);
    if (this.#keys[hole] !== key) return false;
    this.#size--;
    // Those behind that a search would not find any more over the hole move into it.
    for (let slot = (hole + 1) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const other = this.#keys[slot] as number;
      if (other === noKey) break;
      const wanted = this.#placeOf(other);
      if (((slot - wanted) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#keys[hole] = other;
      this.#values[hole] = this.#values[slot];
      hole = slot;
    }
    this.#keys[hole] = noKey;
    this.#values[hole] = undefined;
    if (this.#size === 0 && this.#mask >= mostIdleSlots) this.#resize(leastSlots);
    return true;
  }

  /** Those that are there, in no order; what is removed meanwhile is passed over, and what is added is. */
  *values(): Generator<V, void> {
    for (const key of this.#keys.filter((one) => one !== noKey)) {
      const value = this.get(key);
      if (value !== undefined) yield value;
    }
  }

  /** The slot of a key, or the one that it would have. */
  #find(key: number): number {
    let slot = this.#placeOf(key);
    for (;;) {
      const present = this.#keys[slot];
      if (present === key || present === noKey) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** Numbers that go up by whatever step are spread (multiplicative hashing, Knuth, volume 3, section 6.4). */
  #placeOf(key: number): number {
    return Math.imul(key, 0x9e37_79b1) >>> this.#shift;
  }

  #resize(slots: number): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = emptyKeys(slots);
    this.#values = emptyValues(slots);
    this.#mask = slots - 1;
    this.#shift = Math.clz32(this.#mask);
    keys.forEach((key, i) => {
      if (key === noKey) return;
      const slot = this.#find(key);
      this.#keys[slot] = key;
      this.#values[slot] = values[i];
    });
  }
}

function emptyKeys(slots: number): number[] {
  return Array.from({ length: slots }, () => noKey);
}

function emptyValues<V>(slots: number): (V | undefined)[] {
  return Array.from({ length: slots }, () => undefined);
}
