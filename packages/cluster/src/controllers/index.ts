import type { Clock, Logger } from '@lateen/core';
import { eventRecorder, type KubeClient } from '@lateen/kube';
import type { SharedInformers } from '../shared-informers.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { deploymentController } from './deployment/index.ts';
import { disruptionBudgetController } from './disruption-budget.ts';
import { endpointsController } from './endpoints/index.ts';
import { eventExpiryController } from './event-expiry.ts';
import { garbageCollector } from './garbage-collector/index.ts';
import { horizontalAutoscalerController } from './horizontal-autoscaler.ts';
import { namespaceDefaultsController } from './namespace-defaults.ts';
import { namespaceDeletionController } from './namespace-deletion.ts';
import { replicaSetController } from './replica-set/index.ts';
import { scheduler } from './scheduler.ts';

export type { Controller } from './controller.ts';

export interface ControllersOptions {
  readonly client: KubeClient;
  readonly informers: SharedInformers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What pods find in the ConfigMap `kube-root-ca.crt`: the authority of the API server's certificate, PEM. */
  readonly rootCaPem: string;
}

/** How long closing waits for work that is under way. */
const closeWithinMs = 1_000;

/** Starts all controllers. They begin as soon as the API server answers; nothing is waited for here. */
export function startControllers(options: ControllersOptions): Controller {
  const { client, informers, clock } = options;
  const logger = options.logger.scope('controller');
  const context: ControllerContext = {
    client,
    informers,
    ready: informers.synced(),
    clock,
    logger,
    events: (component) => eventRecorder({ client, component, clock, logger: logger.scope('events') }),
  };
  const all = [
    namespaceDefaultsController(context, options.rootCaPem),
    scheduler(context),
    endpointsController(context),
    replicaSetController(context),
    deploymentController(context),
    namespaceDeletionController(context),
    garbageCollector(context),
    horizontalAutoscalerController(context),
    disruptionBudgetController(context),
    eventExpiryController(context),
  ];
  return {
    async close() {
      // Work under way may wait long, say for a webhook whose pod has gone; nobody should wait for that.
      const ended = Promise.all(all.map((each) => each.close()));
      await Promise.race([
        ended,
        new Promise((resolve) => clock.after(closeWithinMs, () => resolve(undefined))),
      ]);
    },
  };
}
