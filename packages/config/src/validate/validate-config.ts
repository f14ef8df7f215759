import { checkAuthorizationPolicy } from './authorization-policy.ts';
import type { ConfigObject } from '../kinds/config-object.ts';
import type { Report } from '../schema/check-shape.ts';
import { checkDestinationRule } from './destination-rule.ts';
import { checkEnvoyFilter, checkWasmPlugin } from './extensions.ts';
import { checkGateway } from './gateway.ts';
import { checkLabels } from './names.ts';
import { checkPeerAuthentication, checkRequestAuthentication } from './security.ts';
import { checkServiceEntry, checkWorkloadEntry } from './service-entry.ts';
import { checkSidecar } from './sidecar.ts';
import { checkVirtualService } from './virtual-service.ts';

/** Reports what is wrong with the meaning of an object whose shape is right: Istio's rules for each kind. */
export function validateConfig(config: ConfigObject, report: Report): void {
  switch (config.kind) {
    case 'VirtualService':
      checkVirtualService(config, report);
      return;
    case 'DestinationRule':
      checkDestinationRule(config, report);
      return;
    case 'Gateway':
      checkGateway(config, report);
      return;
    case 'ServiceEntry':
      checkServiceEntry(config, report);
      return;
    case 'WorkloadEntry':
      checkWorkloadEntry(config.spec, report);
      return;
    case 'WorkloadGroup':
      checkLabels(config.spec.metadata?.labels, 'spec.metadata.labels', report);
      return;
    case 'Sidecar':
      checkSidecar(config, report);
      return;
    case 'PeerAuthentication':
      checkPeerAuthentication(config, report);
      return;
    case 'RequestAuthentication':
      checkRequestAuthentication(config, report);
      return;
    case 'AuthorizationPolicy':
      checkAuthorizationPolicy(config, report);
      return;
    case 'EnvoyFilter':
      checkEnvoyFilter(config, report);
      return;
    case 'WasmPlugin':
      checkWasmPlugin(config, report);
      return;
    case 'Telemetry':
      checkLabels(config.spec.selector?.matchLabels, 'spec.selector.matchLabels', report);
      return;
    default:
  }
}
