import type { HeaderBlock } from '../codec/header-block.ts';

const underscore = 95;

/**
 * Finds headers with `_` in their names, which some applications take for `-`; `drop` takes them off. Returns how many
 * there were (Envoy, `headers_with_underscores_action`).
 */
export function underscoredHeaders(headers: HeaderBlock, drop: boolean): number {
  let found = 0;
  const { bytes } = headers;
  for (let line = 0; line < headers.lines; line++) {
    const start = headers.nameStart(line);
    if (start < 0) continue;
    const at = bytes.indexOf(underscore, start);
    if (at < 0 || at >= headers.nameEnd(line)) continue;
    found++;
    if (drop) headers.drop(line);
  }
  return found;
}
