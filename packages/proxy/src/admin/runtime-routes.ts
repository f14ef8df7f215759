import type { Runtime } from '../runtime/runtime.ts';
import { done, json, text, type AdminRoute } from './admin-request.ts';

/** `/runtime` and `/runtime_modify`, in Envoy's shape. */
export function runtimeRoutes(runtime: Runtime): readonly AdminRoute[] {
  return [
    {
      path: '/runtime',
      help: 'print runtime values',
      handle: () => json(describe(runtime)),
    },
    {
      path: '/runtime_modify',
      help: 'add or change runtime values, as ?key1=value1&key2=value2; an empty value removes what was added here',
      mutates: true,
      handle({ query }) {
        if (query.size === 0) {
          return text(
            'usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n       or send the parameters as form values\nuse an empty value to remove a previously added override',
            400,
          );
        }
        return runtime.modify(query) ? done : text('No admin layer specified', 503);
      },
    },
  ];
}

function describe(runtime: Runtime): unknown {
  const { layers, values } = runtime;
  const entries: Record<string, unknown> = {};
  for (const [key, { text: final }] of [...values].sort(([a], [b]) => (a < b ? -1 : 1))) {
    entries[key] = {
      final_value: final,
      layer_values: layers.map((layer) => layer.values.get(key)?.text ?? ''),
    };
  }
  return { entries, layers: layers.map(({ name }) => name) };
}
