import type { ConfigObject } from '@lateen/config';

/** Kinds that are kept and not yet put in force, with what that means for whoever counts on them. */
const withoutEffect: Readonly<Record<string, string>> = {
  EnvoyFilter: 'no proxy is changed by it',
  Telemetry: 'metrics, traces and logs stay as they are',
  WasmPlugin: 'no plugin is loaded by it',
  ProxyConfig: 'no proxy is changed by it',
};

/** The warning for an object that is accepted and has no effect; undefined for all others. */
export function warningOfNoEffect({
  kind,
  metadata,
}: Pick<ConfigObject, 'kind' | 'metadata'>): string | undefined {
  const consequence = withoutEffect[kind];
  if (consequence === undefined) return undefined;
  return `${kind} ${metadata.name} is kept but NOT IN FORCE: this version does not act on the kind, ${consequence}`;
}
