import type { QueryParameterMatch } from '../model/route.ts';
import { compileStringMatch } from './string-match.ts';

/** The first value of a query parameter, as it stands (Envoy does not decode it); undefined where it is not there. */
export function queryParameter(path: string, name: string): string | undefined {
  let at = path.indexOf('?') + 1;
  if (at === 0) return undefined;
  const end = path.indexOf('#', at) < 0 ? path.length : path.indexOf('#', at);
  while (at <= end) {
    let stop = path.indexOf('&', at);
    if (stop < 0 || stop > end) stop = end;
    const equals = path.indexOf('=', at);
    const nameEnd = equals < 0 || equals > stop ? stop : equals;
    if (nameEnd - at === name.length && path.startsWith(name, at)) {
      return nameEnd === stop ? '' : path.slice(nameEnd + 1, stop);
    }
    at = stop + 1;
  }
  return undefined;
}

/** Compiles a condition on a query parameter of a path. Throws where a regular expression is none. */
export function compileQueryMatch(match: QueryParameterMatch): (path: string) => boolean {
  const { name } = match;
  const condition = match.match;
  if (condition.kind === 'present') {
    const { present } = condition;
    return (path) => (queryParameter(path, name) !== undefined) === present;
  }
  const test = compileStringMatch(condition.string);
  return (path) => {
    const value = queryParameter(path, name);
    return value !== undefined && test(value);
  };
}
