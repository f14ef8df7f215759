import { names } from '../../codec/header-name.ts';
import type { HealthCheck, StatusRange } from '../../model/cluster.ts';
import type { ProbeConversation } from './stream-probe.ts';

type HttpCheck = Extract<HealthCheck['check'], { kind: 'http' }>;

function includes(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some(({ start, end }) => status >= start && status < end);
}

/** Asks for a path and looks at the status. */
export function httpConversation(check: HttpCheck, clusterName: string): ProbeConversation {
  return {
    protocol: check.protocol,
    body: undefined,
    fillHead(head, host) {
      head.method = check.method;
      head.path = check.path;
      head.authority = check.host || host.endpoint.hostname || clusterName;
      head.headers.add(names.userAgent, 'Envoy/HC');
    },
    judgeHead({ status }) {
      if (includes(check.expectedStatuses, status)) return 'success';
      return includes(check.retriableStatuses, status) ? 'retriable' : 'refused';
    },
    judgeEnd: () => 'network',
  };
}
