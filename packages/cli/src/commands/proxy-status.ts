import { Option, type Command } from 'commander';
import { parseSyncStatus, type ProxyRow } from '@lateen/console';
import { LateenError } from '@lateen/core';
import { isPodReady, objectPath, resources, type HttpKubeClient, type Pod } from '@lateen/kube';
import type { CommandContext } from '../context.ts';
import { kubeCommand, openScope, type ObjectOptions } from '../objects/kube-command.ts';
import { alignColumns } from '../output/table.ts';
import { compareDumps } from '../proxies/compare-dumps.ts';
import { formatted, type OutputFormat } from '../proxies/message-output.ts';
import { proxyAdmin } from '../proxies/proxy-admin.ts';

interface Options extends ObjectOptions {
  readonly output?: OutputFormat;
  readonly istioNamespace: string;
}

interface Row extends ProxyRow {
  readonly istiod: string;
}

const debugPort = 15_014;
/** Columns, and the kinds of resources that they are about. */
const columns = [
  ['CDS', 'cluster'],
  ['LDS', 'listener'],
  ['EDS', 'endpoint'],
  ['RDS', 'route'],
  ['ECDS', 'extensionconfig'],
] as const;

/** `proxy-status`: how far each proxy has followed the control plane; of one proxy, what it lacks. */
export function proxyStatusCommand(context: CommandContext): Command {
  return kubeCommand('proxy-status')
    .description('Shows how far each proxy has followed the control plane; of one proxy, what differs.')
    .argument('[proxy]', 'POD or TYPE/NAME, with .NAMESPACE where no -n says it')
    .option('-i, --istioNamespace <name>', 'where the control plane is', 'istio-system')
    .addOption(new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml']))
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.programName} proxy-status\n  ${context.programName} ps deploy/web`,
    )
    .action(async (word: string | undefined, options: Options) => {
      const scope = await openScope(context, options);
      try {
        const control = await controlPlanePods(scope.client, options.istioNamespace);
        if (word === undefined) {
          const rows = await statusOf(scope.client, control, options.namespace);
          context.stdout.write(
            options.output === undefined ? alignColumns(table(rows)) : formatted(rows, options.output),
          );
          return;
        }
        const admin = await proxyAdmin(scope, word, options.namespace !== undefined);
        const { name, namespace } = admin.pod.metadata;
        const [sent, has] = await Promise.all([
          sentTo(scope.client, control, `${name}.${namespace}`),
          admin.ask('GET', 'config_dump?include_eds'),
        ]);
        context.stdout.write(
          compareDumps(sent, has)
            .map((line) => `${line}\n`)
            .join(''),
        );
      } finally {
        scope.client.close();
      }
    });
}

async function controlPlanePods(client: HttpKubeClient, namespace: string): Promise<readonly Pod[]> {
  const { items } = await client.list<Pod>(resources.pods, { namespace, labelSelector: 'app=istiod' });
  const running = items.filter(isPodReady);
  if (running.length > 0) return running;
  throw new LateenError('cli.noControlPlane', `no istiod is ready in namespace ${namespace}`, {
    hint: `see kubectl get pods -n ${namespace}; -i names another namespace`,
  });
}

async function debugPage(client: HttpKubeClient, pod: Pod, path: string): Promise<string> {
  const { namespace, name } = pod.metadata;
  const target = `${objectPath(resources.pods, namespace, `${name}:${debugPort}`, 'proxy')}${path}`;
  const answer = await client.call({ method: 'GET', path: target, accept: '*/*' });
  return typeof answer === 'string' ? answer : JSON.stringify(answer);
}

async function statusOf(
  client: HttpKubeClient,
  control: readonly Pod[],
  namespace: string | undefined,
): Promise<readonly Row[]> {
  const answers = await Promise.all(
    control.map(async (pod) => {
      const rows = parseSyncStatus(await debugPage(client, pod, '/debug/syncz'));
      return rows.map((row) => ({ ...row, istiod: pod.metadata.name }));
    }),
  );
  return answers
    .flat()
    .filter((row) => namespace === undefined || row.namespace === namespace)
    .toSorted((a, b) => `${a.name}.${a.namespace}`.localeCompare(`${b.name}.${b.namespace}`));
}

function table(rows: readonly Row[]): readonly (readonly string[])[] {
  return [
    ['NAME', 'CLUSTER', ...columns.map(([title]) => title), 'ISTIOD', 'VERSION'],
    ...rows.map((row) => [
      `${row.name}.${row.namespace}`,
      'Kubernetes',
      ...columns.map(([, kind]) => row.kinds.find((one) => one.kind === kind)?.state ?? 'NOT SENT'),
      row.istiod,
      row.version ?? '',
    ]),
  ];
}

/** What the replica that a proxy is connected to has sent it. */
async function sentTo(client: HttpKubeClient, control: readonly Pod[], proxy: string): Promise<string> {
  for (const pod of control) {
    const page = `/debug/config_dump?proxyID=${encodeURIComponent(proxy)}`;
    const answer = await debugPage(client, pod, page).catch(() => undefined);
    if (answer !== undefined) return answer;
  }
  throw new LateenError('cli.notConnected', `${proxy} is connected to no istiod`, {
    hint: `its log says why: kubectl logs ${proxy.replace(/\.([^.]*)$/, ' -n $1')} -c istio-proxy`,
  });
}
