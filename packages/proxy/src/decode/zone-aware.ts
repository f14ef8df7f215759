import { defaultZoneAware, type ZoneAware } from '../model/index.ts';
import { percentOf } from './percent.ts';

/** The same in the fields of a cluster and in its policies. */
interface ZoneAwareMessage {
  readonly zoneAwareLbConfig?:
    | {
        readonly routingEnabled?: { readonly value?: number | undefined } | undefined;
        readonly minClusterSize?: number | undefined;
        readonly failTrafficOnPanic?: boolean | undefined;
      }
    | undefined;
}

/**
 * How zones count. As in Envoy they do wherever the proxy knows its own cluster, unless the control plane
 * weighs the localities.
 */
export function zoneAwareOf(
  { zoneAwareLbConfig: config }: ZoneAwareMessage,
  localityWeighted: boolean,
): { readonly zoneAware?: ZoneAware } {
  if (localityWeighted) return {};
  if (config === undefined) return { zoneAware: defaultZoneAware };
  const { routingEnabled, minClusterSize = 6, failTrafficOnPanic = false } = config;
  const routingPercent = percentOf(routingEnabled, 100);
  return { zoneAware: { routingPercent, minClusterSize, failTrafficOnPanic } };
}
