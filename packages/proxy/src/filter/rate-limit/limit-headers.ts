import { headerName } from '../../codec/header-name.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';

const limitName = headerName('x-ratelimit-limit');
const remainingName = headerName('x-ratelimit-remaining');
const resetName = headerName('x-ratelimit-reset');

/** What a client is told of its limit (draft 03 of the RateLimit header fields, under their older names). */
export interface LimitNotice {
  /** Requests allowed, with the other limits after it: `10, 10;w=1;name="per second"`. */
  readonly limit: string;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** Puts a notice into the head of an answer. */
export function addLimitHeaders(headers: HeaderBlock, notice: LimitNotice): void {
  headers.set(limitName, notice.limit);
  headers.set(remainingName, String(notice.remaining));
  headers.set(resetName, String(notice.resetSeconds));
}
