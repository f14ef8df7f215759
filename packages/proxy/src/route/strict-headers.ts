import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';

const wholeNumber = (text: string): boolean => /^\d{1,12}$/.test(text);
const oneOf = (known: ReadonlySet<string>) => (text: string) =>
  text.split(',').every((one) => known.has(one.trim()));

/** Headers that the router may be told to look at, and what is a good value of each (Envoy, `strict_check_headers`). */
const good: Readonly<Record<string, (text: string) => boolean>> = {
  'x-envoy-upstream-rq-timeout-ms': wholeNumber,
  'x-envoy-upstream-rq-per-try-timeout-ms': wholeNumber,
  'x-envoy-max-retries': wholeNumber,
  'x-envoy-retry-on': oneOf(
    new Set([
      '5xx',
      'gateway-error',
      'reset',
      'reset-before-request',
      'connect-failure',
      'envoy-ratelimited',
      'retriable-4xx',
      'refused-stream',
      'retriable-status-codes',
      'retriable-headers',
      'http3-post-connect-failure',
    ]),
  ),
  'x-envoy-retry-grpc-on': oneOf(
    new Set(['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable']),
  ),
};

/** A header that is not what its name promises. */
export interface BadHeader {
  readonly name: string;
  readonly value: string;
}

/** Compiles the check of these headers; it returns the first that is bad. Undefined where none is to be looked at. */
export function compileStrictCheck(
  checked: readonly string[],
): ((headers: HeaderBlock) => BadHeader | undefined) | undefined {
  if (checked.length === 0) return undefined;
  const looks = checked.map((name) => ({ name, header: headerName(name), isGood: good[name] }));
  return (headers) => {
    for (const { name, header, isGood } of looks) {
      const value = headers.get(header);
      if (value !== undefined && isGood?.(value) === false) return { name, value };
    }
    return undefined;
  };
}
