import type {
  AuthorizationPolicySpec,
  DestinationRuleSpec,
  EnvoyFilterSpec,
  GatewaySpec,
  PeerAuthenticationSpec,
  RequestAuthenticationSpec,
  ServiceEntrySpec,
  SidecarSpec,
  VirtualServiceSpec,
  WorkloadEntrySpec,
} from '@lateen/config';
import type { Labels } from './labels.ts';

/** An object of configuration, valid as far as it can be judged alone. */
export interface ConfigObject<Spec> {
  readonly namespace: string;
  readonly name: string;
  readonly createdMs: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: Spec;
}

/** With its hosts and gateways named in full. */
export interface VirtualService extends ConfigObject<VirtualServiceSpec> {
  readonly hosts: readonly string[];
  /** `mesh`, or `namespace/name`. */
  readonly gateways: readonly string[];
}

/** With its host named in full. */
export interface DestinationRule extends ConfigObject<DestinationRuleSpec> {
  readonly host: string;
}

export type Gateway = ConfigObject<GatewaySpec>;
export type ServiceEntry = ConfigObject<ServiceEntrySpec>;
export type Sidecar = ConfigObject<SidecarSpec>;
export type WorkloadEntry = ConfigObject<WorkloadEntrySpec>;
export type PeerAuthentication = ConfigObject<PeerAuthenticationSpec>;
export type RequestAuthentication = ConfigObject<RequestAuthenticationSpec>;
export type EnvoyFilter = ConfigObject<EnvoyFilterSpec>;
export type AuthorizationPolicy = ConfigObject<AuthorizationPolicySpec>;

/** `namespace/name`. */
export function objectKey(object: { readonly namespace: string; readonly name: string }): string {
  return `${object.namespace}/${object.name}`;
}

/**
 * Orders objects that compete: the older first, then by namespace and name, as Istio decides
 * conflicts between rules for the same host.
 */
export function byAge(
  a: { readonly createdMs: number; readonly namespace: string; readonly name: string },
  b: { readonly createdMs: number; readonly namespace: string; readonly name: string },
): number {
  return a.createdMs - b.createdMs || compareText(objectKey(a), objectKey(b));
}

/** Orders text by code units, independent of the locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
