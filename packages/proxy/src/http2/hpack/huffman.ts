/** Bits of the code of each byte, and of the end of a string (RFC 7541, appendix B). The code is canonical: the lengths give it. */
const codeBits: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const endOfString = 256;

/** The code of each symbol: bits by length, then by symbol. */
export const huffmanCodes: readonly { readonly code: number; readonly bits: number }[] = (() => {
  const codes = codeBits.map((bits) => ({ code: 0, bits }));
  let code = 0;
  for (let bits = 5; bits <= 30; bits++) {
    for (const symbol of codes) if (symbol.bits === bits) symbol.code = code++;
    code *= 2;
  }
  return codes;
})();

const emits = 0x10000;
/** The string may end here: what came since the last symbol is a beginning of the end symbol's ones. */
const mayEnd = 0x20000;
const failed = 0x40000;

/**
 * Steps of a decoder that takes four bits at a time: for each state (an inner node of the code's tree) and each nibble the next
 * state (bits 0-7), the symbol that is complete (bits 8-15) and the flags above. No code is shorter than five bits, so a nibble completes one at most.
 */
function makeSteps(): Int32Array {
  const children: [number, number][] = [[-1, -1]];
  huffmanCodes.forEach(({ code, bits }, symbol) => {
    let node = 0;
    for (let bit = bits - 1; bit >= 0; bit--) {
      const side = (code >>> bit) & 1;
      const pair = children[node] as [number, number];
      if (bit === 0) {
        pair[side] = -2 - symbol;
      } else {
        if (pair[side] === -1) {
          pair[side] = children.length;
          children.push([-1, -1]);
        }
        node = pair[side] as number;
      }
    }
  });
  // The nodes on the way of seven ones or fewer from the root: where padding may stop (RFC 7541 section 5.2).
  const endings = new Set<number>([0]);
  for (let node = 0, ones = 1; ones <= 7; ones++) {
    node = (children[node] as [number, number])[1];
    endings.add(node);
  }
  const table = new Int32Array(children.length * 16);
  for (let state = 0; state < children.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let step = 0;
      for (let bit = 3; bit >= 0 && step !== failed; bit--) {
        const next = (children[node] as [number, number])[(nibble >>> bit) & 1] as number;
        if (next >= 0) {
          node = next;
        } else if (next === -2 - endOfString) {
          step = failed;
        } else {
          step = emits | ((-2 - next) << 8);
          node = 0;
        }
      }
      if (step !== failed) step |= node | (endings.has(node) ? mayEnd : 0);
      table[state * 16 + nibble] = step;
    }
  }
  return table;
}

/** Made when the first string comes, so that a start does not wait for it. */
let madeSteps: Int32Array | undefined;

/** Decodes `source[start, end)` into `target` from `at` on; returns the end, or -1 where it is no such code. Needs at most 8/5 of the bytes. */
export function decodeHuffman(
  source: Buffer,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  const steps = (madeSteps ??= makeSteps());
  let step = mayEnd;
  for (let i = start; i < end; i++) {
    const byte = source[i] as number;
    step = steps[((step & 0xff) << 4) | (byte >>> 4)] as number;
    if ((step & emits) !== 0) target[at++] = (step >>> 8) & 0xff;
    else if (step === failed) return -1;
    step = steps[((step & 0xff) << 4) | (byte & 15)] as number;
    if ((step & emits) !== 0) target[at++] = (step >>> 8) & 0xff;
    else if (step === failed) return -1;
  }
  return (step & mayEnd) === 0 ? -1 : at;
}
