export {
  followInjectionSettings,
  type FollowedInjectionSettings,
  type InjectionSettingsOptions,
} from './injection-settings.ts';
export {
  publishRootCertificates,
  rootConfigMapName,
  type RootCertificatesOptions,
} from './root-certificates.ts';
export { startWebhooks, type RunningWebhooks, type WebhooksOptions } from './webhooks.ts';
