import { LateenError, type Problem } from '@lateen/core';
import { createDataPlane } from '../create-data-plane.ts';
import type { RefusedResource } from '../model/index.ts';
import { formatProblems, type ProxyBootstrap } from './bootstrap.ts';

/** What a proxy does not start with: all problems, where they are known with file, line and column. */
export class RefusedBootstrap extends LateenError {
  readonly problems: readonly Problem[];

  constructor(list: readonly Problem[]) {
    super('EBOOTSTRAP', `the bootstrap is refused:\n  ${formatProblems(list)}`, hintFor(list));
    this.problems = list;
  }
}

/** What can be done about an extension that is not here; of other problems the messages say it. */
function hintFor(list: readonly Problem[]): { readonly hint?: string } {
  const types = list.flatMap(({ message }) => /^@type (?:\S*\/)?(\S+) is not known/.exec(message)?.[1] ?? []);
  if (types.length === 0) return {};
  const runs = types.some((type) => /\.(?:lua|wasm|golang|dynamic_modules)\./.test(type));
  const why = runs ? 'programs within the proxy (Lua, Wasm, Go) are not run; ' : '';
  return {
    hint: `${why}take out what is not known, or have Envoy serve it: docs/proxy-fields.md lists what there is`,
  };
}

/** Problems of static resources with their paths in the bootstrap: `static_resources.listeners[0].filter_chains[1]`. */
export function staticProblems(
  { listeners, clusters, secrets }: Pick<ProxyBootstrap, 'listeners' | 'clusters' | 'secrets'>,
  refused: readonly RefusedResource[],
): readonly Problem[] {
  const names: Readonly<Record<string, readonly string[]>> = {
    listeners: listeners.map(({ model }) => model.name),
    clusters: clusters.map(({ model }) => model.name),
    secrets: secrets.map(({ name }) => name),
  };
  return refused.flatMap(({ kind, name, problems }) => {
    const at = `static_resources.${kind}[${names[kind]?.indexOf(name) ?? -1}]`;
    return problems.map((one) => ({ ...one, path: one.path === '' ? at : `${at}.${one.path}` }));
  });
}

/** Compiles the static resources as serving them would, and says what is wrong: no socket is bound. */
export async function checkStatics(bootstrap: ProxyBootstrap): Promise<readonly Problem[]> {
  const { identity, localClusterName, runtime } = bootstrap;
  const dataPlane = createDataPlane({ node: identity, localClusterName, runtime });
  try {
    const { refused } = await dataPlane.check({
      secrets: { set: bootstrap.secrets },
      clusters: { set: bootstrap.clusters.map(({ model }) => model) },
      listeners: { set: bootstrap.listeners.map(({ model }) => model) },
    });
    return staticProblems(bootstrap, refused);
  } finally {
    await dataPlane.close();
  }
}
