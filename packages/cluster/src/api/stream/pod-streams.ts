import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@lateen/core';
import type { Pod } from '@lateen/kube';
import type { NodeAgent } from '../../runtime/node-agent.ts';
import type { ApiRequest, ApiResponse } from '../http/api-request.ts';
import { failure } from '../status.ts';
import { podLog } from './pod-log.ts';

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

  /** Takes over a connection. Rejects with a KubeStatusError before it has answered. */
  async upgrade(
    request: ApiRequest,
    target: PodSubresource,
    raw: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const agent = this.#node();
    const pod = await this.#options.getPod(target.namespace, target.name);
    // Loaded when the first one comes: a server that starts has no use for it.
    const { serveCommand, servePortForward } = await import('./upgrade-pod-stream.ts');
    const upgrade = { query: request.query, pod, agent, raw, socket, head };
    if (target.subresource === 'portforward') await servePortForward(upgrade);
    else await serveCommand(upgrade, target.subresource === 'attach' ? 'attach' : 'exec');
  }

  #node(): NodeAgent {
    if (this.#agent !== undefined) return this.#agent;
    throw failure(503, 'ServiceUnavailable', 'the node is not running yet');
  }
}
