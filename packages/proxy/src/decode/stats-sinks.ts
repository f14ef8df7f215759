import * as metrics from '@lateen/protocol/envoy/config/metrics/v3';
import type { StatsSink } from '../model/stats.ts';
import { decodeAddress } from './basics.ts';
import { decodeGrpcService } from './grpc-service.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';

const sinkPolicy = fieldPolicy(metrics.StatsSink, ['name', 'typedConfig']);
const statsdPolicy = fieldPolicy(metrics.StatsdSink, ['address', 'tcpClusterName', 'prefix']);
const dogStatsdPolicy = fieldPolicy(metrics.DogStatsdSink, ['address', 'prefix', 'maxBytesPerDatagram']);

const servicePolicy = fieldPolicy(metrics.MetricsServiceConfig, [
  'grpcService',
  'transportApiVersion',
  'reportCountersAsDeltas',
  'emitTagsAsLabels',
  'histogramEmitMode',
]);

export const statsSinkPolicies = [sinkPolicy, statsdPolicy, dogStatsdPolicy, servicePolicy];

const both = { summaries: true, buckets: true };
const emitModes = {
  SUMMARY_AND_HISTOGRAM: both,
  SUMMARY: { summaries: true, buckets: false },
  HISTOGRAM: { summaries: false, buckets: true },
};

/** Where statistics are sent to. */
export function decodeStatsSinks(scope: Scope, list: readonly metrics.StatsSink[]): readonly StatsSink[] {
  return list.flatMap((message, i) => {
    const sink = decodeSink(scope.at(i), message);
    return sink === undefined ? [] : [sink];
  });
}

function decodeSink(scope: Scope, message: metrics.StatsSink): StatsSink | undefined {
  scope.check(sinkPolicy, message);
  const at = scope.at('typedConfig');
  const type = typeNameOf(message.typedConfig);
  switch (type) {
    case metrics.StatsdSink.typeName: {
      const config = at.unpack(metrics.StatsdSink, message.typedConfig) ?? {};
      at.check(statsdPolicy, config);
      const prefix = config.prefix ?? 'envoy';
      if (config.tcpClusterName !== undefined)
        return { kind: 'statsd_tcp', cluster: config.tcpClusterName, prefix };
      const to = udpAddress(at.at('address'), config.address);
      return { kind: 'statsd_udp', to, prefix, tags: false, maxDatagramBytes: 0 };
    }
    case metrics.DogStatsdSink.typeName: {
      const config = at.unpack(metrics.DogStatsdSink, message.typedConfig) ?? {};
      at.check(dogStatsdPolicy, config);
      return {
        kind: 'statsd_udp',
        to: udpAddress(at.at('address'), config.address),
        prefix: config.prefix ?? 'envoy',
        tags: true,
        maxDatagramBytes: config.maxBytesPerDatagram ?? 0,
      };
    }
    case metrics.MetricsServiceConfig.typeName: {
      const config = at.unpack(metrics.MetricsServiceConfig, message.typedConfig) ?? {};
      at.check(servicePolicy, config);
      at.at('transportApiVersion').choice(config.transportApiVersion, { AUTO: 3, V3: 3 }, 3);
      return {
        kind: 'metrics_service',
        service: decodeGrpcService(at.at('grpcService'), config.grpcService),
        countersAsDeltas: config.reportCountersAsDeltas ?? false,
        labels: config.emitTagsAsLabels ?? false,
        ...at.at('histogramEmitMode').choice(config.histogramEmitMode, emitModes, both),
      };
    }
    default:
      at.fail(`sink ${type} is not supported: use StatsdSink, DogStatsdSink or MetricsServiceConfig`);
      return undefined;
  }
}

function udpAddress(
  scope: Scope,
  message: metrics.StatsdSink['address'],
): { readonly address: string; readonly port: number } {
  const decoded = decodeAddress(scope, message);
  if (decoded.kind === 'socket') return decoded;
  scope.fail('must be a socket address');
  return { address: '', port: 0 };
}
