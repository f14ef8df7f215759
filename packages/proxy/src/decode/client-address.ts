import { STATUS_CODES } from 'node:http';
import type { HttpConnectionManager as HcmMessage } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { CustomHeaderConfig } from '@lateen/protocol/envoy/extensions/http/original_ip_detection/custom_header/v3';
import { XffConfig } from '@lateen/protocol/envoy/extensions/http/original_ip_detection/xff/v3';
import type { HttpConnectionManager, IpDetection } from '../model/index.ts';
import { decodeCidr } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { typeNameOf } from './typed-any.ts';
import type { Scope } from './scope.ts';

const internalPolicy = fieldPolicy(hcm.HttpConnectionManager_InternalAddressConfig, ['cidrRanges'], {
  unixSockets: 'connections over unix sockets come from the same host and are internal',
});
const xffPolicy = fieldPolicy(XffConfig, ['xffNumTrustedHops']);
const customHeaderPolicy = fieldPolicy(CustomHeaderConfig, [
  'headerName',
  'allowExtensionToSetAddressAsTrusted',
  'rejectWithStatus',
]);

export const clientAddressPolicies = [internalPolicy, xffPolicy, customHeaderPolicy];

/** The number of a status that Envoy's API names: `Forbidden` -> 403. */
export function statusNumberOf(code: string | number | undefined, absent: number): number {
  if (typeof code === 'number') return code;
  if (code === undefined) return absent;
  const found = Object.entries(STATUS_CODES).find(([, text]) => text?.replace(/[^A-Za-z]/g, '') === code);
  return found === undefined ? absent : Number(found[0]);
}

/** Who the client of a request is, and whether it belongs to us. */
export function decodeClientAddress(
  scope: Scope,
  message: HcmMessage,
): Pick<HttpConnectionManager, 'internalRanges' | 'ipDetection'> {
  const internal = message.internalAddressConfig;
  if (internal !== undefined) scope.at('internalAddressConfig').check(internalPolicy, internal);
  const ranges = internal?.cidrRanges ?? [];
  const extensions = message.originalIpDetectionExtensions ?? [];
  if (
    extensions.length > 0 &&
    (message.useRemoteAddress === true || message.xffNumTrustedHops !== undefined)
  ) {
    scope
      .at('originalIpDetectionExtensions')
      .fail('cannot be combined with use_remote_address and xff_num_trusted_hops');
  }
  const at = scope.at('internalAddressConfig').at('cidrRanges');
  return {
    ...(ranges.length === 0 ? {} : { internalRanges: ranges.map((range, i) => decodeCidr(at.at(i), range)) }),
    ...(extensions.length === 0
      ? {}
      : {
          ipDetection: extensions.flatMap(({ typedConfig }, i): IpDetection[] => {
            const one = scope.at('originalIpDetectionExtensions').at(i).at('typedConfig');
            switch (typeNameOf(typedConfig)) {
              case XffConfig.typeName: {
                const config = one.unpack(XffConfig, typedConfig) ?? {};
                one.check(xffPolicy, config);
                return [{ kind: 'xff', trustedHops: config.xffNumTrustedHops ?? 0 }];
              }
              case CustomHeaderConfig.typeName: {
                const config = one.unpack(CustomHeaderConfig, typedConfig) ?? {};
                one.check(customHeaderPolicy, config);
                const { rejectWithStatus } = config;
                return [
                  {
                    kind: 'header',
                    header: (config.headerName ?? '').toLowerCase(),
                    trusted: config.allowExtensionToSetAddressAsTrusted ?? false,
                    ...(rejectWithStatus === undefined
                      ? {}
                      : { rejectStatus: rejectionStatus(statusNumberOf(rejectWithStatus.code, 403)) }),
                  },
                ];
              }
              default:
                one.fail(`${typeNameOf(typedConfig)} is not supported`);
                return [];
            }
          }),
        }),
  };
}

/** Only errors can refuse; Envoy takes 403 for everything else. */
function rejectionStatus(status: number): number {
  return status >= 400 ? status : 403;
}
