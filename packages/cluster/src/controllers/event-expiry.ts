import { messageOf, type Timer } from '@lateen/core';
import { isStatus, resources, type KubeEvent } from '@lateen/kube';
import type { Controller, ControllerContext } from './controller.ts';

/** How long an event is kept after it last happened; as the API server's `--event-ttl`. */
const eventTtlMs = 3_600_000;
const sweepEveryMs = 60_000;

/** Deletes events an hour after they last happened. */
export function eventExpiryController(context: ControllerContext): Controller {
  const { client, clock } = context;
  const logger = context.logger.scope('event-expiry');
  let sweeping: Promise<void> = Promise.resolve();

  const sweep = async (): Promise<void> => {
    const oldest = clock.now() - eventTtlMs;
    const { items } = await client.list<KubeEvent>(resources.events);
    for (const event of items) {
      const last = event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
      if (last === undefined || Date.parse(last) >= oldest) continue;
      await client
        .delete(resources.events, event.metadata.namespace, event.metadata.name)
        .catch((error: unknown) => {
          if (!isStatus(error, 'NotFound')) throw error;
        });
    }
  };

  const timer: Timer = clock.every(sweepEveryMs, () => {
    sweeping = sweeping.then(() =>
      sweep().catch((error: unknown) => logger.warn('cannot delete old events', { error: messageOf(error) })),
    );
  });
  return {
    async close() {
      timer.cancel();
      await sweeping;
    },
  };
}
