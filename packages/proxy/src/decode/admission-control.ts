import * as core from '@lateen/protocol/envoy/config/core/v3';
import * as admission from '@lateen/protocol/envoy/extensions/filters/http/admission_control/v3';
import type { AdmissionControl } from '../model/admission-control.ts';
import { fieldPolicy } from './field-policy.ts';
import { percentShare } from './percent.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(admission.AdmissionControl, [
  'enabled',
  'successCriteria',
  'samplingWindow',
  'aggression',
  'srThreshold',
  'rpsThreshold',
  'maxRejectionProbability',
]);
const criteriaPolicy = fieldPolicy(admission.AdmissionControl_SuccessCriteria, [
  'httpCriteria',
  'grpcCriteria',
]);
const httpPolicy = fieldPolicy(admission.AdmissionControl_SuccessCriteria_HttpCriteria, [
  'httpSuccessStatus',
]);
const grpcPolicy = fieldPolicy(admission.AdmissionControl_SuccessCriteria_GrpcCriteria, [
  'grpcSuccessStatus',
]);

export const admissionControlPolicies = [
  filterPolicy,
  criteriaPolicy,
  httpPolicy,
  grpcPolicy,
  fieldPolicy(core.RuntimePercent, ['defaultValue'], { runtimeKey: 'the default value is used' }),
];

/** OK, and what is the client's doing, in Envoy's view. */
const defaultGrpcSuccess = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16];

/** Of what the runtime may change the value that it has by default; `otherwise` in per cent. */
function shareOf(scope: Scope, percent: core.RuntimePercent | undefined, otherwise: number): number {
  return percentShare(scope.at('defaultValue'), percent && (percent.defaultValue ?? {}), otherwise);
}

function httpSuccessOf(
  scope: Scope,
  criteria: admission.AdmissionControl_SuccessCriteria_HttpCriteria | undefined,
): AdmissionControl['httpSuccess'] {
  scope.check(httpPolicy, criteria ?? {});
  const ranges = criteria?.httpSuccessStatus ?? [];
  if (ranges.length === 0) return [[100, 500]];
  return ranges.map(({ start = 0, end = 0 }, i) => {
    const at = scope.at('httpSuccessStatus').at(i);
    if (start < 100 || end > 600 || start > end) at.fail('must be within 100 to 600, with start below end');
    return [start, end];
  });
}

/** When requests are refused for the failures of others. */
export function decodeAdmissionControl(scope: Scope, message: admission.AdmissionControl): AdmissionControl {
  scope.check(filterPolicy, message);
  const { successCriteria, enabled } = message;
  const at = scope.at('successCriteria');
  if (successCriteria === undefined) at.fail('must be set');
  at.check(criteriaPolicy, successCriteria ?? {});
  const grpc = successCriteria?.grpcCriteria ?? {};
  at.at('grpcCriteria').check(grpcPolicy, grpc);
  const { grpcSuccessStatus = [] } = grpc;
  if (grpcSuccessStatus.some((code) => code > 16))
    at.at('grpcCriteria').at('grpcSuccessStatus').fail('must be statuses from 0 to 16');
  const successThreshold = shareOf(scope.at('srThreshold'), message.srThreshold, 95);
  if (successThreshold < 0.01) scope.at('srThreshold').fail('must be at least 1 per cent');
  const windowMs = message.samplingWindow ?? 30_000;
  if (windowMs < 1_000) scope.at('samplingWindow').fail('must be at least a second');
  return {
    enabled: enabled === undefined ? () => true : scope.flag(enabled),
    httpSuccess: httpSuccessOf(at.at('httpCriteria'), successCriteria?.httpCriteria),
    grpcSuccess: new Set(grpcSuccessStatus.length === 0 ? defaultGrpcSuccess : grpcSuccessStatus),
    windowMs,
    aggression: Math.max(1, message.aggression?.defaultValue ?? 1),
    successThreshold: Math.max(0.01, successThreshold),
    minRequestsPerSecond: message.rpsThreshold?.defaultValue ?? 0,
    maxRejectedShare: shareOf(scope.at('maxRejectionProbability'), message.maxRejectionProbability, 80),
  };
}
