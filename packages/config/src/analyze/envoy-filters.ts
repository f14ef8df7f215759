import type { EnvoyFilter } from '../kinds/config-object.ts';
import { configName, type MeshView } from './mesh-view.ts';
import { message, type Message, type MessageCode } from './message.ts';

type Patch = NonNullable<EnvoyFilter['spec']['configPatches']>[number];

/** Operations on one kind of resource only, whose outcome depends on what others have done before. */
const relative: ReadonlySet<string> = new Set([
  'MERGE',
  'REMOVE',
  'REPLACE',
  'INSERT_BEFORE',
  'INSERT_AFTER',
]);
/** Kinds of which whole resources can be replaced. */
const replaced: ReadonlySet<string> = new Set([
  'NETWORK_FILTER',
  'HTTP_FILTER',
  'LISTENER_FILTER',
  'VIRTUAL_HOST',
]);

/** Operations that do nothing to what they are applied to, and patches whose order among EnvoyFilters is left to chance. */
export function patchOperations(view: MeshView): Message[] {
  const filters = view.configs.filter((config) => config.kind === 'EnvoyFilter');
  const versioned = new Map<string, EnvoyFilter>();
  for (const filter of filters) {
    for (const patch of filter.spec.configPatches ?? []) {
      const subject = subjectOf(patch);
      if (patch.match?.proxy?.proxyVersion !== undefined && subject !== undefined)
        versioned.set(subject, filter);
    }
  }
  return filters.flatMap((filter) =>
    (filter.spec.configPatches ?? []).flatMap((patch, index) => {
      const found = ofPatch(patch, filter, versioned);
      if (found === undefined) return [];
      const [code, text] = found;
      return [message(code, configName(filter), `spec.configPatches[${index}].patch.operation`, text)];
    }),
  );
}

function ofPatch(
  patch: Patch,
  filter: EnvoyFilter,
  versioned: ReadonlyMap<string, EnvoyFilter>,
): readonly [MessageCode, string] | undefined {
  const { applyTo = 'INVALID', patch: { operation = 'INVALID' } = {} } = patch;
  const nothing = `${operation} does nothing to ${applyTo}`;
  if (applyTo === 'ROUTE_CONFIGURATION') {
    if (operation === 'ADD') return ['IST0153', `${nothing}: use MERGE`];
    if (operation === 'REMOVE') return ['IST0154', `${nothing}: use MERGE`];
  }
  if (operation === 'REPLACE' && !replaced.has(applyTo))
    return ['IST0152', `${nothing}: it replaces ${[...replaced].join(', ')}`];
  if (!relative.has(operation) || (filter.spec.priority ?? 0) !== 0) return undefined;
  const advice = 'set spec.priority, or use ADD or INSERT_FIRST';
  const subject = subjectOf(patch);
  const other = subject === undefined ? undefined : versioned.get(subject);
  if (other !== undefined && other !== filter) {
    const { namespace, name } = configName(other);
    return [
      'IST0155',
      `${operation} depends on what other EnvoyFilters did before, and ${namespace}/${name} is for some versions of the proxy only: ${advice}`,
    ];
  }
  return ['IST0151', `${operation} depends on what other EnvoyFilters did before: ${advice}`];
}

/** What a patch is about: the name in its value, else that of the filter that it matches. */
function subjectOf({ match, patch }: Patch): string | undefined {
  const name = patch?.value?.['name'];
  return typeof name === 'string' ? name : match?.listener?.filterChain?.filter?.name;
}
