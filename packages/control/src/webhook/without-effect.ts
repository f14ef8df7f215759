import { isObject, joinPath, type ConfigKindName, type ConfigObject } from '@lateen/config';

/** Kinds that are kept and not yet put in force, with what that means for whoever counts on them. */
const idleKinds: { readonly [K in ConfigKindName]?: string } = {
  Telemetry: 'metrics, traces and logs stay as they are',
  WasmPlugin: 'no plugin is loaded by it',
  ProxyConfig: 'no proxy is changed by it',
};

const captured = 'ports are captured as the annotations of the pod say';

/** Fields below `spec` that are kept and not yet put in force, in kinds that are; `[]` stands for each element of a list. */
const idleFields: { readonly [K in ConfigKindName]?: Readonly<Record<string, string>> } = {
  Gateway: {
    'servers[].bind': 'the gateway listens on all addresses',
    'servers[].defaultEndpoint': 'requests go where VirtualServices say',
  },
  Sidecar: {
    'ingress[].bind': 'the port is open at all addresses of the pod',
    'ingress[].captureMode': captured,
    'ingress[].tls': 'the port takes what PeerAuthentication says',
    'ingress[].connectionPool': 'inbound connections have no limits',
    inboundConnectionPool: 'inbound connections have no limits',
    'outboundTrafficPolicy.egressProxy': 'unknown traffic goes where the client sends it',
    'egress[].port': 'the hosts are open at all their ports',
    'egress[].bind': 'listeners are bound to the addresses of the services',
    'egress[].captureMode': captured,
  },
};

/** Where a DestinationRule may say which secret a client's TLS is made of. */
const clientCredentials = ['trafficPolicy', 'subsets[].trafficPolicy'].flatMap((policy) => [
  `${policy}.tls.credentialName`,
  `${policy}.portLevelSettings[].tls.credentialName`,
]);

/** Rules for some workloads alone: their sidecars would follow the secret in Istio; without a selector gateways alone do. */
function unreadCredentials(spec: unknown): string[] {
  if (!isObject(spec) || spec['workloadSelector'] === undefined) return [];
  return clientCredentials.flatMap((field) =>
    placesOf(spec, field.split('.'), 'spec').map(
      (path) =>
        `${path} is NOT IN FORCE at sidecars: gateways alone read secrets; name files in clientCertificate, privateKey and caCertificates, or send the traffic through an egress gateway`,
    ),
  );
}

/** The warnings for what is accepted and has no effect in an object; none where all of it is in force. */
export function warningsOfNoEffect({
  kind,
  metadata,
  spec,
}: Pick<ConfigObject, 'kind' | 'metadata' | 'spec'>): string[] {
  const idle = idleKinds[kind];
  if (idle !== undefined)
    return [
      `${kind} ${metadata.name} is kept but NOT IN FORCE: this version does not act on the kind, ${idle}`,
    ];
  const unread = kind === 'DestinationRule' ? unreadCredentials(spec) : [];
  const idleHere = Object.entries(idleFields[kind] ?? {}).flatMap(([field, consequence]) =>
    placesOf(spec, field.split('.'), 'spec').map(
      (path) => `${path} is kept but NOT IN FORCE: this version does not act on it, ${consequence}`,
    ),
  );
  return [...idleHere, ...unread];
}

/** Where a field is said, as paths. */
function placesOf(value: unknown, [step, ...more]: readonly string[], path: string): string[] {
  if (step === undefined) return [path];
  const name = step.replace('[]', '');
  const inner = isObject(value) ? value[name] : undefined;
  if (inner === undefined || inner === null) return [];
  const at = joinPath(path, name);
  if (!step.endsWith('[]')) return placesOf(inner, more, at);
  return Array.isArray(inner)
    ? inner.flatMap((element, index) => placesOf(element, more, `${at}[${index}]`))
    : [];
}
