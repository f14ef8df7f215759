import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { formatProblem, ok, problem, problems, type Problem, type Result } from '@lateen/core';
import { fromJson } from '@lateen/protocol';
import type { Bootstrap } from '@lateen/protocol/envoy/config/bootstrap/v3';
import * as bootstrap from '@lateen/protocol/envoy/config/bootstrap/v3';
import type {
  ApiConfigSource,
  ConfigSource as SourceMessage,
  Node,
} from '@lateen/protocol/envoy/config/core/v3';
import type { StatsConfig } from '@lateen/protocol/envoy/config/metrics/v3';
import { decodeIpAddress, decodeLocality } from '../decode/basics.ts';
import {
  decodeConfigSource,
  decodeGrpcTarget,
  decodeRequestRate,
  fetchTimeoutMs,
} from '../decode/config-source.ts';
import {
  adminPolicy,
  bootstrapPolicy,
  clusterManagerPolicy,
  dynamicResourcesPolicy,
  staticResourcesPolicy,
} from '../decode/bootstrap-policies.ts';
import { knownTypes } from '../decode/known-types.ts';
import {
  clusterDecoder,
  listenerDecoder,
  secretDecoder,
  type DecodedResource,
  type ResourceDecoder,
} from '../decode/resource.ts';
import { decodeOverload } from '../decode/overload.ts';
import { decodeStatsConfig, withStatTags } from '../decode/stats-config.ts';
import { decodeStatsSinks } from '../decode/stats-sinks.ts';
import type { FixedStatTag, StatsOptions } from '../model/stats.ts';
import { Scope } from '../decode/scope.ts';
import { Runtime } from '../runtime/runtime.ts';
import { decodeRuntimeLayers, type DecodedLayers } from '../decode/runtime-layers.ts';
import { repeatedStatics } from './repeated-statics.ts';
import { asControlPlane, clustersAsked } from '../xds/control-plane-cluster.ts';
import type { AdsSource } from '../xds/subscriptions.ts';
import { parseJsonObject } from '../config-text/json-text.ts';
import type { OverloadConfig } from '../model/overload.ts';
import type { Address, Cluster, ConfigSource, Listener, NodeIdentity, Secret } from '../model/index.ts';

/** What a bootstrap of Envoy says, decoded. */
export interface ProxyBootstrap {
  /** The message as it came: for the dump. */
  readonly message: Bootstrap;
  readonly node: Node;
  readonly identity: NodeIdentity;
  /** The cluster that the proxy is part of; empty: none. */
  readonly localClusterName: string;
  readonly admin: Address | undefined;
  /** Where profiles are written, without their suffix. */
  readonly profilePath: string;
  /** How statistics are named. */
  readonly stats: StatsOptions;
  /** What {@link stats} was read from: with the tags of the command line. */
  readonly statsConfig: StatsConfig;
  /** Those tags, as they were given. */
  readonly statTags: readonly FixedStatTag[];
  readonly listeners: readonly DecodedResource<Listener>[];
  readonly clusters: readonly DecodedResource<Cluster>[];
  readonly secrets: readonly Secret[];
  readonly ads: AdsSource | undefined;
  /** Names of the static clusters that configuration is asked for through, by gRPC. */
  readonly controlPlanes: ReadonlySet<string>;
  /** Where listeners and clusters come from besides the static ones. */
  /** What can be changed while the proxy runs, and what changes it. */
  readonly runtime: Runtime;
  readonly runtimeLayers: DecodedLayers;
  /** Undefined where nothing is done about overload. */
  readonly overload: OverloadConfig | undefined;
  readonly lds: ConfigSource | undefined;
  readonly cds: ConfigSource | undefined;
  /** How long the first of them are waited for; 0: for ever. */
  readonly firstTimeoutMs: { readonly clusters: number; readonly listeners: number };
}

/** What the command line says over the bootstrap: of the node, and of statistics. */
export interface BootstrapOverrides {
  readonly id?: string | undefined;
  readonly cluster?: string | undefined;
  readonly zone?: string | undefined;
  readonly statTags?: readonly FixedStatTag[];
}

/** Reads a bootstrap from plain JSON values. All problems are found, with their paths. */
export function decodeBootstrap(json: unknown, overrides: BootstrapOverrides = {}): Result<ProxyBootstrap> {
  const parsed = fromJson(bootstrap.Bootstrap, json, { registry: knownTypes });
  return parsed.ok ? decodeBootstrapMessage(parsed.value, overrides) : parsed;
}

