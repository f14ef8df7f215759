import type { HttpFilter } from '../model/http-filter.ts';
import type { Listener } from '../model/listener.ts';
import type { LazyTransparentSockets } from '../wire/transparent-socket.ts';
import type * as compressor from './compression/compressor.ts';
import type * as decompressor from './compression/decompressor.ts';
import type * as statefulSession from './session/stateful-session.ts';
import type * as admissionControl from './admission-control.ts';
import type * as bandwidthLimit from './bandwidth-limit.ts';
import type * as adaptiveConcurrency from './adaptive-concurrency.ts';
import type * as cdnLoop from './cdn-loop.ts';
import type * as istioAuthn from './istio-authn.ts';
import type * as originalSource from './original-source.ts';
import type * as csrf from './csrf.ts';
import type * as setMetadata from './set-metadata.ts';
import type * as extAuthz from './ext-authz/ext-authz.ts';
import type * as jwtAuthn from './jwt/jwt-authn.ts';
import type * as globalRateLimit from './rate-limit/global-rate-limit.ts';

/**
 * Filters that most proxies do not have: their code is loaded when a listener comes that has them, before it is
 * compiled.
 */
export class LazyHttpFilters {
  compressor: typeof compressor | undefined;
  decompressor: typeof decompressor | undefined;
  statefulSession: typeof statefulSession | undefined;
  csrf: typeof csrf | undefined;
  bandwidthLimit: typeof bandwidthLimit | undefined;
  adaptiveConcurrency: typeof adaptiveConcurrency | undefined;
  cdnLoop: typeof cdnLoop | undefined;
  istioAuthn: typeof istioAuthn | undefined;
  originalSource: typeof originalSource | undefined;
  admissionControl: typeof admissionControl | undefined;
  setMetadata: typeof setMetadata | undefined;
  extAuthz: typeof extAuthz | undefined;
  jwtAuthn: typeof jwtAuthn | undefined;
  rateLimit: typeof globalRateLimit | undefined;

  readonly #transparent: LazyTransparentSockets;

  /** `transparent`: what the filters need that send requests on from addresses of others. */
  constructor(transparent: LazyTransparentSockets) {
    this.#transparent = transparent;
  }

  /** Loads what these listeners need and is not there yet. */
  async loadFor(listeners: readonly Listener[]): Promise<void> {
    const kinds = new Set<string>();
    const collect = (filters: readonly HttpFilter[]): void => {
      for (const { config } of filters) {
        kinds.add(config.kind);
        if (config.kind === 'discovered' && config.standard !== undefined) kinds.add(config.standard.kind);
      }
    };
    for (const { filterChains, defaultFilterChain } of listeners) {
      const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
      for (const { filters } of chains) {
        for (const filter of filters) {
          if (filter.kind !== 'http_connection_manager') continue;
          collect(filter.httpFilters);
          for (const upgrade of filter.upgrades) collect(upgrade.filters ?? []);
        }
      }
    }
    await this.loadKinds(kinds);
  }

  /** Loads what filters of these kinds need and is not there yet. */
  async loadKinds(kinds: ReadonlySet<string>): Promise<void> {
    if (kinds.has('compressor')) this.compressor ??= await import('./compression/compressor.ts');
    if (kinds.has('decompressor')) this.decompressor ??= await import('./compression/decompressor.ts');
    if (kinds.has('stateful_session')) this.statefulSession ??= await import('./session/stateful-session.ts');
    if (kinds.has('csrf')) this.csrf ??= await import('./csrf.ts');
    if (kinds.has('bandwidth_limit')) this.bandwidthLimit ??= await import('./bandwidth-limit.ts');
    if (kinds.has('adaptive_concurrency'))
      this.adaptiveConcurrency ??= await import('./adaptive-concurrency.ts');
    if (kinds.has('cdn_loop')) this.cdnLoop ??= await import('./cdn-loop.ts');
    if (kinds.has('istio_authn')) this.istioAuthn ??= await import('./istio-authn.ts');
    if (kinds.has('original_src')) {
      await this.#transparent.load();
      this.originalSource ??= await import('./original-source.ts');
    }
    if (kinds.has('admission_control')) this.admissionControl ??= await import('./admission-control.ts');
    if (kinds.has('set_metadata')) this.setMetadata ??= await import('./set-metadata.ts');
    if (kinds.has('ext_authz')) this.extAuthz ??= await import('./ext-authz/ext-authz.ts');
    if (kinds.has('jwt_authn')) this.jwtAuthn ??= await import('./jwt/jwt-authn.ts');
    if (kinds.has('rate_limit')) this.rateLimit ??= await import('./rate-limit/global-rate-limit.ts');
  }
}
