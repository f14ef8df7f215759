import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { LateenError } from '@lateen/core';
import type { CommandContext } from '../context.ts';
import { kubeCommand, openScope, type ObjectOptions } from '../objects/kube-command.ts';
import { alignColumns } from '../output/table.ts';
import { clusterRows, matchesCluster, type ClusterFilter } from '../proxies/cluster-summary.ts';
import { parse, readConfigDump, textIn, type Message } from '../proxies/config-dump.ts';
import { endpointRows, type EndpointFilter } from '../proxies/endpoint-summary.ts';
import { listenerRows, matchesListener, type ListenerFilter } from '../proxies/listener-summary.ts';
import { formatted, inCamelCase, type OutputFormat } from '../proxies/message-output.ts';
import { proxyAdmin } from '../proxies/proxy-admin.ts';
import { routeRows } from '../proxies/route-summary.ts';
import { secretRows } from '../proxies/secret-summary.ts';

/** All that the parts may be asked; each has options for some of it. */
interface Options extends ObjectOptions, ClusterFilter, ListenerFilter, EndpointFilter {
  readonly file?: string;
  readonly name?: string;
  readonly output: 'short' | OutputFormat;
}

/** What was read of a proxy, or of a file with what its admin port answers. */
type Read = (path: string) => Promise<string>;

type Rows = readonly (readonly string[])[];

/** `proxy-config`: what a proxy has, from its admin port. */
export function proxyConfigCommand(context: CommandContext): Command {
  const { programName } = context;
  const part = (
    name: string,
    aliases: readonly string[],
    about: string,
    show: (read: Read, options: Options) => Promise<string>,
  ): Command => {
    const command = proxyCommand(name)
      .aliases([...aliases])
      .description(about)
      .option('-f, --file <file>', 'a configuration dump in place of a proxy; `-` for standard input')
      .addOption(
        new Option('-o, --output <format>', 'how it is printed')
          .choices(['short', 'json', 'yaml'])
          .default('short'),
      );
    return command.action(async (word: string | undefined, options: Options) => {
      context.stdout.write(await withRead(context, word, options, (read) => show(read, options)));
    });
  };
  const clusters = part(
    'cluster',
    ['clusters', 'c'],
    'The clusters of a proxy: the services that it knows.',
    async (read, options) => {
      const found = (await dumpOf(read)).clusters.filter((one) => matchesCluster(one, options));
      return shown(options, found, () => clusterRows(found));
    },
  )
    .option('--fqdn <name>', 'only of hosts with this in their name')
    .option('--port <number>', 'only of this port')
    .option('--subset <name>', 'only of this subset')
    .option('--direction <word>', 'inbound or outbound');
  const listeners = part(
    'listener',
    ['listeners', 'l'],
    'The listeners of a proxy, and where their filter chains lead.',
    async (read, options) => {
      const found = (await dumpOf(read)).listeners.filter((one) => matchesListener(one, options));
      return shown(options, found, () => listenerRows(found));
    },
  )
    .option('--address <ip>', 'only of this address')
    .option('--port <number>', 'only of this port')
    .option('--type <word>', 'HTTP, TCP or HTTP+TCP');
  const routes = part(
    'route',
    ['routes', 'r'],
    'The routes of a proxy, and the VirtualServices that they come from.',
    async (read, options) => {
      const found = (await dumpOf(read)).routes.filter(
        (one) => options.name === undefined || textIn(one, 'name') === options.name,
      );
      return shown(options, found, () => routeRows(found));
    },
  ).option('--name <name>', 'only the route configuration of this name');
  const endpoints = part(
    'endpoint',
    ['endpoints', 'ep'],
    'The endpoints of a proxy, and how they fare.',
    async (read, options) => {
      const status = parse(await read('clusters?format=json'));
      const filtered = endpointRows(status, options);
      if (options.output === 'short') return alignColumns(filtered);
      const names = new Set(filtered.slice(1).map((row) => row[3]));
      const list = status['cluster_statuses'];
      const kept = Array.isArray(list) ? list.filter((one: Message) => names.has(textIn(one, 'name'))) : [];
      return formatted(kept, options.output);
    },
  )
    .option('--address <ip>', 'only of this address')
    .option('--port <number>', 'only of this port')
    .option('--cluster <name>', 'only of this cluster')
    .option('--status <word>', 'healthy or unhealthy');
  const secrets = part(
    'secret',
    ['secrets', 's'],
    'The certificates that a proxy has; never their keys.',
    async (read, options) => {
      const found = (await dumpOf(read)).secrets;
      const messages = found.map(({ secret }) => secret);
      return shown(options, messages, () => secretRows(found, context.clock.now()));
    },
  );
  const bootstrap = part('bootstrap', ['b'], 'What a proxy was started with.', async (read, options) => {
    const dump = await dumpOf(read);
    return formatted({ bootstrap: dump.bootstrap }, options.output === 'yaml' ? 'yaml' : 'json');
  });
  const all = part('all', ['a'], 'All of the above, or the whole dump.', async (read, options) => {
    const text = await read('config_dump');
    if (options.output !== 'short') return formatted(parse(text), options.output);
    const dump = readConfigDump(text);
    const tables = [clusterRows(dump.clusters), listenerRows(dump.listeners), routeRows(dump.routes)];
    return tables.map(alignColumns).join('\n');
  });
  return new Command('proxy-config')
    .description('What a proxy has been told, as its admin port says.')
    .addHelpText(
      'after',
      `\nExamples:\n  ${programName} proxy-config clusters deploy/productpage-v1 --fqdn reviews\n  ${programName} pc routes productpage-v1-6b746f74dc-9stvs.default --name 9080 -o json\n  ${programName} pc log deploy/reviews-v1 --level rbac:debug`,
    )
    .addCommand(clusters)
    .addCommand(listeners)
    .addCommand(routes)
    .addCommand(endpoints)
    .addCommand(secrets)
    .addCommand(bootstrap)
    .addCommand(all)
    .addCommand(logCommand(context));
}