/** Reads a bootstrap from Envoy's message. All problems are found, with their paths. */
export function decodeBootstrapMessage(
  message: Bootstrap,
  overrides: BootstrapOverrides = {},
): Result<ProxyBootstrap> {
  const wrong: Problem[] = [];
  const scope = Scope.root();
  scope.check(bootstrapPolicy, message);
  scope.at('admin').check(adminPolicy, message.admin ?? {});
  scope.at('clusterManager').check(clusterManagerPolicy, message.clusterManager ?? {});
  scope.at('staticResources').check(staticResourcesPolicy, message.staticResources ?? {});
  scope.at('dynamicResources').check(dynamicResourcesPolicy, message.dynamicResources ?? {});
  const node = nodeOf(message.node ?? {}, overrides);
  const { statTags = [] } = overrides;
  const statsConfig = withStatTags(message.statsConfig ?? {}, statTags);
  const runtimeLayers = decodeRuntimeLayers(
    scope.at('layeredRuntime'),
    message.layeredRuntime,
    node.cluster ?? '',
  );
  const runtime = new Runtime(runtimeLayers.layers);
  const take = <M, T>(path: string, list: readonly M[] | undefined, decoder: ResourceDecoder<M, T>) =>
    (list ?? []).flatMap((item, i) => {
      const decoded = decoder.fromMessage(item, runtime);
      const at = `static_resources.${path}[${i}]`;
      if (decoded.ok) {
        for (const [reference, source] of decoded.value.sources) {
          const problem = clusterProblem(message, source);
          if (problem !== undefined) wrong.push({ path: at, message: `source of ${reference}: ${problem}` });
        }
        return [decoded.value];
      }
      wrong.push(...decoded.problems.map((p) => ({ ...p, path: p.path === '' ? at : `${at}.${p.path}` })));
      return [];
    });
  const statics = message.staticResources;
  const admin =
    message.admin?.address === undefined
      ? undefined
      : decodeIpAddress(scope.at('admin').at('address'), message.admin.address);
  const ads = decodeAds(scope.at('dynamicResources').at('adsConfig'), message);
  const lds = decodeSource(
    scope.at('dynamicResources').at('ldsConfig'),
    message,
    message.dynamicResources?.ldsConfig,
  );
  const cds = decodeSource(
    scope.at('dynamicResources').at('cdsConfig'),
    message,
    message.dynamicResources?.cdsConfig,
  );
  const listeners = take('listeners', statics?.listeners, listenerDecoder).map(named);
  const clusters = take('clusters', statics?.clusters, clusterDecoder);
  const asked = clustersAsked([
    ...(ads === undefined ? [] : [{ kind: 'grpc' as const, ...ads }]),
    lds,
    cds,
    ...[...runtimeLayers.rtds.values()].map(({ source }) => source),
    ...[...listeners, ...clusters].flatMap(({ sources }) => [...sources.values()]),
  ]);
  const value: ProxyBootstrap = {
    message,
    node,
    identity: {
      id: node.id ?? '',
      cluster: node.cluster ?? '',
      ...(node.locality === undefined ? {} : { locality: decodeLocality(node.locality) }),
      metadata: node.metadata ?? {},
    },
    profilePath: message.admin?.profilePath ?? '/var/log/envoy/envoy.prof',
    localClusterName: message.clusterManager?.localClusterName ?? '',
    admin,
    stats: {
      ...decodeStatsConfig(scope.at('statsConfig'), statsConfig),
      sinks: decodeStatsSinks(scope.at('statsSinks'), message.statsSinks ?? []),
      flushIntervalMs: flushIntervalOf(scope, message),
    },
    statsConfig,
    statTags,
    listeners,
    clusters: clusters.map((decoded) => {
      const by = asked.get(decoded.model.name);
      return by === undefined ? decoded : { ...decoded, model: asControlPlane(decoded.model, by) };
    }),
    controlPlanes: new Set(asked.keys()),
    secrets: take('secrets', statics?.secrets, secretDecoder).map((decoded) => decoded.model),
    ads,
    runtime,
    runtimeLayers,
    overload:
      message.overloadManager === undefined
        ? undefined
        : decodeOverload(scope.at('overloadManager'), message.overloadManager),
    firstTimeoutMs: {
      clusters: fetchTimeoutMs(message.dynamicResources?.cdsConfig),
      listeners: fetchTimeoutMs(message.dynamicResources?.ldsConfig),
    },
    lds,
    cds,
  };
  wrong.push(...repeatedStatics(value));
  const checked = scope.result(value);
  if (!checked.ok) wrong.push(...checked.problems);
  return wrong.length > 0 ? problems(wrong) : ok(value);
}

/** As Envoy, a listener without a name is given one. */
function named(decoded: DecodedResource<Listener>): DecodedResource<Listener> {
  if (decoded.model.name !== '') return decoded;
  return { ...decoded, model: { ...decoded.model, name: randomUUID() } };
}

