import { choice, map, message, type ShapeOf } from '../schema/shape.ts';
import { matchLabelsSelector } from './selectors.ts';

export const mutualTls = message('Mutual TLS.', {
  mode: choice('Whether connections must use mutual TLS.', ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']),
});

export const peerAuthentication = message('How connections to workloads are authenticated.', {
  selector: matchLabelsSelector,
  mtls: mutualTls,
  portLevelMtls: map('Settings of single ports of the workload, by number.', mutualTls),
});
export type PeerAuthenticationSpec = ShapeOf<typeof peerAuthentication>;