function proxyCommand(name: string): Command {
  return kubeCommand(name).argument('[proxy]', 'POD or TYPE/NAME, with .NAMESPACE where no -n says it');
}

async function dumpOf(read: Read): Promise<ReturnType<typeof readConfigDump>> {
  return readConfigDump(await read('config_dump'));
}

async function shown(options: Options, messages: readonly Message[], rows: () => Rows): Promise<string> {
  return options.output === 'short'
    ? alignColumns(rows())
    : formatted(await inCamelCase(messages), options.output);
}

/** Hands over how pages are read: from the proxy named, else from the file. */
async function withRead(
  context: CommandContext,
  word: string | undefined,
  options: Options,
  show: (read: Read) => Promise<string>,
): Promise<string> {
  const { file } = options;
  if (file !== undefined) {
    return show(() => (file === '-' ? readAll(context.stdin) : readFile(file, 'utf8')));
  }
  if (word === undefined) throw noProxyNamed();
  const scope = await openScope(context, options);
  try {
    const admin = await proxyAdmin(scope, word, options.namespace !== undefined);
    return await show((path) => admin.ask('GET', path));
  } finally {
    scope.client.close();
  }
}

function noProxyNamed(): LateenError {
  return new LateenError('cli.noPod', 'say which proxy: POD, POD.NAMESPACE or TYPE/NAME such as deploy/web');
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString('utf8');
}

interface LogOptions extends ObjectOptions {
  readonly level?: string;
  readonly reset?: boolean;
}

/** Istio's level of every logger where nobody said another. */
const standardLevel = 'warning';

function logCommand(context: CommandContext): Command {
  return proxyCommand('log')
    .alias('o')
    .description('Shows or sets the levels of the log of a proxy.')
    .option('--level <levels>', 'LEVEL for all, or LOGGER:LEVEL,…')
    .option('-r, --reset', `all to ${standardLevel}`)
    .action(async (word: string | undefined, options: LogOptions) => {
      if (word === undefined) throw noProxyNamed();
      const scope = await openScope(context, options);
      try {
        const admin = await proxyAdmin(scope, word, options.namespace !== undefined);
        const { name, namespace } = admin.pod.metadata;
        const answer = await admin.ask('POST', `logging${queryOf(options)}`);
        context.stdout.write(`${name}.${namespace}:\n${answer.trimEnd()}\n`);
      } finally {
        scope.client.close();
      }
    });
}

function queryOf({ level, reset }: LogOptions): string {
  const wanted = reset === true ? standardLevel : level;
  if (wanted === undefined) return '';
  return wanted.includes(':')
    ? `?paths=${encodeURIComponent(wanted)}`
    : `?level=${encodeURIComponent(wanted)}`;
}
