import type { ClientTls } from '@lateen/config';
import { packAny } from '@lateen/protocol';
import type { ConfigSource, TransportSocket } from '@lateen/protocol/envoy/config/core/v3';
import {
  DownstreamTlsContext,
  UpstreamTlsContext,
  type CertificateValidationContext,
  type CommonTlsContext,
  type SubjectAltNameMatcher,
} from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { certificateSecretName, rootsSecretName } from './gateway-secret.ts';
import { RawBuffer } from '@lateen/protocol/envoy/extensions/transport_sockets/raw_buffer/v3';

/** Where a proxy gets its workload's certificate and the mesh's root: from its own agent. */
const agentSecrets: ConfigSource = {
  apiConfigSource: {
    apiType: 'GRPC',
    transportApiVersion: 'V3',
    grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }],
    setNodeOnFirstMessageOnly: true,
  },
  initialFetchTimeout: 0,
  resourceApiVersion: 'V3',
};

/** Where a gateway gets what is in the secrets of its namespace. */
export const controlPlaneSecrets: ConfigSource = {
  ads: {},
  initialFetchTimeout: 0,
  resourceApiVersion: 'V3',
};

/** Names under which Istio's agents serve the workload's certificate and the mesh's root. */
const workloadSecret = 'default';
const rootSecret = 'ROOTCA';
/** The name under which they serve what is in a file of roots. */
const fileRoots = 'file-root:';
/** What stands for the roots of the proxy's system in place of a file. */
const systemRoots = 'system';

/** Protocols that tell the other proxy that a connection is the mesh's own. */
export const meshAlpn = ['istio'];
/** The same where the inner protocol is HTTP/2. */
export const meshHttp2Alpn = ['istio', 'h2'];
/** What proxies of the mesh, of whatever make, offer where they do not say that HTTP is inside. */
export const acceptedMeshTcpAlpn = ['istio', 'istio-peer-exchange'];
/** What they offer to say that HTTP is inside. */
export const acceptedMeshHttpAlpn = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
/** All that they may offer. */
export const acceptedMeshAlpn = [...acceptedMeshTcpAlpn, ...acceptedMeshHttpAlpn];
/** What an inbound chain answers with. */
const inboundHttpAlpn = ['h2', 'http/1.1', 'http/1.0'];
const inboundTcpAlpn = ['istio-peer-exchange', 'h2', 'http/1.1'];

const minimum = { tlsMinimumProtocolVersion: 'TLSv1_2' } as const;

function tlsSocket(typedConfig: NonNullable<TransportSocket['typedConfig']>): TransportSocket {
  return { name: 'envoy.transport_sockets.tls', typedConfig };
}

/** No TLS, said as a transport of its own. */
export const plainSocket: TransportSocket = {
  name: 'envoy.transport_sockets.raw_buffer',
  typedConfig: packAny(RawBuffer, {}),
};

function names(
  identities: readonly string[],
  sanType: SubjectAltNameMatcher['sanType'],
): SubjectAltNameMatcher[] {
  return identities.map((exact) => ({ sanType, matcher: { exact } }));
}

/** What both ends of mutual TLS within the mesh have in common. */
function meshContext(
  peers: CertificateValidationContext,
  alpnProtocols: readonly string[],
): CommonTlsContext {
  return {
    tlsParams: { ...minimum, tlsMaximumProtocolVersion: 'TLSv1_3' },
    tlsCertificateSdsSecretConfigs: [{ name: workloadSecret, sdsConfig: agentSecrets }],
    combinedValidationContext: {
      defaultValidationContext: peers,
      validationContextSdsSecretConfig: { name: rootSecret, sdsConfig: agentSecrets },
    },
    alpnProtocols,
  };
}

/** Mutual TLS towards workloads of the mesh with one of these identities; any where none is known. */
export function meshClientSocket(options: {
  readonly identities: readonly string[];
  readonly sni: string;
  readonly alpnProtocols: readonly string[];
}): TransportSocket {
  const san = names(options.identities, 'URI');
  const peers = san.length === 0 ? {} : { matchTypedSubjectAltNames: san };
  return tlsSocket(
    packAny(UpstreamTlsContext, {
      commonTlsContext: meshContext(peers, options.alpnProtocols),
      sni: options.sni,
    }),
  );
}

/** Mutual TLS from any workload of the mesh's trust domain. */
export function meshServerSocket(trustDomain: string, inner: 'http' | 'tcp'): TransportSocket {
  const peers = {
    matchTypedSubjectAltNames: [{ sanType: 'URI' as const, matcher: { prefix: `spiffe://${trustDomain}/` } }],
  };
  return tlsSocket(
    packAny(DownstreamTlsContext, {
      commonTlsContext: meshContext(peers, inner === 'http' ? inboundHttpAlpn : inboundTcpAlpn),
      requireClientCertificate: true,
    }),
  );
}

/**
 * TLS as a DestinationRule asks for it towards servers outside of the mesh; files are the proxy's own.
 *
 * `credentialName` is followed at gateways alone, which may read secrets of their namespace; sidecars pass it over
 * (Istio, "ClientTLSSettings").
 */
export function externalClientSocket(
  tls: ClientTls,
  subjectAltNames: readonly string[],
  alpnProtocols: readonly string[],
  kind: 'sidecar' | 'router',
): TransportSocket {
  const verified = tls.insecureSkipVerify !== true;
  const wanted = tls.subjectAltNames ?? subjectAltNames;
  const named: CertificateValidationContext = {
    ...(wanted.length === 0 ? {} : { matchTypedSubjectAltNames: names(wanted, 'DNS') }),
    ...(tls.caCrl === undefined ? {} : { crl: { filename: tls.caCrl } }),
  };
  const credential = kind === 'router' && tls.credentialName ? tls.credentialName : undefined;
  const roots = tls.caCertificates || systemRoots;
  // Only an agent knows where its system keeps them: Envoy passes `system_root_certs` over, and verifies nothing then.
  const rootsSecret =
    credential !== undefined
      ? { name: rootsSecretName(credential), sdsConfig: controlPlaneSecrets }
      : roots === systemRoots
        ? { name: `${fileRoots}${systemRoots}`, sdsConfig: agentSecrets }
        : undefined;
  const validation: Partial<CommonTlsContext> =
    rootsSecret === undefined
      ? { validationContext: { trustedCa: { filename: roots }, ...named } }
      : {
          combinedValidationContext: {
            defaultValidationContext: named,
            validationContextSdsSecretConfig: rootsSecret,
          },
        };
  return tlsSocket(
    packAny(UpstreamTlsContext, {
      commonTlsContext: {
        tlsParams: minimum,
        ...ownCertificate(tls, credential),
        ...(verified ? validation : {}),
        ...(alpnProtocols.length === 0 ? {} : { alpnProtocols }),
      },
      ...(tls.sni === undefined ? {} : { sni: tls.sni }),
    }),
  );
}

/** What the client shows of itself: with mode MUTUAL the credential's certificate, else that of its files. */
function ownCertificate(tls: ClientTls, credential: string | undefined): Partial<CommonTlsContext> {
  if (credential !== undefined) {
    if (tls.mode !== 'MUTUAL') return {};
    const name = certificateSecretName(credential);
    return { tlsCertificateSdsSecretConfigs: [{ name, sdsConfig: controlPlaneSecrets }] };
  }
  const { clientCertificate, privateKey } = tls;
  if (clientCertificate === undefined || privateKey === undefined) return {};
  const [certificateChain, key] = [{ filename: clientCertificate }, { filename: privateKey }];
  return { tlsCertificates: [{ certificateChain, privateKey: key }] };
}
