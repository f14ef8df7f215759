import { messageOf, type Problem } from '@lateen/core';
import { Upkeep } from './upkeep.ts';
import { discoveredFilter } from './discovered.ts';
import type { HttpFilter, HttpFilterConfig } from '../model/http-filter.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import type { CompressorChain } from './compression/compressor.ts';
import { corsFilter } from './cors.ts';
import { faultFilter } from './fault.ts';
import { bufferFilter } from './buffer.ts';
import { grpcWebFilter } from './grpc-web.ts';
import { headerMutationFilter } from './header-mutation.ts';
import type { CompiledHttpFilter } from './http-filter.ts';
import { healthCheckFilter } from './health-check.ts';
import { onDemandFilter } from './on-demand.ts';
import { localRateLimitFilter } from './rate-limit/local-rate-limit.ts';
import { peerMetadataFilter } from './peer-metadata.ts';
import { rbacFilter } from './rbac.ts';
import type { FilterServices } from './filter-services.ts';

/** The filters that upgrades have in place of those of their connection manager; undefined where none has. */
export function compileUpgradeFilters(
  model: HttpConnectionManager,
  path: string,
  problems: Problem[],
  manager: Parameters<typeof compileHttpFilters>[3],
  services: FilterServices,
): ReadonlyMap<string, readonly CompiledHttpFilter[]> | undefined {
  const chains = new Map<string, readonly CompiledHttpFilter[]>();
  model.upgrades.forEach(({ type, filters }, i) => {
    if (filters === undefined) return;
    const at = `${path}.upgrade_configs[${i}].filters`;
    chains.set(type, compileHttpFilters(filters, at, problems, manager, services));
  });
  return chains.size === 0 ? undefined : chains;
}

/** Ends a chain that stands for one filter. */
const bareRouter: HttpFilter = {
  name: '',
  config: { kind: 'router', suppressEnvoyHeaders: false },
  disabled: false,
};

function refusing(name: string): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      exchange.reply(500, '', 'filter_config_not_usable');
      return 'stop';
    },
  };
}

