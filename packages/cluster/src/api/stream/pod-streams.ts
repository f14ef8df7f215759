import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@lateen/core';
import type { Pod } from '@lateen/kube';
import type { ContainerRef, ExecSession, NodeAgent } from '../../runtime/node-agent.ts';
import type { ApiRequest, ApiResponse } from '../http/api-request.ts';
import { badRequest, failure } from '../status.ts';
import { acceptChannels, channelProtocols, offersChannels } from './channel-socket.ts';
import { chooseContainer } from './choose-container.ts';
import { podLog } from './pod-log.ts';
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

const upgraded: ReadonlySet<string> = new Set(['exec', 'attach']);

/** `log`, `exec` and `attach` of pods; the node's end is connected once the node runs. */
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
    if (!offersChannels(raw)) {
      throw badRequest(`the connection must be a WebSocket of protocol ${channelProtocols.join(' or ')}`);
    }
    const session = await this.#open(request.query, target);
    const channels = await acceptChannels(raw, socket, head);
    await runRemoteCommand(channels, session);
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
