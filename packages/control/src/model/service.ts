import type { PortProtocol } from '@lateen/config';
import type { Labels } from './labels.ts';

export interface ServicePort {
  /** Empty for the single port of a service that gives it no name. */
  readonly name: string;
  readonly port: number;
  readonly protocol: PortProtocol;
  /** Port of the endpoints, by number or by the name of a container's port. */
  readonly targetPort: number | string;
}

/**
 * How the endpoints of a service are found.
 *
 * - `known`: the mesh knows their addresses.
 * - `dns`: they are names, each resolved to all its addresses by the proxy.
 * - `logicalDns`: they are names, each standing for one address at a time.
 * - `passthrough`: the caller chose the address itself (headless services; services without endpoints of their own).
 */
export type Resolution = 'known' | 'dns' | 'logicalDns' | 'passthrough';

/** A service of the mesh, whatever platform it comes from. */
export interface Service {
  /** Full name: `reviews.default.svc.cluster.local`. */
  readonly hostname: string;
  readonly namespace: string;
  /** Name in its platform: `reviews`; the first host for a ServiceEntry. */
  readonly name: string;
  readonly origin: 'kubernetes' | 'serviceEntry';
  /** Virtual addresses or CIDR blocks; empty for headless services. */
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly resolution: Resolution;
  /** True for what is outside of the mesh: no sidecar answers there. */
  readonly meshExternal: boolean;
  /** Which workloads of its namespace answer; undefined where the endpoints are given otherwise. */
  readonly selector: Labels | undefined;
  readonly labels: Labels;
  /** Namespaces that see it: `*`, `.`, or names; `~` for none. */
  readonly exportTo: readonly string[];
  readonly createdMs: number;
  /** Names that its servers' certificates must have, beside those that are known. */
  readonly subjectAltNames: readonly string[];
  /** Endpoints that are part of the definition: those of a ServiceEntry, the name of an ExternalName service. */
  readonly inlineEndpoints: readonly InlineEndpoint[];
}

/** An endpoint that a service's definition holds. */
export interface InlineEndpoint {
  /** An IP address, a host name (with `dns`) or `unix:/path`. */
  readonly address: string;
  /** Ports by the names of the service's ports; others are the service's own. */
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Labels;
  readonly locality: string;
  readonly weight: number;
  readonly serviceAccount: string | undefined;
}

/** Names a service among all: two namespaces may define the same host. */
export function serviceId(service: { readonly namespace: string; readonly hostname: string }): string {
  return `${service.namespace}/${service.hostname}`;
}
