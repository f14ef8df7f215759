import type { Clock, Logger } from '@lateen/core';
import {
  informer,
  isStatus,
  resources,
  WorkQueue,
  type Informer,
  type KubeClient,
  type KubeObject,
} from '@lateen/kube';

export interface WebhookRegistrationsOptions {
  readonly client: KubeClient;
  /** The Service that the registrations must name to be ours. */
  readonly service: { readonly name: string; readonly namespace: string };
  /** PEM of the root that API servers verify our certificate with. */
  readonly root: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Registration extends KubeObject {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly failurePolicy?: string;
    readonly clientConfig?: {
      readonly caBundle?: string;
      readonly service?: { readonly name?: string; readonly namespace?: string };
    };
  }[];
}

interface PatchOperation {
  readonly op: 'test' | 'add' | 'replace';
  readonly path: string;
  readonly value: string;
}

/**
 * Keeps the mesh's root certificate in the webhook configurations that lead to this control plane, and makes
 * validation strict: an installation lets everything pass until somebody is there to validate.
 */
export function maintainWebhookRegistrations(options: WebhookRegistrationsOptions): {
  close(): Promise<void>;
} {
  const { client, clock, logger } = options;
  const caBundle = Buffer.from(options.root).toString('base64');
  const parts = [resources.mutatingWebhookConfigurations, resources.validatingWebhookConfigurations].map(
    (resource) => {
      const strict = resource === resources.validatingWebhookConfigurations;
      const registrations = informer<Registration>({ client, resource, clock, logger });
      const queue = new WorkQueue({
        clock,
        logger,
        ready: registrations.synced,
        work: (name) => bringInOrder(registrations, name, { ...options, caBundle, strict }),
      });
      registrations.subscribe(({ type, object }) => {
        if (type !== 'deleted') queue.add(object.metadata.name);
      });
      return { registrations, queue };
    },
  );
  return {
    async close() {
      await Promise.all(
        parts.map(async ({ registrations, queue }) => {
          await queue.close();
          await registrations.close();
        }),
      );
    },
  };
}

async function bringInOrder(
  registrations: Informer<Registration>,
  name: string,
  wanted: WebhookRegistrationsOptions & { readonly caBundle: string; readonly strict: boolean },
): Promise<void> {
  const registration = registrations.get(undefined, name);
  if (registration === undefined) return;
  const patch = operationsFor(registration, wanted);
  if (patch.length === 0) return;
  try {
    await wanted.client.patch(registrations.resource, undefined, name, 'json', patch);
    wanted.logger.info('registered', { webhooks: name });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

function operationsFor(
  registration: Registration,
  wanted: WebhookRegistrationsOptions & { readonly caBundle: string; readonly strict: boolean },
): PatchOperation[] {
  const { service, caBundle, strict } = wanted;
  return (registration.webhooks ?? []).flatMap((webhook, index): PatchOperation[] => {
    const target = webhook.clientConfig?.service;
    if (target?.name !== service.name || target.namespace !== service.namespace) return [];
    const at = `/webhooks/${index}`;
    const changes: PatchOperation[] = [];
    if (webhook.clientConfig?.caBundle !== caBundle) {
      changes.push({ op: 'add', path: `${at}/clientConfig/caBundle`, value: caBundle });
    }
    if (strict && webhook.failurePolicy !== 'Fail') {
      changes.push({ op: 'replace', path: `${at}/failurePolicy`, value: 'Fail' });
    }
    // Somebody may have changed the list since: then the patch fails and is made anew.
    return changes.length === 0 ? [] : [{ op: 'test', path: `${at}/name`, value: webhook.name }, ...changes];
  });
}
