import { istioVersion } from '@lateen/config';

/** How the control plane names itself in each response: Istio's JSON, which its istioctl shows as the istiod of a proxy. */
export function controlPlaneIdentifier(podName: string): string {
  return JSON.stringify({ Component: 'istiod', ID: podName, Info: { version: istioVersion } });
}
