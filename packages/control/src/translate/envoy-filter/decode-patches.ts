import type { EnvoyFilterSpec } from '@lateen/config';
import type { Problem } from '@lateen/core';
import { fromJson, type AnyMessageType, type TypeRegistry } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { Filter, FilterChain, Listener, ListenerFilter } from '@lateen/protocol/envoy/config/listener/v3';
import { Route, RouteConfiguration, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import { HttpFilter } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { EnvoyFilterPatch, PatchOperation, PatchedKind } from '../../model/envoy-filter.ts';

/** The message that a patch changes or adds. */
const typeOfKind: { readonly [K in PatchedKind]: AnyMessageType } = {
  LISTENER: Listener,
  FILTER_CHAIN: FilterChain,
  LISTENER_FILTER: ListenerFilter,
  NETWORK_FILTER: Filter,
  HTTP_FILTER: HttpFilter,
  ROUTE_CONFIGURATION: RouteConfiguration,
  VIRTUAL_HOST: VirtualHost,
  HTTP_ROUTE: Route,
  CLUSTER: Cluster,
  EXTENSION_CONFIG: TypedExtensionConfig,
};

const inserts = ['INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST'] as const;

/** What can be done with a kind; Istio passes over all else. */
const operationsOf: { readonly [K in PatchedKind]: readonly PatchOperation[] } = {
  LISTENER: ['MERGE', 'ADD', 'REMOVE'],
  FILTER_CHAIN: ['MERGE', 'ADD', 'REMOVE'],
  LISTENER_FILTER: ['ADD', 'REMOVE', 'REPLACE', ...inserts],
  NETWORK_FILTER: ['MERGE', 'ADD', 'REMOVE', 'REPLACE', ...inserts],
  HTTP_FILTER: ['MERGE', 'ADD', 'REMOVE', 'REPLACE', ...inserts],
  ROUTE_CONFIGURATION: ['MERGE'],
  VIRTUAL_HOST: ['MERGE', 'ADD', 'REMOVE', 'REPLACE'],
  HTTP_ROUTE: ['MERGE', 'ADD', 'REMOVE', ...inserts],
  CLUSTER: ['MERGE', 'ADD', 'REMOVE'],
  EXTENSION_CONFIG: ['ADD'],
};

const isKind = (applyTo: string): applyTo is PatchedKind => applyTo in typeOfKind;

/** Filters that run programs of others: our proxies refuse the listener that has one. */
const programs = /^type\.googleapis\.com\/envoy\.extensions\.filters\.(http|network)\.(lua|wasm|golang)\./;

/** The patches of an EnvoyFilter, what is wrong in it, and what will not do what its author may hope for. */
export interface DecodedPatches {
  readonly patches: readonly EnvoyFilterPatch[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Reads the patches of a valid EnvoyFilter as messages of Envoy's. */
export function decodePatches(spec: EnvoyFilterSpec, registry: TypeRegistry): DecodedPatches {
  const patches: EnvoyFilterPatch[] = [];
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const [index, { applyTo = 'INVALID', match = {}, patch }] of (spec.configPatches ?? []).entries()) {
    const path = `spec.configPatches[${index}]`;
    const operation = patch?.operation ?? 'INVALID';
    if (!isKind(applyTo)) {
      warnings.push({
        path: `${path}.applyTo`,
        message: `${applyTo} is not acted on: the patch has no effect`,
      });
      continue;
    }
    if (!operationsOf[applyTo].includes(operation)) {
      const message = `${operation} does nothing to ${applyTo}: the patch has no effect`;
      warnings.push({ path: `${path}.patch.operation`, message });
      continue;
    }
    const read =
      operation === 'REMOVE' ? undefined : fromJson(typeOfKind[applyTo], patch?.value, { registry });
    if (read?.ok === false) {
      for (const problem of read.problems) {
        problems.push({ ...problem, path: joined(`${path}.patch.value`, problem.path) });
      }
      continue;
    }
    const program = read === undefined ? undefined : programType(patch?.value);
    if (program !== undefined) {
      const message = `${program} runs programs of others: Lateen's proxies refuse the listener and keep the one they have`;
      warnings.push({ path: `${path}.patch.value`, message });
    }
    patches.push({ path, applyTo, operation, match, value: read?.value as object | undefined, registry });
  }
  return { patches, problems, warnings };
}

function joined(path: string, rest: string): string {
  if (rest === '') return path;
  return rest.startsWith('[') ? `${path}${rest}` : `${path}.${rest}`;
}

/** The first type somewhere in a value that is a filter for programs; also by a TypedStruct. */
function programType(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.map(programType).find((found) => found !== undefined);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const isType = key === '@type' || key === 'type_url' || key === 'typeUrl';
    if (isType && typeof inner === 'string' && programs.test(inner)) return inner.replace(/^.*\//, '');
    const found = programType(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
