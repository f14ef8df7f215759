import { headerName, names } from '../../codec/header-name.ts';
import type { HealthCheck, StatusRange } from '../../model/cluster.ts';
import { compileStringMatch } from '../../decide/string-match.ts';
import { applyProbeHeaders } from './probe-headers.ts';
import type { ProbeConversation } from './stream-probe.ts';

/** By which an endpoint says what it is (Envoy, `service_name_matcher`). */
const checkedCluster = headerName('x-envoy-upstream-healthchecked-cluster');

/** By which an endpoint says that it had better be left alone, whatever its value (Envoy). */
const degraded = headerName('x-envoy-degraded');

type HttpCheck = Extract<HealthCheck['check'], { kind: 'http' }>;

function includes(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some(({ start, end }) => status >= start && status < end);
}

/** Asks for a path and looks at the status. */
export function httpConversation(check: HttpCheck, clusterName: string): ProbeConversation {
  const isOurs = check.serviceName === undefined ? () => true : compileStringMatch(check.serviceName);
  return {
    protocol: check.protocol,
    body: undefined,
    fillHead(head, host) {
      head.method = check.method;
      head.path = check.path;
      head.authority = host.endpoint.healthCheckHostname ?? (check.host || clusterName);
      head.headers.add(names.userAgent, 'Envoy/HC');
      applyProbeHeaders(head.headers, check.headers);
    },
    judgeHead({ status, headers }) {
      if (includes(check.expectedStatuses, status)) {
        if (!isOurs(headers.get(checkedCluster) ?? '')) return 'refused';
        return headers.get(degraded) === undefined ? 'success' : 'degraded';
      }
      return includes(check.retriableStatuses, status) ? 'retriable' : 'refused';
    },
    judgeEnd: () => 'network',
  };
}
