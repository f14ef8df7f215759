import { readFileSync } from 'node:fs';
import { LateenError } from '@lateen/core';
import type { Cluster as ClusterMessage } from '@lateen/protocol/envoy/config/cluster/v3';
import type { ChannelTarget, ChannelTls } from '@lateen/protocol/grpc';
import { clusterDecoder } from '../decode/resource.ts';
import type { DataSource, TlsCertificate, UpstreamTls } from '../model/index.ts';
import { readCertificate } from '../tls/load-certificate.ts';

/** Where a control plane is reached that is asked by REST. */
export interface ControlPlaneEndpoint {
  readonly target: ChannelTarget;
  /** Undefined: plain text. Asked at each connect, so that a rotated root is seen. */
  readonly tls: (() => ChannelTls) | undefined;
}

/** The first endpoint of a static cluster. Throws where the cluster has none. */
export function controlPlaneEndpoint(message: ClusterMessage): ControlPlaneEndpoint {
  const decoded = clusterDecoder.fromMessage(message);
  const name = message.name ?? '';
  if (!decoded.ok) throw new LateenError('EBOOTSTRAP', `cluster ${name} of the control plane is not usable`);
  const cluster = decoded.value.model;
  const address = cluster.loadAssignment?.localities[0]?.endpoints[0]?.address;
  if (address === undefined) {
    throw new LateenError('EBOOTSTRAP', `cluster ${name} of the control plane has no endpoint`, {
      hint: 'give it a load_assignment with a host and a port',
    });
  }
  const { transport } = cluster;
  return {
    target: address.kind === 'pipe' ? { path: address.path } : { host: address.address, port: address.port },
    tls: transport.kind === 'upstream_tls' ? () => tlsOf(transport) : undefined,
  };
}

/** Files are read at each connect, so that a rotated root is seen. */
function tlsOf(transport: UpstreamTls): ChannelTls {
  const { validation, certificates } = transport.options;
  const certificate = certificates[0];
  return {
    ...(validation?.trustedCa === undefined ? {} : { ca: bytesOf(validation.trustedCa) }),
    ...(transport.sni === '' ? {} : { serverName: transport.sni }),
    ...(certificate === undefined ? {} : ownOf(certificate)),
  };
}

function ownOf(certificate: TlsCertificate): Pick<ChannelTls, 'cert' | 'key'> {
  if (certificate.format !== 'pkcs12')
    return { cert: bytesOf(certificate.chain), key: bytesOf(certificate.privateKey) };
  const read = readCertificate(certificate, 'tls_certificates[0]');
  if (read.ok) return { cert: read.value.chain, key: read.value.privateKey };
  throw new LateenError(
    'EBOOTSTRAP',
    read.problems.map(({ path, message }) => `${path}: ${message}`).join('; '),
  );
}

function bytesOf(source: DataSource): Buffer {
  if (source.kind === 'inline') return Buffer.from(source.bytes);
  if (source.kind === 'file') return readFileSync(source.path);
  throw new LateenError(
    'EBOOTSTRAP',
    `certificates cannot be in an environment variable (${source.variable})`,
  );
}
