import { BandwidthLimit as Message } from '@lateen/protocol/envoy/extensions/filters/http/bandwidth_limit/v3';
import type { BandwidthLimit } from '../model/bandwidth-limit.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const policy = fieldPolicy(Message, [
  'statPrefix',
  'enableMode',
  'limitKbps',
  'fillInterval',
  'runtimeEnabled',
  'enableResponseTrailers',
  'responseTrailerPrefix',
]);

export const bandwidthLimitPolicies = [policy];

/** Envoy's 1 KiB. */
const unitBytes = 1_024;

type Directions = Pick<BandwidthLimit, 'limitsRequests' | 'limitsResponses'>;
const directions: Readonly<Record<string, Directions>> = {
  DISABLED: { limitsRequests: false, limitsResponses: false },
  REQUEST: { limitsRequests: true, limitsResponses: false },
  RESPONSE: { limitsRequests: false, limitsResponses: true },
  REQUEST_AND_RESPONSE: { limitsRequests: true, limitsResponses: true },
};
const none: Directions = { limitsRequests: false, limitsResponses: false };

/** How fast bodies may pass; a route has to say it. */
export function decodeBandwidthLimit(scope: Scope, message: Message, isRoute: boolean): BandwidthLimit {
  scope.check(policy, message);
  const {
    limitKbps,
    fillInterval: tickMs = 50,
    runtimeEnabled,
    responseTrailerPrefix: prefix = '',
  } = message;
  const limited = scope.at('enableMode').choice(message.enableMode, directions, none);
  const isNeeded = isRoute || limited.limitsRequests || limited.limitsResponses;
  if (limitKbps === undefined && isNeeded) scope.at('limitKbps').fail('must be set');
  if (limitKbps !== undefined && limitKbps < 1) scope.at('limitKbps').fail('must be at least 1');
  if (tickMs < 20 || tickMs > 1_000) scope.at('fillInterval').fail('must be from 20 ms to 1 s');
  return {
    statPrefix: message.statPrefix ?? '',
    place: scope.path,
    ...limited,
    bytesPerSecond: (limitKbps ?? 0) * unitBytes,
    tickMs,
    enabled: runtimeEnabled === undefined ? () => true : scope.flag(runtimeEnabled),
    ...(message.enableResponseTrailers === true
      ? { trailerPrefix: prefix === '' ? '' : `${prefix.toLowerCase()}-` }
      : {}),
  };
}
