import type { ServerTls } from '@lateen/config';
import { packAny } from '@lateen/protocol';
import type { TransportSocket } from '@lateen/protocol/envoy/config/core/v3';
import {
  DownstreamTlsContext,
  type CommonTlsContext,
  type TlsParameters,
} from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { controlPlaneSecrets, meshServerSocket } from './tls-context.ts';
import { certificateSecretName, rootsSecretName } from './gateway-secret.ts';

const versions: Readonly<Record<string, TlsParameters['tlsMinimumProtocolVersion']>> = {
  TLSV1_0: 'TLSv1_0',
  TLSV1_1: 'TLSv1_1',
  TLSV1_2: 'TLSv1_2',
  TLSV1_3: 'TLSv1_3',
};

/** The TLS that a gateway's server ends; undefined where the server does not say with what. */
export function gatewayServerSocket(
  tls: ServerTls,
  content: 'http' | 'tcp',
  trustDomain: string,
): TransportSocket | undefined {
  if (tls.mode === 'ISTIO_MUTUAL') return meshServerSocket(trustDomain, content);
  const identity = identityOf(tls);
  if (identity === undefined) return undefined;
  const asksClients = tls.mode === 'MUTUAL' || tls.mode === 'OPTIONAL_MUTUAL';
  const maximum = versions[tls.maxProtocolVersion ?? ''];
  return {
    name: 'envoy.transport_sockets.tls',
    typedConfig: packAny(DownstreamTlsContext, {
      commonTlsContext: {
        tlsParams: {
          tlsMinimumProtocolVersion: versions[tls.minProtocolVersion ?? ''] ?? 'TLSv1_2',
          ...(maximum === undefined ? {} : { tlsMaximumProtocolVersion: maximum }),
          ...(tls.cipherSuites === undefined ? {} : { cipherSuites: tls.cipherSuites }),
        },
        ...identity,
        ...(asksClients ? clientsOf(tls) : {}),
        ...(content === 'http' ? { alpnProtocols: ['h2', 'http/1.1'] } : {}),
      },
      requireClientCertificate: tls.mode === 'MUTUAL',
    }),
  };
}

function identityOf(
  tls: ServerTls,
): Pick<CommonTlsContext, 'tlsCertificates' | 'tlsCertificateSdsSecretConfigs'> | undefined {
  if (tls.credentialName !== undefined && tls.credentialName !== '') {
    const name = certificateSecretName(tls.credentialName);
    return { tlsCertificateSdsSecretConfigs: [{ name, sdsConfig: controlPlaneSecrets }] };
  }
  const { serverCertificate, privateKey } = tls;
  if (serverCertificate === undefined || privateKey === undefined) return undefined;
  return {
    tlsCertificates: [
      { certificateChain: { filename: serverCertificate }, privateKey: { filename: privateKey } },
    ],
  };
}

function clientsOf(
  tls: ServerTls,
): Pick<CommonTlsContext, 'combinedValidationContext' | 'validationContext'> {
  const names = (tls.subjectAltNames ?? []).map((exact) => ({ sanType: 'DNS' as const, matcher: { exact } }));
  const checks = {
    ...(names.length === 0 ? {} : { matchTypedSubjectAltNames: names }),
    ...(tls.verifyCertificateSpki === undefined ? {} : { verifyCertificateSpki: tls.verifyCertificateSpki }),
    ...(tls.verifyCertificateHash === undefined ? {} : { verifyCertificateHash: tls.verifyCertificateHash }),
  };
  if (tls.credentialName !== undefined && tls.credentialName !== '') {
    return {
      combinedValidationContext: {
        defaultValidationContext: checks,
        validationContextSdsSecretConfig: {
          name: rootsSecretName(tls.credentialName),
          sdsConfig: controlPlaneSecrets,
        },
      },
    };
  }
  const roots = tls.caCertificates === undefined ? {} : { trustedCa: { filename: tls.caCertificates } };
  return { validationContext: { ...checks, ...roots } };
}