function nodeOf(node: Node, overrides: BootstrapOverrides): Node {
  const zone = overrides.zone;
  return {
    ...node,
    id: overrides.id ?? node.id ?? '',
    cluster: overrides.cluster ?? node.cluster ?? '',
    ...(zone === undefined ? {} : { locality: { ...node.locality, zone } }),
    userAgentName: 'lateen',
    clientFeatures: ['envoy.lb.does_not_support_overprovisioning'],
  };
}

const defaultFlushIntervalMs = 5_000;
const shortestFlushIntervalMs = 1;
const longestFlushIntervalMs = 300_000;

/** How often sinks of statistics are told; undefined: when the admin port is asked for statistics. */
function flushIntervalOf(scope: Scope, message: Bootstrap): number | undefined {
  const { statsFlushInterval: intervalMs, statsFlushOnAdmin } = message;
  if (
    intervalMs !== undefined &&
    !(intervalMs >= shortestFlushIntervalMs && intervalMs < longestFlushIntervalMs)
  )
    scope.at('statsFlushInterval').fail('must be at least 1 ms and less than 300 s');
  if (statsFlushOnAdmin === undefined) return intervalMs ?? defaultFlushIntervalMs;
  const at = scope.at('statsFlushOnAdmin');
  if (!statsFlushOnAdmin) at.fail('must be true where it is given');
  if (intervalMs !== undefined) at.fail('cannot be together with stats_flush_interval');
  return undefined;
}

function decodeSource(
  scope: Scope,
  message: Bootstrap,
  source: SourceMessage | undefined,
): ConfigSource | undefined {
  if (source === undefined) return undefined;
  const decoded = decodeConfigSource(scope, source);
  if (decoded.kind === 'ads' && message.dynamicResources?.adsConfig === undefined) {
    scope.fail('refers to ads, and there is no ads_config');
  }
  const problem = clusterProblem(message, decoded);
  if (problem !== undefined) scope.fail(problem);
  return decoded;
}

/** As Envoy: a control plane must be one of the static clusters. */
function clusterProblem(message: Bootstrap, source: ConfigSource): string | undefined {
  // As Envoy: what is to be watched must be there.
  if (source.kind === 'file')
    return existsSync(source.path) ? undefined : `${source.path} does not exist: write it before the start`;
  if (source.kind === 'ads') return undefined;
  return missingCluster(message, source.kind === 'rest' ? source.cluster : source.target.cluster);
}

function missingCluster(message: Bootstrap, name: string): string | undefined {
  if (message.staticResources?.clusters?.some((cluster) => cluster.name === name) === true) return undefined;
  return `cluster "${name}" is not among static_resources.clusters`;
}

function decodeAds(scope: Scope, message: Bootstrap): AdsSource | undefined {
  const config = message.dynamicResources?.adsConfig;
  if (config === undefined) return undefined;
  const variant = variantOf(scope, config);
  const target = decodeGrpcTarget(scope, config);
  const missing = target.cluster === '' ? undefined : missingCluster(message, target.cluster);
  if (missing !== undefined) scope.at('grpcServices').at(0).fail(missing);
  return { target, variant, ...decodeRequestRate(scope, config) };
}

function variantOf(scope: Scope, config: ApiConfigSource): 'delta' | 'sotw' {
  switch (config.apiType) {
    case 'DELTA_GRPC':
    case 'AGGREGATED_DELTA_GRPC':
      return 'delta';
    case 'GRPC':
    case 'AGGREGATED_GRPC':
      return 'sotw';
    default:
      scope.at('apiType').fail(`${config.apiType ?? 'nothing'} is not supported: use GRPC or DELTA_GRPC`);
      return 'sotw';
  }
}

/** Reads a bootstrap from text; problems name file, line and column. */
export async function readBootstrap(
  text: string,
  file: string,
  overrides: BootstrapOverrides = {},
): Promise<Result<ProxyBootstrap>> {
  // Plain JSON without problems needs no YAML parser: it costs more to load than to use.
  const json = parseJsonObject(text);
  if (json !== undefined) {
    const decoded = decodeBootstrap(json, overrides);
    if (decoded.ok) return decoded;
  }
  const { parseText } = await import('../config-text/located-text.ts');
  const parsed = parseText(text, file);
  if (!parsed.ok) return parsed;
  if (parsed.value.value === null) return problem('', `${file} is empty`);
  const decoded = decodeBootstrap(parsed.value.value, overrides);
  return decoded.ok ? decoded : problems(parsed.value.locate(decoded.problems));
}

/** Lays one plain JSON value over another, as Envoy does with `--config-yaml`: objects are merged, lists joined. */
export function mergeJson(base: unknown, over: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(over)) return [...(base as unknown[]), ...(over as unknown[])];
  if (!isObject(base) || !isObject(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    merged[key] = key in merged ? mergeJson(merged[key], value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The problems of a bootstrap as the lines of one message. */
export function formatProblems(list: readonly Problem[]): string {
  return list.map(formatProblem).join('\n  ');
}
