import type { RequestHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { RetryPolicy } from '../model/route.ts';
import { compileRetryPolicy, type CompiledRetryPolicy } from './retry-policy.ts';

/**
 * True where a request has a header by which clients of the mesh steer tries and time: `x-envoy-upstream-…`,
 * `x-envoy-retry-…`, `x-envoy-retriable-…`, `x-envoy-max-retries`, `x-envoy-hedge-…`. One look over the names, so that
 * the others pay next to nothing.
 */
export function steersTries(headers: HeaderBlock): boolean {
  const { bytes } = headers;
  for (let line = 0; line < headers.lines; line++) {
    const start = headers.nameStart(line);
    // `x-envoy-` and then u, r, m or h; no name of another kind is as long and has these letters.
    if (start < 0 || headers.nameEnd(line) - start < 16) continue;
    if (bytes[start + 1] !== 45 || bytes[start + 7] !== 45 || ((bytes[start + 2] as number) | 32) !== 101) {
      continue;
    }
    const letter = (bytes[start + 8] as number) | 32;
    if (letter === 117 || letter === 114 || letter === 109 || letter === 104) return true;
  }
  return false;
}

const listed = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

const noPolicy: RetryPolicy = {
  retryOn: [],
  retriableStatusCodes: [],
  retriableHeaders: [],
  numRetries: 1,
  backoffBaseMs: 25,
  backoffMaxMs: 250,
  avoidPreviousHosts: false,
  hostSelectionMaxAttempts: 1,
  retriableRequestHeaders: [],
  rateLimitedResetHeaders: [],
};

/** The policy of the route with what the headers add to it (Envoy, router filter, `x-envoy-retry-on`); they are taken off. */
export function retryFromHeaders(
  head: RequestHead,
  base: CompiledRetryPolicy | undefined,
): CompiledRetryPolicy | undefined {
  const { headers } = head;
  const retryOn = [...listed(headers.get(names.retryOn)), ...listed(headers.get(names.retryGrpcOn))];
  const statuses = listed(headers.get(names.retriableStatusCodes)).map(Number).filter(Number.isInteger);
  const headerNames = listed(headers.get(names.retriableHeaderNames));
  const max = headers.get(names.maxRetries);
  for (const name of [
    names.retryOn,
    names.retryGrpcOn,
    names.retriableStatusCodes,
    names.retriableHeaderNames,
    names.maxRetries,
  ])
    headers.remove(name);
  const model = base?.model ?? noPolicy;
  const numRetries = max !== undefined && /^\d{1,6}$/.test(max) ? Number(max) : model.numRetries;
  if (retryOn.length === 0 && (base === undefined || numRetries === model.numRetries)) {
    if (statuses.length === 0 && headerNames.length === 0) return base;
  }
  return compileRetryPolicy({
    ...model,
    retryOn: [...model.retryOn, ...retryOn],
    numRetries,
    retriableStatusCodes: [...model.retriableStatusCodes, ...statuses],
    retriableHeaders: [
      ...model.retriableHeaders,
      ...headerNames.map((name) => ({
        name: name.toLowerCase(),
        match: { kind: 'present' as const, present: true },
        invert: false,
        treatMissingAsEmpty: false,
      })),
    ],
  });
}
