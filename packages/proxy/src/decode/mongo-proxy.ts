import type { FaultDelay } from '@lateen/protocol/envoy/extensions/filters/common/fault/v3';
import * as mongo from '@lateen/protocol/envoy/extensions/filters/network/mongo_proxy/v3';
import type { MongoProxy } from '../model/index.ts';
import { decodeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(mongo.MongoProxy, [
  'statPrefix',
  'accessLog',
  'delay',
  'emitDynamicMetadata',
  'commands',
]);

export const mongoPolicies = [filterPolicy];

const standardCommands = ['delete', 'insert', 'update'];

/** A filter that watches connections to MongoDB. */
export function decodeMongoProxy(scope: Scope, message: mongo.MongoProxy): MongoProxy {
  scope.check(filterPolicy, message);
  const { accessLog, delay, commands = [] } = message;
  return {
    kind: 'mongo_proxy',
    statPrefix: message.statPrefix ?? '',
    ...(accessLog === undefined ? {} : { accessLog }),
    ...(delay === undefined ? {} : { delay: decodeDelay(scope.at('delay'), delay) }),
    emitMetadata: message.emitDynamicMetadata ?? false,
    commands: commands.length === 0 ? standardCommands : commands,
  };
}

function decodeDelay(scope: Scope, delay: FaultDelay): NonNullable<MongoProxy['delay']> {
  if (delay.fixedDelay === undefined) scope.fail('must be a fixed_delay: there are no headers');
  return {
    fixedMs: delay.fixedDelay ?? 0,
    fraction: decodeFraction(scope.at('percentage'), delay.percentage),
  };
}
