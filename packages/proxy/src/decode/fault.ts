import * as faultCommon from '@lateen/protocol/envoy/extensions/filters/common/fault/v3';
import * as fault from '@lateen/protocol/envoy/extensions/filters/http/fault/v3';
import type { FaultPolicy } from '../model/index.ts';
import { decodeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import type { Scope } from './scope.ts';

const noRuntime = 'faults are not changed by runtime';

const faultPolicyPolicy = fieldPolicy(
  fault.HTTPFault,
  ['delay', 'abort', 'upstreamCluster', 'headers', 'maxActiveFaults', 'downstreamNodes', 'responseRateLimit'],
  {
    delayPercentRuntime: noRuntime,
    abortPercentRuntime: noRuntime,
    delayDurationRuntime: noRuntime,
    abortHttpStatusRuntime: noRuntime,
    maxActiveFaultsRuntime: noRuntime,
    responseRateLimitPercentRuntime: noRuntime,
    abortGrpcStatusRuntime: noRuntime,
    disableDownstreamClusterStats: 'adds statistics only',
    filterMetadata: 'nothing of this proxy reads it',
  },
);
const delayPolicy = fieldPolicy(faultCommon.FaultDelay, ['fixedDelay', 'headerDelay', 'percentage']);
const abortPolicy = fieldPolicy(fault.FaultAbort, ['httpStatus', 'grpcStatus', 'headerAbort', 'percentage']);
const ratePolicy = fieldPolicy(faultCommon.FaultRateLimit, ['fixedLimit', 'headerLimit', 'percentage']);

export const faultPolicies = [faultPolicyPolicy, delayPolicy, abortPolicy, ratePolicy];

/** What is done to a share of the requests. */
export function decodeFault(scope: Scope, message: fault.HTTPFault): FaultPolicy {
  scope.check(faultPolicyPolicy, message);
  const delay = message.delay === undefined ? undefined : decodeDelay(scope.at('delay'), message.delay);
  const abort = message.abort === undefined ? undefined : decodeAbort(scope.at('abort'), message.abort);
  return {
    ...(delay === undefined ? {} : { delay }),
    ...(abort === undefined ? {} : { abort }),
    headers: (message.headers ?? []).map((header, i) => decodeHeaderMatch(scope.at('headers').at(i), header)),
    upstreamCluster: message.upstreamCluster ?? '',
    ...(message.maxActiveFaults === undefined ? {} : { maxActiveFaults: message.maxActiveFaults }),
    ...(message.downstreamNodes === undefined ? {} : { downstreamNodes: message.downstreamNodes }),
    ...(message.responseRateLimit === undefined
      ? {}
      : { rate: decodeRate(scope.at('responseRateLimit'), message.responseRateLimit) }),
  };
}

function decodeDelay(scope: Scope, message: faultCommon.FaultDelay): NonNullable<FaultPolicy['delay']> {
  scope.check(delayPolicy, message);
  const fraction = decodeFraction(scope.at('percentage'), message.percentage);
  if (message.headerDelay !== undefined) return { fromHeader: true, fraction };
  const fixedMs = message.fixedDelay ?? 0;
  if (fixedMs <= 0) scope.at('fixedDelay').fail('must be more than 0s');
  return { fixedMs, fraction };
}

function decodeAbort(scope: Scope, message: fault.FaultAbort): NonNullable<FaultPolicy['abort']> {
  scope.check(abortPolicy, message);
  const fraction = decodeFraction(scope.at('percentage'), message.percentage);
  if (message.headerAbort !== undefined) return { kind: 'header', fraction };
  if (message.grpcStatus !== undefined) return { kind: 'grpc', status: message.grpcStatus, fraction };
  const status = message.httpStatus ?? 0;
  if (status < 200 || status > 599) scope.at('httpStatus').fail(`${status} is not a status from 200 to 599`);
  return { kind: 'http', status, fraction };
}

function decodeRate(scope: Scope, message: faultCommon.FaultRateLimit): NonNullable<FaultPolicy['rate']> {
  scope.check(ratePolicy, message);
  const fraction = decodeFraction(scope.at('percentage'), message.percentage);
  if (message.headerLimit !== undefined) return { fraction };
  const kibPerSecond = message.fixedLimit?.limitKbps ?? 0;
  if (kibPerSecond < 1) scope.at('fixedLimit').at('limitKbps').fail('must be at least 1');
  return { kibPerSecond, fraction };
}
