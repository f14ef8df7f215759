import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import type { FoundContext } from './b3.ts';
import { isTraceId, type TraceContext } from './trace-context.ts';

const parentName = headerName('traceparent');
const stateName = headerName('tracestate');
const wholeLength = 55;
const nothing: FoundContext = { traceId: undefined, sampled: undefined };

/** Reads W3C's `traceparent` and `tracestate` (https://www.w3.org/TR/trace-context). */
export function readTraceparent(headers: HeaderBlock): FoundContext {
  const line = headers.get(parentName);
  if (line === undefined) return nothing;
  const version = line.slice(0, 2);
  const traceId = line.slice(3, 35);
  const spanId = line.slice(36, 52);
  const flags = line.slice(53, 55);
  const dashed = line[2] === '-' && line[35] === '-' && line[52] === '-';
  if (!dashed || !isByte(version) || version === 'ff' || !isByte(flags)) return 'malformed';
  // A later version may say more behind a further dash.
  if (line.length !== wholeLength && (version === '00' || line[wholeLength] !== '-')) return 'malformed';
  if (!isTraceId(traceId, 32) || !isTraceId(spanId, 16)) return 'malformed';
  return {
    traceId,
    spanId,
    parentId: undefined,
    sampled: (Number.parseInt(flags, 16) & 1) === 1,
    state: headers.get(stateName),
  };
}

function isByte(text: string): boolean {
  return text === '00' || isTraceId(text, 2);
}

/** Writes them; a short trace id is filled up with zeroes. */
export function writeTraceparent(headers: HeaderBlock, context: TraceContext): void {
  const traceId = context.traceId.padStart(32, '0');
  headers.set(parentName, `00-${traceId}-${context.spanId}-${context.sampled === true ? '01' : '00'}`);
  if (context.state === undefined) headers.remove(stateName);
  else headers.set(stateName, context.state);
}
