import { request } from 'node:http';
import { join } from 'node:path';
import { LateenError, sleep } from '@lateen/core';
import { isPodReady, resources, type HttpKubeClient, type KubeObject, type Pod } from '@lateen/kube';
import type { CommandContext } from '../context.ts';
import { applyObjects } from '../objects/apply-objects.ts';
import { withLastApplied } from '../objects/last-applied.ts';
import { readManifests } from '../objects/manifests.ts';
import type { Progress } from '../output/progress.ts';
import { findIngress, httpUrl } from './ingress.ts';

const patienceMs = 60_000;
const betweenTriesMs = 50;

/** Deploys Bookinfo with sidecars and waits until its page answers through the gateway. Resolves with its address. */
export async function deployDemo(
  context: CommandContext,
  client: HttpKubeClient,
  progress: Progress,
): Promise<string> {
  const step = progress.start('Bookinfo');
  try {
    const bookinfo = join(context.installationDir, 'samples/bookinfo');
    const objects = await readManifests(
      [join(bookinfo, 'platform/kube/bookinfo.yaml'), join(bookinfo, 'networking/bookinfo-gateway.yaml')],
      context.stdin,
    );
    await client.patch(resources.namespaces, undefined, 'default', 'merge', {
      metadata: { labels: { 'istio-injection': 'enabled' } },
    });
    // As if by kubectl: tutorials have their readers apply these files too.
    await applyObjects(client, objects.map(inDefault), { namespace: 'default' });
    const deadlineMs = context.clock.monotonicMs() + patienceMs;
    const url = await until(context, deadlineMs, async () => {
      const pods = await client.list<Pod>(resources.pods, { namespace: 'default' });
      const ready = pods.items.filter(isPodReady).length;
      step.detail(`${ready} of ${pods.items.length} pods ready`);
      const ingress = await findIngress(client);
      if (ingress === undefined || ready < 6 || ready < pods.items.length) return undefined;
      const page = httpUrl(ingress, '/productpage');
      return (await statusOf(page)) === 200 ? page : undefined;
    });
    step.done();
    return url;
  } catch (error) {
    step.failed();
    throw error;
  }
}

function inDefault(object: KubeObject): KubeObject {
  return withLastApplied({ ...object, metadata: { ...object.metadata, namespace: 'default' } });
}

async function until<T>(
  context: CommandContext,
  deadlineMs: number,
  check: () => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (context.clock.monotonicMs() > deadlineMs) {
      throw new LateenError('cli.demoNotReady', `Bookinfo does not answer after ${patienceMs / 1000} s`, {
        hint: 'look with `lateen get pods -A` and `lateen logs POD -c istio-proxy`',
      });
    }
    await sleep(betweenTriesMs);
  }
}

/** The status that a page answers with; undefined where there is no answer. */
function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const call = request(url, { signal: AbortSignal.timeout(5_000), agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('error', () => resolve(undefined));
    call.end();
  });
}
