import type { JsonObject } from '@lateen/kube';
import { fill, filledObject, objectIn, objectsIn, textIn } from './default-fields.ts';

const affinitySeconds = 10_800;

/** Fills in what a Service leaves out; addresses and node ports are the allocator's. */
export function setServiceDefaults(service: JsonObject): void {
  const spec = filledObject(service, 'spec');
  fill(spec, 'type', 'ClusterIP');
  fill(spec, 'sessionAffinity', 'None');
  const type = textIn(spec, 'type');
  if (spec['sessionAffinity'] === 'ClientIP') {
    fill(
      filledObject(filledObject(spec, 'sessionAffinityConfig'), 'clientIP'),
      'timeoutSeconds',
      affinitySeconds,
    );
  } else delete spec['sessionAffinityConfig'];
  for (const port of objectsIn(spec, 'ports')) {
    fill(port, 'protocol', 'TCP');
    const { targetPort } = port;
    if (targetPort === undefined || targetPort === '' || targetPort === 0) port['targetPort'] = port['port'];
  }
  if (type !== 'ExternalName') {
    fill(spec, 'internalTrafficPolicy', 'Cluster');
    fill(spec, 'ipFamilies', ['IPv4']);
    fill(spec, 'ipFamilyPolicy', 'SingleStack');
  }
  if (type === 'NodePort' || type === 'LoadBalancer') fill(spec, 'externalTrafficPolicy', 'Cluster');
  if (type === 'LoadBalancer') fill(spec, 'allocateLoadBalancerNodePorts', true);
  fill(service, 'status', { loadBalancer: {} });
}

/** Takes away what a change of the type leaves behind; `old` is what was stored. */
export function dropForeignServiceFields(service: JsonObject, old: JsonObject | undefined): void {
  const spec = objectIn(service, 'spec');
  if (spec === undefined) return;
  const type = textIn(spec, 'type') || 'ClusterIP';
  const before = textIn(objectIn(old, 'spec'), 'type');
  if (type === 'ExternalName') {
    for (const name of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy']) {
      if (before !== '' && before !== type) delete spec[name];
    }
  }
  if (
    type !== 'NodePort' &&
    type !== 'LoadBalancer' &&
    (before === 'NodePort' || before === 'LoadBalancer')
  ) {
    delete spec['externalTrafficPolicy'];
    for (const port of objectsIn(spec, 'ports')) delete port['nodePort'];
  }
  if (type !== 'LoadBalancer' && before === 'LoadBalancer') {
    delete spec['allocateLoadBalancerNodePorts'];
    delete spec['loadBalancerIP'];
  }
}
