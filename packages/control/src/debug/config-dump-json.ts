import { toJson, typeRegistry } from '@lateen/protocol';
import { allTypes } from '@lateen/protocol/all-types';
import { ConfigDump } from '@lateen/protocol/envoy/admin/v3';
import type { Connection } from '../push/connection.ts';
import { configDump } from './config-dump.ts';

const registry = typeRegistry(allTypes);

/** {@link configDump} for people, without what is secret. Loads all message types. */
export function configDumpJson(connection: Connection): unknown {
  return toJson(ConfigDump, configDump(connection), { registry, redact: true });
}
