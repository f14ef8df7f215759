import { headerLine, type HeaderLine } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { Turn } from '../wire/turn.ts';

const lines = new WeakMap<Turn, { readonly untilMs: number; readonly line: HeaderLine }>();

/** The `date` line of this second, made once a second. */
export function httpDate(turn: Turn): HeaderLine {
  const known = lines.get(turn);
  if (known !== undefined && turn.nowMs < known.untilMs) return known.line;
  const { wallMs } = turn;
  const line = headerLine(names.date, new Date(wallMs).toUTCString());
  lines.set(turn, { untilMs: turn.nowMs + 1000 - (wallMs % 1000), line });
  return line;
}
