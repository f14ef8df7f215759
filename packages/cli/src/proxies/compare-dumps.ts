import { listOf, messageIn, parse, textIn, typeOf, type Message } from './config-dump.ts';

/** A kind of resources in a dump: where its versions are in the control plane's and in the proxy's. */
interface Kind {
  readonly title: string;
  readonly part: string;
  readonly list: string;
  readonly resource: string;
  /** Where the version stands within an entry, if not in it. */
  readonly state?: string;
}

const kinds: readonly Kind[] = [
  { title: 'Clusters', part: 'ClustersConfigDump', list: 'dynamic_active_clusters', resource: 'cluster' },
  {
    title: 'Listeners',
    part: 'ListenersConfigDump',
    list: 'dynamic_listeners',
    resource: 'listener',
    state: 'active_state',
  },
  { title: 'Routes', part: 'RoutesConfigDump', list: 'dynamic_route_configs', resource: 'route_config' },
];

/** One line for each kind whose versions are the same, else what differs, and what the proxy refuses; of the two dumps. */
export function compareDumps(controlPlane: string, proxy: string): readonly string[] {
  const sent = parse(controlPlane);
  const has = parse(proxy);
  return kinds.flatMap((kind) => {
    const wanted = versionsOf(sent, kind);
    const present = versionsOf(has, kind);
    const refused = refusalsOf(has, kind);
    const differences = [...new Set([...wanted.keys(), ...present.keys()])].toSorted().flatMap((name) => {
      const reason = refused.get(name);
      if (reason !== undefined) return [`  - ${name} is refused: ${reason}`];
      if (!present.has(name)) return [`  - ${name} has not come to the proxy`];
      if (!wanted.has(name)) return [`  - ${name} is the proxy's alone`];
      return wanted.get(name) === present.get(name) ? [] : [`  - ${name} is of another version`];
    });
    return differences.length === 0 ? [`${kind.title} Match`] : [`${kind.title} Don't Match`, ...differences];
  });
}

/** Versions by name. The control plane names fields in camelCase, Envoy as the proto files do. */
function versionsOf(dump: Message, kind: Kind): ReadonlyMap<string, string> {
  return new Map(
    entriesOf(dump, kind).map((entry) => {
      const state = stateOf(entry, kind);
      return [nameOf(entry, kind), textIn(state, 'version_info') || textIn(state, 'versionInfo')];
    }),
  );
}

/** Why the proxy does not take the version that it was sent last, by name. */
function refusalsOf(dump: Message, kind: Kind): ReadonlyMap<string, string> {
  return new Map(
    entriesOf(dump, kind).flatMap((entry) => {
      const failure = either(entry, 'error_state');
      const details = textIn(failure, 'details');
      const failed = either(failure, 'failed_configuration');
      return details === '' ? [] : [[nameOf(entry, kind) || textIn(failed, 'name'), details]];
    }),
  );
}

function entriesOf(dump: Message, kind: Kind): readonly Message[] {
  const part = listOf(dump, 'configs').find((one) => typeOf(one) === `envoy.admin.v3.${kind.part}`) ?? {};
  return [...listOf(part, kind.list), ...listOf(part, inCamelCase(kind.list))];
}

function stateOf(entry: Message, kind: Kind): Message {
  return kind.state === undefined ? entry : either(entry, kind.state);
}

function nameOf(entry: Message, kind: Kind): string {
  return textIn(entry, 'name') || textIn(either(stateOf(entry, kind), kind.resource), 'name');
}

function either(message: Message, field: string): Message {
  const found = messageIn(message, field);
  return Object.keys(found).length > 0 ? found : messageIn(message, inCamelCase(field));
}

function inCamelCase(field: string): string {
  return field.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
