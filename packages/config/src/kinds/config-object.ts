import type { ConfigKindName, ConfigSpecs } from './config-kinds.ts';

/** What configuration keeps of `metadata`. */
export interface ConfigMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An object of one kind of configuration, valid. */
export interface Config<K extends ConfigKindName> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: ConfigMetadata;
  readonly spec: ConfigSpecs[K];
  readonly status?: unknown;
}

/** Any configuration; `kind` tells which. */
export type ConfigObject = { readonly [K in ConfigKindName]: Config<K> }[ConfigKindName];

export type VirtualService = Config<'VirtualService'>;
export type DestinationRule = Config<'DestinationRule'>;
export type Gateway = Config<'Gateway'>;
export type ServiceEntry = Config<'ServiceEntry'>;
export type Sidecar = Config<'Sidecar'>;
export type EnvoyFilter = Config<'EnvoyFilter'>;
export type WorkloadEntry = Config<'WorkloadEntry'>;
export type WorkloadGroup = Config<'WorkloadGroup'>;
export type ProxyConfig = Config<'ProxyConfig'>;
export type PeerAuthentication = Config<'PeerAuthentication'>;
export type RequestAuthentication = Config<'RequestAuthentication'>;
export type AuthorizationPolicy = Config<'AuthorizationPolicy'>;
export type Telemetry = Config<'Telemetry'>;
export type WasmPlugin = Config<'WasmPlugin'>;
export type IstioOperator = Config<'IstioOperator'>;
