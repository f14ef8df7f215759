import { claimAt, claimText } from '../../filter/jwt/claims.ts';
import { algorithms, parseToken } from '../../filter/jwt/token.ts';
import { RequestHead } from '../../codec/head.ts';
import { headerName, names } from '../../codec/header-name.ts';
import { queryParameter } from '../../decide/query-match.ts';
import { compileRegex } from '../../decide/string-match.ts';
import { compileClientRules } from '../../filter/client-address.ts';
import { compileForwardedClientCert } from '../../filter/forward-client-cert.ts';
import { normalizePath } from '../../filter/path-normalization.ts';
import { prepareRequest } from '../../filter/request-preparation.ts';
import { RequestIds } from '../../filter/request-id.ts';
import type { ConnectionInfo } from '../../listener/connection-info.ts';
import { defaultHttpConnectionManager } from '../../model/index.ts';
import { compileHashPolicies } from '../../route/hash-policy.ts';
import { compileFormat } from '../../telemetry/format.ts';
import { formatTime } from '../../telemetry/format-time.ts';
import type { StreamInfo } from '../../telemetry/stream-info.ts';
import { must, same, type FuzzTarget } from '../target.ts';

const texts = (...list: readonly string[]): Buffer[] => list.map((text) => Buffer.from(text, 'latin1'));

const here = { kind: 'socket', address: '127.0.0.1', port: 80 } as const;
const connection: ConnectionInfo = {
  id: 1,
  remote: { kind: 'socket', address: '192.0.2.1', port: 1234 },
  directRemote: { kind: 'socket', address: '192.0.2.1', port: 1234 },
  local: here,
  originalDestination: undefined,
  tls: undefined,
  serverName: '',
  tlvs: [],
  source: undefined,
  metadata: undefined,
};

/** A request of which everything that formats ask for is there, made of one text. */
function infoOf(text: string): StreamInfo {
  const request = new RequestHead();
  request.method = 'GET';
  request.authority = 'a';
  request.path = '/';
  request.headers.add(headerName('x-a'), text.replace(/[^\x20-\xff]/g, ''));
  return {
    request,
    response: undefined,
    responseTrailers: undefined,
    status: 200,
    flags: 5,
    details: text,
    bytesReceived: 1,
    bytesSent: 2,
    startWallMs: 1_790_000_000_123,
    durationMs: 1.5,
    requestDurationMs: undefined,
    responseDurationMs: 1,
    downstreamRemote: here,
    downstreamDirectRemote: here,
    downstreamLocal: here,
    downstreamTls: undefined,
    requestedServerName: text,
    upstreamHost: '',
    upstreamLocal: '',
    upstreamCluster: text,
    upstreamFailure: '',
    routeName: '',
    virtualHost: '',
    attempts: 1,
    connectionId: 1,
    peer: undefined,
    endpoint: undefined,
    upstreamModel: undefined,
    dynamicMetadata: undefined,
  };
}

const manager = defaultHttpConnectionManager({ kind: 'rds', name: '' });
const managers = [
  manager,
  { ...manager, useRemoteAddress: true, xffTrustedHops: 1 },
  { ...manager, xffTrustedHops: 2, via: 'proxy', stripHostPort: 'any' as const, stripTrailingHostDot: true },
  { ...manager, forwardClientCert: { ...manager.forwardClientCert, mode: 'append_forward' as const } },
].map((model) => ({
  model,
  clientRules: compileClientRules(model),
  ownName: { cluster: 'front', node: '' },
  requestIds: new RequestIds(),
  forwardClientCert: compileForwardedClientCert(model.forwardClientCert),
}));
const told = [
  names.forwardedFor,
  names.forwardedProto,
  names.forwardedClientCert,
  names.requestId,
  names.via,
];

const plainHash = {
  xxHash64: (text: string, seed = 0n) => BigInt(text.length) + seed,
  murmurHash2: () => 0n,
};
const cookieHash = compileHashPolicies(
  [
    { kind: 'cookie', name: 'session', path: '/', ttlMs: 1000, terminal: false },
    { kind: 'query_parameter', name: 'q', terminal: false },
  ],
  plainHash,
);

