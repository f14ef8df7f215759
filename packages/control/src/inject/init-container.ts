import type { Container } from '@lateen/kube';
import { proxyImage, type InjectionValues } from './injection-values.ts';
import { iptablesArguments, type Interception } from './interception.ts';

/** The container `istio-init`: redirects the pod's traffic to the sidecar and ends. */
export function initContainer(
  values: InjectionValues,
  interception: Interception,
  statusPort: number,
  agentLogLevel: string,
  resources: Container['resources'],
): Container {
  return {
    name: 'istio-init',
    image: proxyImage(values),
    ...(values.imagePullPolicy === '' ? {} : { imagePullPolicy: values.imagePullPolicy }),
    args: iptablesArguments(interception, statusPort, agentLogLevel),
    ...(resources === undefined ? {} : { resources }),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: false,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  };
}
