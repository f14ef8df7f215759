import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command, InvalidArgumentError } from 'commander';
import { LateenError, messageOf } from '@lateen/core';
import type { CommandContext } from '../context.ts';
import { kubeCommand, openScope, type ObjectOptions } from '../objects/kube-command.ts';
import { openBrowser } from '../output/open-browser.ts';
import { proxyAdmin, type ProxyAdmin } from '../proxies/proxy-admin.ts';

interface Options extends ObjectOptions {
  readonly port: number;
  readonly browser: boolean;
}

/** Pages of Istio's add-ons, which are programs of others. */
const addons = ['grafana', 'jaeger', 'kiali', 'prometheus', 'skywalking', 'zipkin'];

/** `dashboard envoy`: the admin pages of a proxy on a local port, until it is interrupted. */
export function dashboardCommand(context: CommandContext): Command {
  const { programName } = context;
  const envoy = kubeCommand('envoy')
    .alias('proxy')
    .description('Serves the admin pages of a proxy on the loopback, and opens a browser there.')
    .argument('<proxy>', 'POD or TYPE/NAME, with .NAMESPACE where no -n says it')
    .option('-p, --port <number>', 'port on the loopback; any that is free where left out', parsePort, 0)
    .option('--no-browser', 'do not open a browser')
    .addHelpText('after', `\nExample:\n  ${programName} dashboard envoy deploy/productpage-v1`)
    .action(async (word: string, options: Options) => {
      const scope = await openScope(context, options);
      try {
        const admin = await proxyAdmin(scope, word, options.namespace !== undefined);
        const server = createServer((request, response) => void relay(admin, request, response));
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject);
          server.listen(options.port, '127.0.0.1', resolve);
        });
        const url = `http://localhost:${(server.address() as AddressInfo).port}`;
        context.stdout.write(`${url}\n`);
        if (options.browser && context.stdout.isTerminal) openBrowser(url);
        await new Promise<void>((resolve) => {
          for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
        });
        server.close();
        server.closeAllConnections();
      } finally {
        scope.client.close();
      }
    });
  const dashboard = new Command('dashboard')
    .description(`Opens the pages of a proxy. The graph of the mesh is \`${programName} console\`.`)
    .addCommand(envoy);
  for (const name of addons) {
    dashboard.addCommand(
      new Command(name).allowExcessArguments().action(() => {
        throw new LateenError('cli.noAddon', `${name} is not part of an installation`, {
          hint: `${programName} console shows the graph of the mesh, its traffic and its configuration; where ${name} runs in your cluster: kubectl port-forward`,
        });
      }),
      { hidden: true },
    );
  }
  return dashboard;
}

/** Asks the proxy what the browser asks. Pages that change something need the method that Envoy wants for them: POST. */
async function relay(admin: ProxyAdmin, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  const isPage = url === '/' || url.startsWith('/?');
  try {
    const body = await admin.ask(method, url);
    const type = isPage ? 'text/html' : /^[[{]/.test(body) ? 'application/json' : 'text/plain';
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body);
  } catch (error) {
    response.writeHead(502, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`);
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('It must be a port: 0 to 65535.');
  }
  return port;
}
