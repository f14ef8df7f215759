import type { Any } from '@lateen/protocol';
import * as stats from '@lateen/protocol/stats';
import {
  istioMetricNames,
  type IstioMetricName,
  type IstioStatsFilter,
  type IstioStatsOptions,
  type MetricOverride,
} from '../model/istio-stats.ts';
import { checkExpression } from './expression.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';

const shownAsPrometheus = "of use with Istio's old way of naming only: labels are labels here";
const configPolicy = fieldPolicy(
  stats.PluginConfig,
  ['disableHostHeaderFallback', 'tcpReportingDuration', 'metrics', 'reporter'],
  {
    debug: 'has no effect in Istio either',
    maxPeerCacheSize: 'as many peers are remembered as the proxy has room for',
    statPrefix: shownAsPrometheus,
    fieldSeparator: shownAsPrometheus,
    valueSeparator: shownAsPrometheus,
    rotationInterval: 'series are kept',
    gracefulDeletionInterval: 'series are kept',
  },
);
const metricPolicy = fieldPolicy(stats.MetricConfig, ['name', 'tagsToRemove', 'drop', 'dimensions'], {
  match: 'has no effect in Istio either',
});

export const istioStatsPolicies = [configPolicy, metricPolicy];

/** The filter of Istio's standard metrics. */
export function decodeIstioStats(
  scope: Scope,
  any: Any | undefined,
  direction: 'unspecified' | 'inbound' | 'outbound',
): IstioStatsFilter {
  const kind = 'istio_stats';
  const reporter = direction === 'inbound' ? 'server' : 'client';
  // Older versions of Istio send a program here that does what is built in.
  const isConfig = typeNameOf(any) === stats.PluginConfig.typeName;
  const config = isConfig ? scope.unpack(stats.PluginConfig, any) : undefined;
  if (config === undefined) return { kind, reporter };
  scope.check(configPolicy, config);
  if (config.reporter === 'SERVER_GATEWAY') {
    const message = 'SERVER_GATEWAY is of waypoints, whose internal listeners are not supported';
    scope.at('reporter').fail(message);
  }
  return {
    kind,
    reporter,
    options: {
      hostHeaderFallback: config.disableHostHeaderFallback !== true,
      reportIntervalMs: config.tcpReportingDuration ?? 5_000,
      overrides: decodeOverrides(scope.at('metrics'), config.metrics ?? []),
    },
  };
}

/** Changes by metric; one without a name is of all. Metrics and labels that are not Istio's are passed over, as there. */
function decodeOverrides(scope: Scope, list: readonly stats.MetricConfig[]): IstioStatsOptions['overrides'] {
  const overrides: Partial<Record<IstioMetricName, MetricOverride>> = {};
  for (const [i, message] of list.entries()) {
    scope.at(i).check(metricPolicy, message);
    const { name = '', tagsToRemove = [] } = message;
    // In the order of their names, as Istio adds them.
    const dimensions = Object.entries(message.dimensions ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [label, text] of dimensions) checkExpression(scope.at(i).at('dimensions').at(label), text);
    for (const metric of istioMetricNames) {
      if (name !== '' && name !== metric) continue;
      const before = overrides[metric];
      overrides[metric] = {
        dropped: (before?.dropped ?? false) || (message.drop === true && name !== ''),
        removedTags: [...(before?.removedTags ?? []), ...tagsToRemove],
        dimensions: [...(before?.dimensions ?? []), ...dimensions],
      };
    }
  }
  return overrides;
}
