import { readFileSync } from 'node:fs';
import { LateenError, type Clock } from '@lateen/core';
import type { Cluster as ClusterMessage } from '@lateen/protocol/envoy/config/cluster/v3';
import { createChannel, type Channel, type ChannelTls, type Metadata } from '@lateen/protocol/grpc';
import { clusterDecoder } from '../decode/resource.ts';
import type { DataSource, UpstreamTls } from '../model/index.ts';

export interface ControlPlaneOptions {
  readonly cluster: ClusterMessage;
  readonly clock: Clock;
  /** Asked at each call: a token may have changed. */
  readonly metadata: () => Metadata;
}

/** A gRPC channel to the first endpoint of a static cluster, with the TLS of the cluster. */
export function connectControlPlane(options: ControlPlaneOptions): Channel {
  const decoded = clusterDecoder.fromMessage(options.cluster);
  const name = options.cluster.name ?? '';
  if (!decoded.ok) throw new LateenError('EBOOTSTRAP', `cluster ${name} of the control plane is not usable`);
  const cluster = decoded.value.model;
  const address = cluster.loadAssignment?.localities[0]?.endpoints[0]?.address;
  if (address === undefined) {
    throw new LateenError('EBOOTSTRAP', `cluster ${name} of the control plane has no endpoint`, {
      hint: 'give it a load_assignment with a host and a port',
    });
  }
  const { transport } = cluster;
  return createChannel({
    target: address.kind === 'pipe' ? { path: address.path } : { host: address.address, port: address.port },
    ...(transport.kind === 'upstream_tls' ? { tls: () => tlsOf(transport) } : {}),
    metadata: options.metadata,
    connectTimeoutMs: cluster.connectTimeoutMs,
    clock: options.clock,
    userAgent: 'lateen-proxy',
  });
}

/** Files are read at each connect, so that a rotated root is seen. */
function tlsOf(transport: UpstreamTls): ChannelTls {
  const { validation, certificates } = transport.options;
  const certificate = certificates[0];
  return {
    ...(validation?.trustedCa === undefined ? {} : { ca: bytesOf(validation.trustedCa) }),
    ...(transport.sni === '' ? {} : { serverName: transport.sni }),
    ...(certificate === undefined
      ? {}
      : { cert: bytesOf(certificate.chain), key: bytesOf(certificate.privateKey) }),
  };
}

function bytesOf(source: DataSource): Buffer {
  if (source.kind === 'inline') return Buffer.from(source.bytes);
  if (source.kind === 'file') return readFileSync(source.path);
  throw new LateenError(
    'EBOOTSTRAP',
    `certificates cannot be in an environment variable (${source.variable})`,
  );
}
