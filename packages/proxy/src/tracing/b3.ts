import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import { isTraceId, type TraceContext } from './trace-context.ts';

const single = headerName('b3');
const traceIdName = headerName('x-b3-traceid');
const spanIdName = headerName('x-b3-spanid');
const parentIdName = headerName('x-b3-parentspanid');
const sampledName = headerName('x-b3-sampled');
const flagsName = headerName('x-b3-flags');

/** What a request says of its trace: a context, only whether it is sampled, or something that nobody can read. */
export type FoundContext =
  | TraceContext
  | { readonly traceId: undefined; readonly sampled: boolean | undefined }
  | 'malformed';

/** Reads B3 (https://github.com/openzipkin/b3-propagation), the single header before the several. */
export function readB3(headers: HeaderBlock): FoundContext {
  const line = headers.get(single);
  return line === undefined ? readSeveral(headers) : readSingle(line);
}

function readSingle(line: string): FoundContext {
  if (line.length === 1) {
    return line === '0' || line === '1' || line === 'd'
      ? { traceId: undefined, sampled: line !== '0' }
      : 'malformed';
  }
  const parts = line.toLowerCase().split('-', 5);
  const [traceId = '', spanId = '', flag, parentId] = parts;
  if (parts.length > 4 || !isLongOrShort(traceId) || !isTraceId(spanId, 16)) return 'malformed';
  if (flag !== undefined && flag !== '0' && flag !== '1' && flag !== 'd') return 'malformed';
  if (parentId !== undefined && !isTraceId(parentId, 16)) return 'malformed';
  return {
    traceId,
    spanId,
    parentId,
    sampled: flag === undefined ? undefined : flag !== '0',
    state: undefined,
  };
}

function readSeveral(headers: HeaderBlock): FoundContext {
  const flag = headers.get(sampledName);
  const debug = headers.get(flagsName) === '1';
  const sampled = flag === undefined ? (debug ? true : undefined) : flag === '1' || flag === 'true';
  const traceId = headers.get(traceIdName)?.toLowerCase();
  const spanId = headers.get(spanIdName)?.toLowerCase();
  if (traceId === undefined || spanId === undefined) return { traceId: undefined, sampled };
  const parentId = headers.get(parentIdName)?.toLowerCase();
  if (!isLongOrShort(traceId) || !isTraceId(spanId, 16)) return 'malformed';
  if (parentId !== undefined && parentId !== '' && !isTraceId(parentId, 16)) return 'malformed';
  return { traceId, spanId, parentId: parentId === '' ? undefined : parentId, sampled, state: undefined };
}

function isLongOrShort(traceId: string): boolean {
  return isTraceId(traceId, 16) || isTraceId(traceId, 32);
}

/** Writes the several headers; as Envoy, the single one in their place where the request came with it. */
export function writeB3(headers: HeaderBlock, context: TraceContext): void {
  const { traceId, spanId, parentId } = context;
  const flag = context.sampled === true ? '1' : '0';
  if (headers.has(single)) {
    headers.set(single, `${traceId}-${spanId}-${flag}${parentId === undefined ? '' : `-${parentId}`}`);
    return;
  }
  headers.set(traceIdName, traceId);
  headers.set(spanIdName, spanId);
  if (parentId === undefined) headers.remove(parentIdName);
  else headers.set(parentIdName, parentId);
  headers.set(sampledName, flag);
}
