import { messageOf, Backoff, type Clock, type Logger } from '@lateen/core';
import { forgetFlows } from '../linux/connection-tracking.ts';
import { runCommand } from '../linux/command.ts';
import type { SharedInformers } from '../shared-informers.ts';
import { serviceRoutes, type ServiceRoute } from './service-table.ts';
import {
  hookRules,
  translationRules,
  type TranslationOptions,
  type TranslationRules,
} from './translation-rules.ts';
import { staleUdpFlows, udpBackendsLost } from './udp-flows.ts';

export interface ServiceNetworkOptions extends TranslationOptions {
  readonly informers: SharedInformers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Loads rules; default `iptables-restore --noflush` in the network namespace of this process. */
  readonly restore?: (rules: string) => Promise<void>;
}

/** The addresses of services, kept working in the network namespace of this process. */
export interface ServiceNetwork {
  /** Resolves when the rules for what was known at the start are loaded. */
  readonly ready: Promise<void>;
  /** Resolves when the rules for every change so far are loaded. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** How long changes are gathered before the rules are loaded anew. */
const gatherMs = 2;

/** Translates service addresses to those of ready endpoints, for pods and for the node itself. */
export function startServiceNetwork(options: ServiceNetworkOptions): ServiceNetwork {
  const { informers, clock } = options;
  const logger = options.logger.scope('service-network');
  const restore = options.restore ?? iptablesRestore;
  const backoff = new Backoff({ baseMs: 20, maxMs: 5_000 });
  const ready = Promise.withResolvers<void>();
  let loaded = '';
  let loadedRoutes: readonly ServiceRoute[] = [];
  let chains: ReadonlySet<string> = new Set();
  let hooked = false;
  let state: 'idle' | 'planned' | 'running' | 'closed' = 'idle';
  let stale = false;
  let working: Promise<void> = Promise.resolve();
  const waiting: (() => void)[] = [];

  const load = async (): Promise<void> => {
    if (!hooked) {
      await restore(hookRules);
      hooked = true;
    }
    const routes = serviceRoutes(informers.services.list(), (key) =>
      informers.endpointSlices.byIndex('service', key),
    );
    const fresh = translationRules(routes, options);
    if (fresh.text === loaded) return;
    const startedMs = clock.monotonicMs();
    const rules = await restoreRoutes(routes);
    if (udpBackendsLost(loadedRoutes, routes)) forgetStale(loadedRoutes, routes);
    chains = rules.chains;
    loaded = fresh.text;
    loadedRoutes = routes;
    logger.debug('rules loaded', {
      services: routes.length,
      ms: Math.round(clock.monotonicMs() - startedMs),
    });
  };

  const restoreRoutes = async (routes: readonly ServiceRoute[]): Promise<TranslationRules> => {
    const rules = translationRules(routes, options, chains);
    try {
      await restore(rules.text);
      return rules;
    } catch (error) {
      if (!routes.some(({ affinitySeconds }) => affinitySeconds !== undefined)) throw error;
      // Not every kernel has the match that affinity needs; all other services must not suffer from that.
      const plain = routes.map((route) => ({ ...route, affinitySeconds: undefined }));
      const without = translationRules(plain, options, chains);
      await restore(without.text);
      logger.warn('sessions of clients do not stay with one backend here', { error: messageOf(error) });
      return without;
    }
  };

  const forgetStale = (before: readonly ServiceRoute[], after: readonly ServiceRoute[]): void => {
    try {
      const count = forgetFlows(staleUdpFlows(before, after));
      logger.debug('UDP flows forgotten', { count });
    } catch (error) {
      logger.warn('UDP clients may stay with a backend that has gone', { error: messageOf(error) });
    }
  };

  const run = async (): Promise<void> => {
    state = 'running';
    stale = false;
    let delayMs = gatherMs;
    try {
      await load();
      backoff.reset();
      ready.resolve();
    } catch (error) {
      stale = true;
      delayMs = backoff.nextMs();
      logger.error('cannot load the rules of services', {
        error: messageOf(error),
        againInMs: Math.round(delayMs),
      });
    }
    if (isClosed()) return;
    state = 'idle';
    if (stale) plan(delayMs);
    else for (const resolve of waiting.splice(0)) resolve();
  };

  const isClosed = (): boolean => state === 'closed';

  const plan = (delayMs: number): void => {
    stale = true;
    if (state !== 'idle') return;
    state = 'planned';
    clock.after(delayMs, () => {
      if (state === 'planned') working = run();
    });
  };

  const unsubscribe: (() => void)[] = [];
  void Promise.all([informers.services.synced, informers.endpointSlices.synced]).then(() => {
    if (isClosed()) return;
    unsubscribe.push(
      informers.services.subscribe(() => plan(gatherMs)),
      informers.endpointSlices.subscribe(() => plan(gatherMs)),
    );
    plan(0);
  });
  return {
    ready: ready.promise,
    settled: () => (stale ? new Promise((resolve) => waiting.push(resolve)) : working),
    async close() {
      state = 'closed';
      for (const end of unsubscribe) end();
      await working;
      ready.resolve();
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

async function iptablesRestore(rules: string): Promise<void> {
  await runCommand('iptables-restore', ['--noflush', '--wait', '5'], { input: rules });
}
