import { messageOf, Backoff, type Clock, type Logger } from '@lateen/core';
import { runCommand } from '../linux/command.ts';
import type { SharedInformers } from '../shared-informers.ts';
import { serviceRoutes } from './service-table.ts';
import { hookRules, translationRules, type TranslationOptions } from './translation-rules.ts';

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
  let chains: ReadonlySet<string> = new Set();
  let hooked = false;
  let planned = false;
  let stale = false;
  let closed = false;
  let working: Promise<void> = Promise.resolve();

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
    const rules = translationRules(routes, options, chains);
    const startedMs = clock.monotonicMs();
    await restore(rules.text);
    chains = rules.chains;
    loaded = fresh.text;
    logger.debug('rules loaded', {
      services: routes.length,
      ms: Math.round(clock.monotonicMs() - startedMs),
    });
  };

  const run = async (): Promise<void> => {
    planned = false;
    stale = false;
    try {
      await load();
      backoff.reset();
      ready.resolve();
    } catch (error) {
      const delayMs = backoff.nextMs();
      logger.error('cannot load the rules of services', {
        error: messageOf(error),
        againInMs: Math.round(delayMs),
      });
      plan(delayMs);
      return;
    }
    if (stale) plan(gatherMs);
  };

  const plan = (delayMs: number): void => {
    stale = true;
    if (planned || closed) return;
    planned = true;
    clock.after(delayMs, () => {
      if (closed) return;
      working = run();
    });
  };

  const unsubscribe: (() => void)[] = [];
  void Promise.all([informers.services.synced, informers.endpointSlices.synced]).then(() => {
    if (closed) return;
    unsubscribe.push(
      informers.services.subscribe(() => plan(gatherMs)),
      informers.endpointSlices.subscribe(() => plan(gatherMs)),
    );
    plan(0);
  });
  return {
    ready: ready.promise,
    async close() {
      closed = true;
      for (const end of unsubscribe) end();
      await working;
      ready.resolve();
    },
  };
}

async function iptablesRestore(rules: string): Promise<void> {
  await runCommand('iptables-restore', ['--noflush', '--wait', '5'], { input: rules });
}
