import { cookieValue } from '../decide/cookie-value.ts';
import type { HashFunction } from '../cluster/balancer/hash-function.ts';
import { headerName, names } from '../codec/header-name.ts';
import { headerReader, type RoutableRequest } from '../decide/header-match.ts';
import type { HashPolicy } from '../model/route.ts';
import { compileRegexRewrite } from './rewrite.ts';

/** What hashes are made of beside the request itself. */
export interface HashSource {
  /** The client's address. */
  readonly clientIp: string;
  /** Both ends of the client's connection. */
  readonly connectionKey: string;
  /** A cookie was made up for the client, who is to send it from now on. */
  addCookie(line: string): void;
}

/** The hash of a request for consistent balancers; undefined where no policy finds anything. */
export type RequestHash = (request: RoutableRequest, source: HashSource) => bigint | undefined;

const mask = 0xffff_ffff_ffff_ffffn;

/** Joins the policies of a route as Envoy does; undefined where there are none. */
export function compileHashPolicies(
  policies: readonly HashPolicy[],
  hash: HashFunction,
): RequestHash | undefined {
  if (policies.length === 0) return undefined;
  const compiled = policies.map((policy) => ({
    terminal: policy.terminal,
    read: compileHashPolicy(policy, hash),
  }));
  return (request, source) => {
    let joined: bigint | undefined;
    for (const { terminal, read } of compiled) {
      const next = read(request, source);
      // Turning the old value keeps two equal hashes from cancelling each other out.
      if (next !== undefined) {
        joined = joined === undefined ? next : (((joined << 1n) & mask) | (joined >> 63n)) ^ next;
      }
      if (terminal && joined !== undefined) break;
    }
    return joined;
  };
}

function compileHashPolicy(policy: HashPolicy, hash: HashFunction): RequestHash {
  switch (policy.kind) {
    case 'header':
      return headerHash(policy, hash);
    case 'cookie':
      return cookieHash(policy, hash);
    case 'source_ip':
      return (_, { clientIp }) => hash.xxHash64(clientIp);
    case 'query_parameter':
      return ({ path }) => {
        const value = queryParameter(path, policy.name);
        return value === undefined ? undefined : hash.xxHash64(value);
      };
    default:
      return () => undefined;
  }
}

function headerHash(policy: Extract<HashPolicy, { kind: 'header' }>, hash: HashFunction): RequestHash {
  const rewrite = policy.regexRewrite === undefined ? undefined : compileRegexRewrite(policy.regexRewrite);
  const hashOf = (value: string): bigint => hash.xxHash64(rewrite === undefined ? value : rewrite(value));
  const read = headerReader(policy.name);
  const name = headerName(policy.name);
  return (request) => {
    const { headers } = request;
    const line = headers.find(name);
    if (line < 0 || headers.find(name, line + 1) < 0) {
      const value = read(request);
      return value === undefined ? undefined : hashOf(value);
    }
    const values: string[] = [];
    for (let at = line; at >= 0; at = headers.find(name, at + 1)) {
      const value = headers.value(at);
      values.push(rewrite === undefined ? value : rewrite(value));
    }
    // The order of the lines does not count.
    return values.sort().reduce((seed, value) => hash.xxHash64(value, seed), 0n);
  };
}

function cookieHash(policy: Extract<HashPolicy, { kind: 'cookie' }>, hash: HashFunction): RequestHash {
  const { name, path, ttlMs, attributes = [] } = policy;
  const rest = [
    ...(ttlMs === undefined || ttlMs === 0 ? [] : [`; Max-Age=${Math.floor(ttlMs / 1000)}`]),
    ...(path === '' ? [] : [`; Path=${path}`]),
    ...attributes.map((one) => `; ${one}`),
    '; HttpOnly',
  ].join('');
  return ({ headers }, source) => {
    for (let line = headers.find(names.cookie); line >= 0; line = headers.find(names.cookie, line + 1)) {
      const value = cookieValue(headers.value(line), name);
      if (value !== undefined && value !== '') return hash.xxHash64(value);
    }
    // Without a time to live the client is not given one.
    if (ttlMs === undefined) return undefined;
    const value = hash.xxHash64(source.connectionKey).toString(16).padStart(16, '0');
    source.addCookie(`${name}="${value}"${rest}`);
    return hash.xxHash64(value);
  };
}

/** The first value of a parameter, as it stands in the path. */
function queryParameter(path: string, name: string): string | undefined {
  const query = path.indexOf('?');
  if (query < 0) return undefined;
  for (const part of path.slice(query + 1).split('&')) {
    const equals = part.indexOf('=');
    if ((equals < 0 ? part : part.slice(0, equals)) === name) return equals < 0 ? '' : part.slice(equals + 1);
  }
  return undefined;
}
