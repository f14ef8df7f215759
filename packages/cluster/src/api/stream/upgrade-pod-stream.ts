import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Pod } from '@lateen/kube';
import { createWebSocketStream } from 'ws';
import type { ContainerRef, ExecSession, NodeAgent } from '../../runtime/node-agent.ts';
import { badRequest } from '../status.ts';
import {
  acceptChannels,
  acceptProtocol,
  channelProtocols,
  offeredProtocols,
  offersChannels,
} from './channel-socket.ts';
import { chooseContainer } from './choose-container.ts';
import { channelsProtocol, serveChannels } from './port-forward-channels.ts';
import { serveTunnel, tunnelProtocol, type Dial } from './port-forward-tunnel.ts';
import { runRemoteCommand } from './remote-command.ts';

/** A connection that asks to become a stream of a pod. */
export interface PodUpgrade {
  readonly query: URLSearchParams;
  readonly pod: Pod;
  readonly agent: NodeAgent;
  readonly raw: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Runs or joins a command, over a WebSocket. Rejects with a KubeStatusError before it has answered. */
export async function serveCommand(upgrade: PodUpgrade, subresource: 'exec' | 'attach'): Promise<void> {
  const { raw, socket, head } = upgrade;
  if (!offersChannels(raw)) {
    throw badRequest(`the connection must be a WebSocket of protocol ${channelProtocols.join(' or ')}`);
  }
  const session = await openSession(upgrade, subresource);
  await runRemoteCommand(await acceptChannels(raw, socket, head), session);
}

async function openSession(upgrade: PodUpgrade, subresource: 'exec' | 'attach'): Promise<ExecSession> {
  const { query, pod, agent } = upgrade;
  const { namespace = '', name } = pod.metadata;
  const ref: ContainerRef = { namespace, pod: name, container: chooseContainer(pod, query.get('container')) };
  const options = { stdin: isTrue(query.get('stdin')), tty: isTrue(query.get('tty')) };
  if (subresource === 'attach') return agent.attach(ref, options);
  const command = query.getAll('command');
  if (command.length === 0) throw badRequest('you must specify at least 1 command for the container');
  return agent.exec(ref, { command, ...options });
}

function isTrue(text: string | null): boolean {
  return text === 'true' || text === '1';
}

const spdy = 'SPDY/3.1';

/**
 * Forwards ports: by SPDY inside a WebSocket (kubectl from 1.31), by SPDY on the connection itself (before that),
 * or by channels.
 */
export async function servePortForward(upgrade: PodUpgrade): Promise<void> {
  const { query, pod, agent, raw, socket, head } = upgrade;
  const { namespace = '', name } = pod.metadata;
  const dial: Dial = (port) => agent.portForward(namespace, name, port);
  if (raw.headers.upgrade?.toLowerCase() === spdy.toLowerCase()) {
    const answer = [
      'HTTP/1.1 101 Switching Protocols',
      `Upgrade: ${spdy}`,
      'Connection: Upgrade',
      `X-Stream-Protocol-Version: ${channelsProtocol}`,
    ];
    socket.write(`${answer.join('\r\n')}\r\n\r\n`);
    if (head.length > 0) socket.unshift(head);
    await serveTunnel(socket, dial);
    return;
  }
  const offered = offeredProtocols(raw);
  if (offered.includes(tunnelProtocol)) {
    const webSocket = await acceptProtocol(raw, socket, head, tunnelProtocol);
    await serveTunnel(createWebSocketStream(webSocket), dial);
    return;
  }
  const channels = [channelsProtocol, 'v4.channel.k8s.io'];
  const older = offered.find((protocol) => channels.includes(protocol));
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
