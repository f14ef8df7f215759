import type { HeaderBlock } from '../codec/header-block.ts';

/**
 * Spells names in `out[start, end)` as the sender of the block did, where the proxy took the line and wrote its own: `Host`,
 * `Transfer-Encoding`, what a rule has replaced (Envoy, `header_key_format.stateful_formatter` of `preserve_case`). The bytes
 * are whole lines; blocks that do not keep the case of names change nothing.
 */
export function spellAsSender(block: HeaderBlock, out: Buffer, start: number, end: number): void {
  if (!block.keepsCase) return;
  for (let line = start; line < end; ) {
    const colon = out.indexOf(58, line);
    if (colon < 0) return;
    const dead = block.findDead(out, line, colon);
    if (dead >= 0) block.bytes.copy(out, line, dead, dead + colon - line);
    const next = out.indexOf(10, colon);
    if (next < 0) return;
    line = next + 1;
  }
}
