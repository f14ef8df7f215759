/** Random numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const interesting = [0, 1, 9, 10, 13, 31, 32, 34, 35, 37, 47, 58, 59, 64, 92, 127, 128, 255];
const maxInputBytes = 8 * 1024;

/** Changes an input in some places: bytes, runs, words of the format, parts of other inputs. */
export function mutate(
  input: Buffer,
  others: readonly Buffer[],
  words: readonly string[],
  random: () => number,
): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  let bytes = input;
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + below(16));
    const [before, middle, rest] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
    let put: Buffer;
    switch (below(8)) {
      case 0:
        put = Buffer.from(middle.map((byte) => byte ^ (1 << below(8))));
        break;
      case 1:
        put = Buffer.concat([Buffer.from([interesting[below(interesting.length)] ?? 0]), middle]);
        break;
      case 2:
        put = Buffer.alloc(0);
        break;
      case 3:
        put = Buffer.concat([middle, middle]);
        break;
      case 4:
        put = Buffer.concat([Buffer.from(words[below(words.length)] ?? '', 'latin1'), middle]);
        break;
      case 5: {
        const other = others[below(others.length)] ?? bytes;
        const from = below(other.length);
        put = other.subarray(from, from + 1 + below(64));
        break;
      }
      case 6:
        put = Buffer.from([below(256)]);
        break;
      default:
        put = Buffer.concat([middle, bytes.subarray(below(bytes.length + 1), end)]);
    }
    bytes = Buffer.concat([before, put, rest]);
  }
  return bytes.subarray(0, maxInputBytes);
}
