import { problem, ok, type Result } from '@lateen/core';
import type { JsonObject } from '@lateen/protocol';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import { topologyOfNode } from '../model/gateway-topology.ts';
import type { Labels } from '../model/labels.ts';
import type { Proxy } from '../model/proxy.ts';

/**
 * What a proxy says about itself in its first request.
 *
 * The id is `sidecar~10.244.0.7~reviews-v1-abc.default~default.svc.cluster.local` (Istio's
 * service-node); the metadata is Istio's: `NAMESPACE`, `LABELS`, `SERVICE_ACCOUNT`, `POD_PORTS`, …
 */
export function decodeNode(node: Node | undefined): Result<Proxy> {
  const id = node?.id ?? '';
  const [type, address, nameAndNamespace, domain, ...more] = id.split('~');
  if (domain === undefined || more.length > 0) {
    return problem('node.id', `must be TYPE~ADDRESS~NAME.NAMESPACE~DOMAIN, not "${id}"`);
  }
  const kind = type === 'sidecar' || type === 'router' ? type : undefined;
  if (kind === undefined) return problem('node.id', `must begin with sidecar or router, not "${type}"`);
  const metadata = node?.metadata ?? {};
  const dot = (nameAndNamespace ?? '').lastIndexOf('.');
  const namespaceOfId = dot === -1 ? domain.split('.')[0] : nameAndNamespace?.slice(dot + 1);
  const namespace = textOf(metadata, 'NAMESPACE') ?? namespaceOfId ?? '';
  if (namespace === '') return problem('node.id', 'must name a namespace');
  const labels = labelsOf(metadata);
  const topology = kind === 'router' ? topologyOfNode(metadata) : ok({});
  if (!topology.ok) return topology;
  const { region, zone, subZone } = node?.locality ?? {};
  return ok({
    id,
    kind,
    addresses: addressesOf(metadata, address ?? ''),
    namespace,
    name:
      textOf(metadata, 'NAME') ??
      (dot === -1 ? (nameAndNamespace ?? '') : (nameAndNamespace ?? '').slice(0, dot)),
    labels,
    serviceAccount: textOf(metadata, 'SERVICE_ACCOUNT') ?? '',
    version: textOf(metadata, 'ISTIO_VERSION') ?? '',
    metadata: textsOf(metadata),
    locality: [region ?? '', zone ?? '', subZone ?? ''].join('/').replace(/\/+$/, ''),
    network: textOf(metadata, 'NETWORK') ?? '',
    namedPorts: namedPortsOf(metadata['POD_PORTS']),
    interception: interceptionOf(textOf(metadata, 'INTERCEPTION_MODE')),
    topology: topology.value,
  });
}

function textOf(metadata: JsonObject, name: string): string | undefined {
  const value = metadata[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function textsOf(metadata: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

function labelsOf(metadata: JsonObject): Labels {
  const labels: Record<string, string> = {};
  const source = metadata['LABELS'];
  if (typeof source !== 'object' || source === null) return labels;
  for (const [name, value] of Object.entries(source)) if (typeof value === 'string') labels[name] = value;
  return labels;
}

function addressesOf(metadata: JsonObject, fallback: string): string[] {
  const listed = (textOf(metadata, 'INSTANCE_IPS') ?? '').split(',').filter((ip) => ip !== '');
  return listed.length > 0 ? listed : [fallback];
}

/** `[{"name":"http","containerPort":80}]`, as a list or as its JSON text. */
function namedPortsOf(value: unknown): Readonly<Record<string, number>> {
  const ports: Record<string, number> = {};
  let list = value;
  if (typeof value === 'string') {
    try {
      list = JSON.parse(value);
    } catch {
      return ports;
    }
  }
  if (!Array.isArray(list)) return ports;
  for (const entry of list as readonly { readonly name?: unknown; readonly containerPort?: unknown }[]) {
    if (typeof entry?.name === 'string' && typeof entry.containerPort === 'number') {
      ports[entry.name] = entry.containerPort;
    }
  }
  return ports;
}

function interceptionOf(mode: string | undefined): Proxy['interception'] {
  return mode === 'TPROXY' || mode === 'NONE' ? mode : 'REDIRECT';
}
