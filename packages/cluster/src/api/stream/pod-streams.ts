import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@lateen/core';
import type { Pod } from '@lateen/kube';
import type { ContainerRef, ExecSession, NodeAgent } from '../../runtime/node-agent.ts';
import type { ApiRequest, ApiResponse } from '../http/api-request.ts';
import { badRequest, failure } from '../status.ts';
import {
  acceptChannels,
  acceptProtocol,
  channelProtocols,
  offeredProtocols,
  offersChannels,
} from './channel-socket.ts';
import { chooseContainer } from './choose-container.ts';
import { podLog } from './pod-log.ts';
import { channelsProtocol, serveChannels } from './port-forward-channels.ts';
import { serveTunnel, tunnelProtocol } from './port-forward-tunnel.ts';
import { runRemoteCommand } from './remote-command.ts';

export interface PodStreamsOptions {
  readonly clock: Clock;
  /** Rejects with `NotFound` where there is no such pod. */
  readonly getPod: (namespace: string, name: string) => Promise<Pod>;
}

/** A subresource of a pod whose other end is the node. */
export interface PodSubresource {
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

const upgraded: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward']);

/** `log`, `exec`, `attach` and `portforward` of pods; the node's end is connected once the node runs. */
export class PodStreams {
  readonly #options: PodStreamsOptions;
  #agent: NodeAgent | undefined;

  constructor(options: PodStreamsOptions) {
    this.#options = options;
  }

  connectNode(agent: NodeAgent): void {
    this.#agent = agent;
  }

  /** Answers a plain GET of `log`. */
  async log(request: ApiRequest, { namespace, name }: PodSubresource): Promise<ApiResponse> {
    const pod = await this.#options.getPod(namespace, name);
    return podLog(this.#node(), pod, request.query, this.#options.clock.now());
  }

  /** True for the subresources that take over a connection. */
  serves(subresource: string): boolean {
    return upgraded.has(subresource);
  }

  /** Takes over a connection to `exec` or `attach`. Rejects with a KubeStatusError before it has answered. */
  async upgrade(
    request: ApiRequest,
    target: PodSubresource,
    raw: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    if (target.subresource === 'portforward') {
      await this.#forward(request.query, target, raw, socket, head);
      return;
    }
    if (!offersChannels(raw)) {
      throw badRequest(`the connection must be a WebSocket of protocol ${channelProtocols.join(' or ')}`);
    }
    const session = await this.#open(request.query, target);
    const channels = await acceptChannels(raw, socket, head);
    await runRemoteCommand(channels, session);
  }

  async #forward(
    query: URLSearchParams,
    { namespace, name }: PodSubresource,
    raw: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const node = this.#node();
    await this.#options.getPod(namespace, name);
    const dial = (port: number): Promise<Duplex> => node.portForward(namespace, name, port);
    const offered = offeredProtocols(raw);
    if (offered.includes(tunnelProtocol)) {
      await serveTunnel(await acceptProtocol(raw, socket, head, tunnelProtocol), dial);
      return;
    }
    const older = offered.find(
      (protocol) => protocol === channelsProtocol || protocol === 'v4.channel.k8s.io',
    );
    if (older === undefined) {
      throw badRequest(
        `the connection must be a WebSocket of protocol ${tunnelProtocol} or ${channelsProtocol}`,
      );
    }
    const ports = query.getAll('ports').flatMap((text) => text.split(',').map(Number));
    if (ports.length === 0 || !ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)) {
      throw badRequest('query parameter "ports" is required: numbers from 1 to 65535');
    }
    await serveChannels(await acceptProtocol(raw, socket, head, older), ports, dial);
  }

  async #open(query: URLSearchParams, target: PodSubresource): Promise<ExecSession> {
    const pod = await this.#options.getPod(target.namespace, target.name);
    const ref: ContainerRef = {
      namespace: target.namespace,
      pod: target.name,
      container: chooseContainer(pod, query.get('container')),
    };
    const tty = query.get('tty') === 'true' || query.get('tty') === '1';
    const stdin = query.get('stdin') === 'true' || query.get('stdin') === '1';
    if (target.subresource === 'attach') return this.#node().attach(ref, { stdin, tty });
    const command = query.getAll('command');
    if (command.length === 0) throw badRequest('you must specify at least 1 command for the container');
    return this.#node().exec(ref, { command, stdin, tty });
  }

  #node(): NodeAgent {
    if (this.#agent !== undefined) return this.#agent;
    throw failure(503, 'ServiceUnavailable', 'the node is not running yet');
  }
}