/** The filters of a chain that have something to do, in order; what cannot be enforced here becomes a problem. */
export function compileHttpFilters(
  filters: readonly HttpFilter[],
  path: string,
  problems: Problem[],
  manager: { readonly direction: 'unspecified' | 'inbound' | 'outbound'; readonly statPrefix: string },
  services: FilterServices,
): CompiledHttpFilter[] {
  const compiled: CompiledHttpFilter[] = [];
  let compressors: CompressorChain | undefined;
  if (filters.at(-1)?.config.kind !== 'router') {
    problems.push({ path, message: 'the last HTTP filter must be the router' });
  }
  const push = (filter: CompiledHttpFilter, disabled: boolean): void =>
    void compiled.push(disabled ? { ...filter, disabled } : filter);
  filters.forEach(({ name, config, disabled }, i) => {
    const pushLazy = <M>(module: M | undefined, create: (module: M) => CompiledHttpFilter): void => {
      if (module === undefined) throw new Error(`the code of ${config.kind} is not loaded`);
      try {
        push(create(module), disabled);
      } catch (error) {
        // A regular expression that RE2 does not take.
        problems.push({ path: `${path}[${i}]`, message: messageOf(error) });
      }
    };
    switch (config.kind) {
      case 'buffer':
        push(bufferFilter(name, config.maxRequestBytes), disabled);
        break;
      case 'header_mutation':
        push(
          headerMutationFilter(name, config.mutations, config.mostSpecificWins, `${path}[${i}]`, problems),
          disabled,
        );
        break;
      case 'grpc_web':
        push(grpcWebFilter(name), disabled);
        break;
      case 'cors':
        push(corsFilter(name, config.policy, services.corsStats(manager.statPrefix)), disabled);
        break;
      case 'peer_metadata':
        push(peerMetadataFilter(name, manager.direction, services.introduction, services.peers), disabled);
        break;
      case 'fault':
        push(faultFilter(name, config.policy, services.faultStats(manager.statPrefix)), disabled);
        break;
      case 'rbac':
        try {
          push(rbacFilter(name, config, services.rbacReports('http', manager.statPrefix)), disabled);
        } catch (error) {
          problems.push({ path: `${path}[${i}]`, message: messageOf(error) });
        }
        break;
      case 'health_check':
        push(
          healthCheckFilter(name, config, manager.statPrefix, services, `${path}[${i}]`, problems),
          disabled,
        );
        break;
      case 'discovered': {
        let upkeep = new Upkeep();
        services.upkeep.add({ start: () => upkeep.start(), stop: () => upkeep.stop() });
        const compileOne = (own: HttpFilterConfig): CompiledHttpFilter | undefined => {
          const bad: Problem[] = [];
          const chain = [{ name, config: own, disabled: false }, bareRouter];
          upkeep.stop();
          upkeep = new Upkeep();
          const [filter] = compileHttpFilters(chain, path, bad, manager, { ...services, upkeep });
          void upkeep.start();
          // What cannot be enforced lets nothing through.
          return bad.length === 0 ? filter : refusing(name);
        };
        push(discoveredFilter(name, config, services.extensions, compileOne), disabled);
        break;
      }
      case 'on_demand':
        push(onDemandFilter(name, config, services.onDemand), disabled);
        break;
      case 'local_rate_limit':
        push(localRateLimitFilter(name, config.limit, services, `${path}[${i}]`, problems), disabled);
        break;
      case 'compressor':
        pushLazy(services.lazy.compressor, (module) => {
          compressors ??= new module.CompressorChain(filters);
          return module.compressorFilter(name, config.compressor, compressors, manager.statPrefix, services);
        });
        break;
      case 'stateful_session':
        pushLazy(services.lazy.statefulSession, (module) =>
          module.statefulSessionFilter(name, config.session, services.clock),
        );
        break;
      case 'csrf':
        pushLazy(services.lazy.csrf, (module) =>
          module.csrfFilter(name, config.policy, manager.statPrefix, services),
        );
        break;
      case 'decompressor':
        pushLazy(services.lazy.decompressor, (module) =>
          module.decompressorFilter(name, config.decompressor, manager.statPrefix, services),
        );
        break;
      case 'bandwidth_limit':
        pushLazy(services.lazy.bandwidthLimit, (module) =>
          module.bandwidthLimitFilter(name, config.limit, services, `${path}[${i}]`),
        );
        break;
      case 'adaptive_concurrency':
        pushLazy(services.lazy.adaptiveConcurrency, (module) =>
          module.adaptiveConcurrencyFilter(name, config.rules, manager.statPrefix, services, `${path}[${i}]`),
        );
        break;
      case 'istio_authn':
        pushLazy(services.lazy.istioAuthn, (module) => module.istioAuthnFilter(name, config.rules));
        break;
      case 'original_src':
        pushLazy(services.lazy.originalSource, (module) => module.originalSourceFilter(name, config.mark));
        break;
      case 'cdn_loop':
        pushLazy(services.lazy.cdnLoop, (module) =>
          module.cdnLoopFilter(name, config.cdnId, config.maxOccurrences),
        );
        break;
      case 'admission_control':
        pushLazy(services.lazy.admissionControl, (module) =>
          module.admissionControlFilter(name, config.rules, manager.statPrefix, services),
        );
        break;
      case 'set_metadata':
        pushLazy(services.lazy.setMetadata, (module) =>
          module.setMetadataFilter(name, config.entries, manager.statPrefix, services),
        );
        break;
      case 'ext_authz':
        pushLazy(services.lazy.extAuthz, (module) =>
          module.extAuthzFilter(name, config.config, manager.statPrefix, services),
        );
        break;
      case 'jwt_authn':
        pushLazy(services.lazy.jwtAuthn, (module) =>
          module.jwtAuthnFilter(name, config.config, manager.statPrefix, services, `${path}[${i}]`, problems),
        );
        break;
      case 'rate_limit':
        pushLazy(services.lazy.rateLimit, (module) =>
          module.globalRateLimitFilter(name, config.limit, services, `${path}[${i}]`, problems),
        );
        break;
      default:
    }
  });
  return compiled;
}
