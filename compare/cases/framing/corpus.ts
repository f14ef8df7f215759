import { requestCorpus } from '@lateen/proxy/request-corpus';
import { http1Cluster, httpBootstrap } from '../../bootstrap.ts';
import type { Setup } from '../../case.ts';
import { sends } from '../../request.ts';

/** Where the proxy is stricter than Envoy, or more precise: docs/envoy-differences.md. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [
    /folded|bare|two carriage returns|two empty lines|two spaces|a space at the end|: a tab$/,
    'lines are read strictly',
  ],
  [/^chunks: .* in the trailers/, 'trailers do not frame'],
  [/^chunks: (?:a request in a chunk|data longer|no line break)/, 'the size of a chunk is its size'],
  [/^chunks: /, 'chunks are read strictly'],
  [/chunks in HTTP\/1\.0|an upgrade, and has a body/, 'two readers may disagree'],
  [/content-length: 2\^63/, 'no body is that long'],
  [/white space around|an empty value/, 'the same, written otherwise'],
  [/^request line: HTTP\/(?:0\.9|1\.2|2\.0)|a preface of HTTP\/2/, 'there is no such version of HTTP/1'],
  [/HTTP\/1\.0$/, 'its head is read before it is refused'],
  [
    /a fragment|a relative target|only a query|an asterisk|begins with a tab|host: empty/,
    'other details in the log',
  ],
  [/^host: (?:twice|with a user|in the target with)/, 'one host, and nothing else'],
  [/names content-length/, 'the length stays'],
];

const casesOf = (lenient: boolean) =>
  requestCorpus
    .filter((one) => (one.lenient ?? false) === lenient)
    .map(({ what, bytes }) => {
      const reason = reasons.find(([pattern]) => pattern.test(what))?.[1];
      return sends(what, bytes, reason === undefined ? {} : { differs: { '': reason } });
    });

const options = { http_protocol_options: { enable_trailers: true } };

/** The requests by which proxies have been led to disagree. */
export const corpus: Setup = {
  name: 'corpus',
  bootstrap: httpBootstrap({ manager: options, cluster: http1Cluster({ enable_trailers: true }) }),
  cases: casesOf(false),
};

export const lenientCorpus: Setup = {
  name: 'lenient-corpus',
  bootstrap: httpBootstrap({
    manager: {
      http_protocol_options: {
        accept_http_10: true,
        default_host_for_http_10: 'fallback',
        allow_chunked_length: true,
        enable_trailers: true,
      },
    },
    cluster: http1Cluster({ enable_trailers: true }),
  }),
  cases: casesOf(true),
};