export const textTargets: readonly FuzzTarget[] = [
  {
    name: 'path',
    seeds: texts(
      '/a/../b',
      '/a//b/./c?d=/../',
      '/%2e%2e/%2F%5c',
      '/a\\..\\b',
      '/%41%',
      '/..',
      '/.',
      '/a/%00',
    ),
    words: ['/', '..', '.', '%2e', '%2F', '%5C', '\\', '//', '?', '%', '%25'],
    run(input) {
      const path = `/${input.toString('latin1').replace(/[\s#]/g, '')}`;
      for (const escapedSlashes of [
        'keep',
        'reject',
        'unescape_and_forward',
        'unescape_and_redirect',
      ] as const) {
        for (const mergeSlashes of [false, true]) {
          const options = { normalize: true, mergeSlashes, escapedSlashes };
          const once = normalizePath(path, options);
          if (once.kind === 'reject') continue;
          const [only = ''] = once.path.split('?', 1);
          must(only.startsWith('/'), 'a path that is none');
          must(!/(?:^|\/)\.{1,2}(?:\/|$)/.test(only), `dots are left in ${only}`);
          must(!mergeSlashes || !only.includes('//'), `slashes are left in ${only}`);
          must(!only.includes('\\'), `a backslash is left in ${only}`);
          // Whoever normalises once more routes by the same path.
          const twice = normalizePath(once.path, { ...options, escapedSlashes: 'keep' });
          if (twice.kind === 'path') same(twice.path, once.path, 'a path is not settled');
        }
      }
    },
  },
  {
    name: 'log-format',
    seeds: texts(
      '%REQ(X-A?:PATH):10% %START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)% %%',
      '[%START_TIME%] %RESPONSE_FLAGS% %DURATION%',
      '%RESP(A)%%TRAILER(B)%',
    ),
    words: [
      '%',
      '(',
      ')',
      ':',
      '%REQ(',
      ')%',
      'START_TIME',
      '?',
      '%%',
      ':99999999999999999999%',
      '%3f',
      '%s',
    ],
    run(input) {
      const text = input.toString('utf8');
      const format = compileFormat(text);
      if (format.ok) must(typeof format.value.render(infoOf(text)) === 'string', 'no line');
      must(typeof formatTime(1_790_000_000_123, text) === 'string', 'no time');
    },
  },
  {
    name: 'regex',
    seeds: texts('^/a/(b|c)+$', '(a*)*b', '[[:alpha:]]{1,3}\\d?', '(?P<n>x)(?i)y', '\\pL.*\\z'),
    words: [
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '*',
      '+',
      '?',
      '|',
      '\\',
      '^',
      '$',
      '.',
      '(?:',
      '(?i)',
      '[^',
      '\\d',
      '\\p{',
      '{1000}',
    ],
    run(input) {
      const text = input.subarray(0, 60).toString('latin1');
      let matches: (text: string) => boolean;
      try {
        matches = compileRegex(text);
      } catch (error) {
        must(error instanceof Error, 'something else than an error was thrown');
        return;
      }
      const began = performance.now();
      matches('a'.repeat(500) + text);
      must(performance.now() - began < 2_000, 'not in linear time');
    },
  },
  {
    name: 'client-headers',
    seeds: texts(
      '192.0.2.1',
      '192.0.2.1, 198.51.100.2',
      '::1',
      'https',
      'By=spiffe://a;Hash=b;Subject="c,d";URI=e',
      'a'.repeat(36),
      'unknown,,',
    ),
    words: [',', ';', '"', '\\', '=', 'By=', 'Hash=', '::', '127.0.0.1', ' ', 'https'],
    run(input) {
      const value = input
        .toString('latin1')
        .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
        .trim();
      for (const preparation of managers) {
        const head = new RequestHead();
        head.method = 'GET';
        head.authority = 'a:80';
        head.path = '/';
        for (const name of told) head.headers.add(name, value);
        const client = prepareRequest(head, preparation, connection, []);
        must(typeof client === 'number' || client.address !== '', 'no client');
        const saysNothing = head.scheme === '' && value === '';
        must(head.scheme === 'http' || head.scheme === 'https' || saysNothing, 'no scheme');
      }
    },
  },
  {
    name: 'token',
    seeds: texts(
      [{ alg: 'RS256', kid: 'a' }, { iss: 'me', exp: 1, aud: ['a'], nested: { claim: true } }, 'sig']
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.'),
      'e30.e30.',
      'a.b.c.d',
      'eyJhbGciOiJub25lIn0.e30.',
    ),
    words: ['.', '=', '-', '_', '+', 'e30', 'bnVsbA', 'W10', 'eyJhbGciOiJSUzI1NiJ9'],
    run(input) {
      const text = input.toString('latin1');
      const token = parseToken(text);
      if (typeof token === 'string') return;
      must((algorithms as readonly string[]).includes(token.algorithm), 'an algorithm that is not allowed');
      same(text.slice(0, token.signed.length + 1), `${token.signed}.`, 'something else was signed');
      for (const path of ['iss', 'nested.claim', 'nested', '__proto__', 'constructor'])
        claimText(claimAt(token.payload, path));
    },
  },
  {
    name: 'cookies-and-queries',
    seeds: texts('session=abc; other=d', 'session="a"', ' session = ', '/?q=a&b', '/?q', '/?&&q=&q=b#c'),
    words: ['session', '=', ';', '"', ',', '?', '&', 'q=', '#', '%'],
    run(input) {
      const value = input
        .toString('latin1')
        .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
        .trim();
      const head = new RequestHead();
      head.path = `/${value}`;
      head.headers.add(names.cookie, value);
      const made: string[] = [];
      const hash = cookieHash?.(head, {
        clientIp: '127.0.0.1',
        connectionKey: 'k',
        addCookie: (line) => void made.push(line),
      });
      must(hash === undefined || typeof hash === 'bigint', 'no hash');
      must(
        made.every((line) => /^session="[0-9a-f]{16}"/.test(line)),
        'a cookie that is none',
      );
      const found = queryParameter(head.path, 'q');
      must(found === undefined || head.path.includes(found), 'a value from nowhere');
    },
  },
];
