import type { Clock, Logger } from '@lateen/core';
import type { KubeClient } from '@lateen/kube';
import type { CertificateAuthority } from '../ca/authority.ts';
import type { ServingCertificate } from '../ca/serving-certificate.ts';
import type { WarningsFor } from '../webhook/review-config.ts';
import { webhookServer } from '../webhook/webhook-server.ts';
import { followInjectionSettings } from './injection-settings.ts';
import { publishRootCertificates } from './root-certificates.ts';
import { maintainWebhookRegistrations } from './webhook-registrations.ts';

export interface WebhooksOptions {
  readonly client: KubeClient;
  readonly authority: CertificateAuthority;
  readonly certificate: ServingCertificate;
  /** Namespace of the control plane. */
  readonly namespace: string;
  readonly revision: string;
  readonly at: { readonly port: number; readonly host?: string };
  /** What does not fit the rest of the mesh; told as warnings. */
  readonly warningsFor: WarningsFor;
  readonly isReady: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RunningWebhooks {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Starts what the control plane does for the platform: the webhooks for pods and configuration, their
 * registration, and the root certificate in every namespace. Resolves when the webhooks answer with the
 * settings in force.
 */
export async function startWebhooks(options: WebhooksOptions): Promise<RunningWebhooks> {
  const { client, authority, certificate, namespace, revision, clock } = options;
  const logger = options.logger;
  const roots = publishRootCertificates({
    client,
    root: authority.root,
    clock,
    logger: logger.scope('roots'),
  });
  const settings = followInjectionSettings({
    client,
    namespace,
    revision,
    clock,
    logger: logger.scope('injection'),
  });
  const server = webhookServer({
    certificate,
    injection: () => settings.current,
    warningsFor: options.warningsFor,
    isReady: options.isReady,
    clock,
    logger: logger.scope('webhook'),
  });
  const [port] = await Promise.all([server.listen(options.at), settings.synced]);
  const suffix = revision === '' || revision === 'default' ? '' : `-${revision}`;
  const registrations = maintainWebhookRegistrations({
    client,
    service: { name: `istiod${suffix}`, namespace },
    root: authority.root,
    clock,
    logger: logger.scope('webhook'),
  });
  return {
    port,
    async close() {
      await Promise.all([registrations.close(), roots.close(), server.close()]);
      await settings.close();
    },
  };
}
