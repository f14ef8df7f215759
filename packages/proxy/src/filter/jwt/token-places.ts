import type { RequestHead } from '../../codec/head.ts';
import { headerName, names, type HeaderName } from '../../codec/header-name.ts';
import { queryParameter } from '../../decide/query-match.ts';
import type { JwtProvider } from '../../model/jwt-authn.ts';
import { changeQuery } from '../ext-authz/apply-headers.ts';

/** A token as it was found. */
export interface FoundToken {
  readonly text: string;
  /** Takes it out of the request. */
  readonly remove: (head: RequestHead) => void;
}

type Look = (head: RequestHead) => FoundToken | undefined;

function inHeader(name: HeaderName, prefix: string): Look {
  return ({ headers }) => {
    const value = headers.get(name);
    if (value === undefined) return undefined;
    // Prefix and token may have something before and after them (Envoy, `JwtHeader.value_prefix`).
    const at = value.indexOf(prefix);
    if (at < 0) return undefined;
    const rest = prefix === '' ? value : value.slice(at + prefix.length);
    const text = /^\s*([A-Za-z0-9_.-]*)/.exec(rest)?.[1] ?? '';
    return { text, remove: (head) => void head.headers.remove(name) };
  };
}

function inParameter(name: string): Look {
  return ({ path }) => {
    const text = queryParameter(path, name);
    if (text === undefined) return undefined;
    return {
      text,
      remove: (head) => {
        head.path = changeQuery(head.path, [], [name]);
      },
    };
  };
}

function inCookie(name: string): Look {
  return ({ headers }) => {
    for (const part of (headers.get(names.cookie) ?? '').split(/[;,]/)) {
      const equals = part.indexOf('=');
      if (equals < 0 || part.slice(0, equals).trim() !== name) continue;
      // Other cookies stand in the same header: it stays.
      return { text: part.slice(equals + 1).trim(), remove: () => {} };
    }
    return undefined;
  };
}

/** Finds the tokens of a provider in requests. */
export function compilePlaces(provider: JwtProvider): (head: RequestHead) => FoundToken[] {
  const { fromHeaders, fromParams, fromCookies } = provider;
  const looks: Look[] = [
    ...fromHeaders.map(({ name, prefix }) => inHeader(headerName(name), prefix)),
    ...fromParams.map(inParameter),
    ...fromCookies.map(inCookie),
  ];
  if (looks.length === 0) {
    looks.push(inHeader(headerName('authorization'), 'Bearer '), inParameter('access_token'));
  }
  return (head) => looks.flatMap((look) => look(head) ?? []);
}
