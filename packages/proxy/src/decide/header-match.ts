import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName, type HeaderName } from '../codec/header-name.ts';
import type { HeaderMatch } from '../model/route.ts';
import { compileStringMatch } from './string-match.ts';

/** What routing sees of a request; a `RequestHead` is one. */
export interface RoutableRequest {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  /** With query. */
  readonly path: string;
  readonly headers: HeaderBlock;
}

/** A condition on a request. */
export type RequestTest = (request: RoutableRequest) => boolean;

type Read = (request: RoutableRequest) => string | undefined;

const pseudo: Readonly<Record<string, Read>> = {
  ':method': (request) => request.method,
  ':authority': (request) => request.authority,
  host: (request) => request.authority,
  ':path': (request) => request.path,
  ':scheme': (request) => request.scheme,
};

/** How to read a header or pseudo header of a request. */
export function headerReader(name: string): Read {
  const read = pseudo[name.toLowerCase()];
  if (read !== undefined) return read;
  const prepared = headerName(name);
  return (request) => request.headers.get(prepared);
}

/** Exact comparison with a header that is no pseudo header, without making a string of it. */
function exactTest(name: HeaderName, value: string, invert: boolean): RequestTest {
  return ({ headers }) => {
    const line = headers.find(name);
    if (line < 0) return false;
    const same =
      headers.find(name, line + 1) < 0 ? headers.valueIs(line, value) : headers.get(name) === value;
    return same !== invert;
  };
}

/**
 * Compiles a header match. A header that is missing matches nothing, inverted or not, unless it is
 * treated as empty (Envoy, `HeaderMatcher.treat_missing_header_as_empty`). Throws where a regular expression is none.
 */
export function compileHeaderMatch(match: HeaderMatch): RequestTest {
  const { invert, treatMissingAsEmpty } = match;
  const read = headerReader(match.name);
  const condition = match.match;
  if (condition.kind === 'present') {
    const wanted = condition.present !== invert;
    return (request) => (read(request) !== undefined) === wanted;
  }
  if (
    condition.kind === 'string' &&
    condition.string.kind === 'exact' &&
    condition.string.ignoreCase !== true &&
    !treatMissingAsEmpty &&
    pseudo[match.name.toLowerCase()] === undefined
  ) {
    return exactTest(headerName(match.name), condition.string.value, invert);
  }
  const test =
    condition.kind === 'string'
      ? compileStringMatch(condition.string)
      : (text: string): boolean => {
          if (!/^[+-]?\d+$/.test(text)) return false;
          const value = Number(text);
          return value >= condition.start && value < condition.end;
        };
  return (request) => {
    const value = read(request) ?? (treatMissingAsEmpty ? '' : undefined);
    return value !== undefined && test(value) !== invert;
  };
}
