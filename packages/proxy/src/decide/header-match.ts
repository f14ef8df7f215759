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

/** Lines of these are one list, whoever has added to it. */
const lists: ReadonlySet<string> = new Set(['x-forwarded-for']);

/**
 * Reads the first line of a header, so that who repeats a header has no value of his own for each request (Envoy,
 * `RateLimit.Action.RequestHeaders`).
 */
export function firstHeaderReader(name: string): Read {
  if (pseudo[name.toLowerCase()] !== undefined || lists.has(name.toLowerCase())) return headerReader(name);
  const prepared = headerName(name);
  return ({ headers }) => {
    const line = headers.find(prepared);
    return line < 0 ? undefined : headers.value(line);
  };
}

type LineTest = (headers: HeaderBlock, line: number) => boolean;

/**
 * A condition on a header that is no pseudo header: true where one of its lines fulfils it. Each line is looked at by
 * itself, so that who repeats a header cannot hide a value from a rule (Envoy's CVE-2026-26308).
 */
function linesTest(name: HeaderName, test: LineTest, invert: boolean, whenMissing: boolean): RequestTest {
  return ({ headers }) => {
    let line = headers.find(name);
    if (line < 0) return whenMissing;
    do {
      if (test(headers, line)) return !invert;
      line = headers.find(name, line + 1);
    } while (line >= 0);
    return invert;
  };
}

function textTest(condition: Exclude<HeaderMatch['match'], { kind: 'present' }>): (text: string) => boolean {
  if (condition.kind === 'string') return compileStringMatch(condition.string);
  return (text) => {
    if (!/^[+-]?\d+$/.test(text)) return false;
    const value = Number(text);
    return value >= condition.start && value < condition.end;
  };
}

/**
 * Compiles a header match. A header that is missing matches nothing, inverted or not, unless it is
 * treated as empty (Envoy, `HeaderMatcher.treat_missing_header_as_empty`). Throws where a regular expression is none.
 */
export function compileHeaderMatch(match: HeaderMatch): RequestTest {
  const { invert, treatMissingAsEmpty } = match;
  const condition = match.match;
  const read = pseudo[match.name.toLowerCase()];
  if (condition.kind === 'present') {
    const wanted = condition.present !== invert;
    const readAny = headerReader(match.name);
    return (request) => (readAny(request) !== undefined) === wanted;
  }
  const test = textTest(condition);
  if (read !== undefined) {
    return (request) => {
      const value = read(request) ?? (treatMissingAsEmpty ? '' : undefined);
      return value !== undefined && test(value) !== invert;
    };
  }
  const isExact =
    condition.kind === 'string' && condition.string.kind === 'exact' && condition.string.ignoreCase !== true;
  // An exact comparison makes no string of the value.
  const exact = isExact ? condition.string.value : undefined;
  return linesTest(
    headerName(match.name),
    exact === undefined
      ? (headers, line) => test(headers.value(line))
      : (headers, line) => headers.valueIs(line, exact),
    invert,
    treatMissingAsEmpty && test('') !== invert,
  );
}
