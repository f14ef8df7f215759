import { requestCorpus } from '@lateen/proxy/request-corpus';
import { http1Cluster, httpBootstrap } from '../../bootstrap.ts';
import type { Setup } from '../../case.ts';
import { sends } from '../../request.ts';

const casesOf = (lenient: boolean) =>
  requestCorpus
    .filter((one) => (one.lenient ?? false) === lenient)
    .map(({ what, bytes }) => sends(what, bytes));

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
