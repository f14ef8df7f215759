import type { Readable } from 'node:stream';
import type { Pod } from '@lateen/kube';
import type { LogOptions, NodeAgent } from '../../runtime/node-agent.ts';
import type { ApiResponse, ResponseSink } from '../http/api-request.ts';
import { badRequest } from '../status.ts';
import { chooseContainer } from './choose-container.ts';

const isTrue = (text: string | null): boolean => text === 'true' || text === '1';

function count(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: must be a whole number from 0`);
}

/** `PodLogOptions` of a query; throws a KubeStatusError that names what is wrong. */
export function parseLogOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const tailLines = count(query, 'tailLines');
  const limitBytes = count(query, 'limitBytes');
  const sinceSeconds = count(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null) {
    throw badRequest('at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
  let sinceMs = sinceSeconds === undefined ? undefined : nowMs - sinceSeconds * 1000;
  if (sinceTime !== null) {
    sinceMs = Date.parse(sinceTime);
    if (Number.isNaN(sinceMs)) {
      throw badRequest(`sinceTime: Invalid value: ${JSON.stringify(sinceTime)}: must be an RFC 3339 time`);
    }
  }
  return {
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

async function copy(source: Readable, sink: ResponseSink): Promise<void> {
  const stop = (): void => void source.destroy();
  sink.signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      if (!sink.write(chunk)) await sink.drained();
    }
  } catch (error) {
    if (!sink.signal.aborted) throw error;
  } finally {
    sink.signal.removeEventListener('abort', stop);
    sink.end();
  }
}

/** Answers `pods/NAME/log`. */
export async function podLog(
  agent: NodeAgent,
  pod: Pod,
  query: URLSearchParams,
  nowMs: number,
): Promise<ApiResponse> {
  const options = parseLogOptions(query, nowMs);
  const container = chooseContainer(pod, query.get('container'));
  const { namespace = '', name } = pod.metadata;
  const source = await agent.logs({ namespace, pod: name, container }, options);
  return {
    kind: 'stream',
    status: 200,
    headers: { 'content-type': 'text/plain' },
    run: (sink) => copy(source, sink),
  };
}
