import type { Problem } from '@lateen/core';
import type { Cluster } from '../model/cluster.ts';
import type { Listener } from '../model/listener.ts';
import type { DownstreamTransport, UpstreamTransport } from '../model/tls.ts';
import type { LazyOpenssl } from './openssl/openssl.ts';
import { inlineTlsProblems, verifiesPeers } from './inline-tls.ts';

const typedConfig = 'transport_socket.typed_config';

/** What is wrong with the TLS that a listener itself says, with paths in the listener; as Envoy, when it is received. */
export function listenerTlsProblems(
  openssl: LazyOpenssl,
  { filterChains, defaultFilterChain }: Listener,
): readonly Problem[] {
  return [
    ...filterChains.flatMap(({ transport }, i) =>
      downstreamProblems(openssl, transport, `filter_chains[${i}].${typedConfig}`),
    ),
    ...(defaultFilterChain === undefined
      ? []
      : downstreamProblems(openssl, defaultFilterChain.transport, `default_filter_chain.${typedConfig}`)),
  ];
}

/** The same of a cluster. */
export function clusterTlsProblems(
  openssl: LazyOpenssl,
  { transport, transportMatches }: Cluster,
): readonly Problem[] {
  return [
    ...upstreamProblems(openssl, transport, typedConfig),
    ...transportMatches.flatMap((match, i) =>
      upstreamProblems(openssl, match.transport, `transport_socket_matches[${i}].${typedConfig}`),
    ),
  ];
}

/** The same of a filter chain, whose TLS is at `path`. */
export function downstreamProblems(
  openssl: LazyOpenssl,
  transport: DownstreamTransport,
  path: string,
): readonly Problem[] {
  if (transport.kind === 'raw') return [];
  const { certificates, certificateSecrets } = transport.options;
  const message = 'must have a certificate, or a secret with one by tls_certificate_sds_secret_configs';
  const missing =
    certificates.length + certificateSecrets.length > 0
      ? []
      : [{ path: 'common_tls_context.tls_certificates', message }];
  return within(path, [
    ...missing,
    ...inlineTlsProblems(
      openssl,
      transport.options,
      transport.sessionTicketKeys,
      transport.ocspPolicy ?? 'lenient',
    ),
  ]);
}

function upstreamProblems(
  openssl: LazyOpenssl,
  transport: UpstreamTransport,
  path: string,
): readonly Problem[] {
  if (transport.kind === 'raw') return [];
  // The transport that sends the PROXY protocol's header holds the other one.
  const at = transport.proxyProtocol === undefined ? path : `${path}.${typedConfig}`;
  const message =
    'must say whom to trust, by trusted_ca or system_root_certs: auto_san_validation asks for a name that somebody vouches for';
  const unverified =
    transport.autoSanValidation && !verifiesPeers(transport.options)
      ? [{ path: 'common_tls_context.validation_context', message }]
      : [];
  return within(at, [...unverified, ...inlineTlsProblems(openssl, transport.options)]);
}

function within(path: string, list: readonly Problem[]): readonly Problem[] {
  return list.map((problem) => ({ ...problem, path: `${path}.${problem.path}` }));
}
