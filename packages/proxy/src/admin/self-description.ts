import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import { envoyVersion, proxyVersion } from '../version.ts';

/** The node as Envoy shows it: with the program and its version, which tools print. */
export function describeNode(node: Node): Node {
  const [majorNumber, minorNumber, patch] = envoyVersion.split('.').map(Number);
  return {
    userAgentName: 'lateen',
    ...(node.userAgentVersion === undefined
      ? {
          userAgentBuildVersion: {
            version: { majorNumber, minorNumber, patch },
            metadata: { 'build.label': `lateen-${proxyVersion}`, 'build.type': 'RELEASE' },
          },
        }
      : {}),
    ...node,
  };
}
