import { ok, problem, type Result } from '@lateen/core';
import { names } from '../codec/header-name.ts';
import type { RequestHead } from '../codec/head.ts';
import type { Operator } from './format-operator.ts';

const sources: Readonly<Record<string, (request: RequestHead) => string | undefined>> = {
  ORIG: (request) => request.headers.get(names.originalPath),
  PATH: (request) => request.path,
  ORIG_OR_PATH: (request) => request.headers.get(names.originalPath) ?? request.path,
};

/** `%PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)%`: the path with its query or without, as it came or as it is now. */
export function pathOperator(argument: string): Result<Operator> {
  const [query = '', from = '', ...more] = argument.split(':');
  const source = sources[from === '' ? 'ORIG_OR_PATH' : from];
  if (!['', 'WQ', 'NQ'].includes(query) || source === undefined || more.length > 0)
    return problem('', `%PATH(${argument})%: what is meant is WQ or NQ, then ORIG, PATH or ORIG_OR_PATH`);
  return ok(({ request }) => {
    const path = request === undefined ? undefined : source(request);
    if (path === '') return undefined;
    return query === 'NQ' ? path?.split('?', 1)[0] : path;
  });
}
