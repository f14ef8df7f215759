// The web console: the graph of Bookinfo with its traffic, a rule that is applied, a rule that is wrong.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { root, startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

const chromiumPath = '/usr/bin/chromium';
const hasChromium = existsSync(chromiumPath);
if (!hasChromium) {
  process.stderr.write('e2e: THERE IS NO CHROMIUM: the test of the console is skipped\n');
}
const options = hasChromium ? {} : { skip: 'no chromium: apt-get install chromium' };

let cluster: TestCluster;
let productPage: string;
let served: ChildProcess;
let consoleUrl: string;
let browser: Browser;
let page: Page;
const foreign: string[] = [];

before(async () => {
  if (!hasChromium) return;
  cluster = await startCluster('--demo');
  const status = JSON.parse(await cluster.sh('lateen status -o json')) as {
    ingress: { address: string; port: number };
  };
  productPage = `http://${status.ingress.address}:${status.ingress.port}/productpage`;
  served = spawn(join(root, 'node_modules/.bin/lateen'), ['console', '--no-open'], {
    env: { ...process.env, KUBECONFIG: join(cluster.dataDir, 'kubeconfig') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: served.stdout ?? assert.fail('no output') });
  const [line] = (await once(lines, 'line')) as [string];
  consoleUrl = /http:\S+/.exec(line)?.[0] ?? assert.fail(line);
  const { chromium } = await import('playwright-core');
  browser = await chromium.launch({
    executablePath: chromiumPath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  page = await browser.newPage();
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(consoleUrl).origin)) foreign.push(request.url());
  });
});

after(async () => {
  await browser?.close();
  if (served?.exitCode === null) {
    served.kill('SIGTERM');
    const [code] = (await once(served, 'exit')) as [number | null];
    assert.equal(code, 0, 'the console ends in order');
  }
  await cluster?.remove();
});

async function load(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const response = await fetch(productPage);
    assert.equal(response.status, 200, await response.text());
  }
}

test('the graph shows Bookinfo and the traffic between its versions', options, async () => {
  await page.goto(consoleUrl);
  await eventually(async () => {
    await load(10);
    for (const edge of [
      'istio-system/istio-ingressgateway:istio-ingressgateway>default/productpage',
      'default/productpage:v1>default/details',
      'default/productpage:v1>default/reviews',
      'default/reviews:v2>default/ratings',
      'default/reviews:v3>default/ratings',
    ]) {
      const busy = page.locator(`[data-edge^="${edge}"][data-busy=true]`);
      assert.ok((await busy.count()) > 0, `no traffic on ${edge}`);
    }
  });
  const versions = page.locator('[data-node="default/reviews"] .version');
  assert.deepEqual(await versions.evaluateAll((all) => all.map((one) => one.dataset['version'])), [
    'v1',
    'v2',
    'v3',
  ]);
  assert.equal(await page.locator('[data-edge^="default/reviews:v1>"]').count(), 0, 'v1 calls nobody');
});

test('the token leaves the address, and without it nothing is shown', options, async () => {
  assert.ok(!page.url().includes('token'));
  await page.reload();
  await page.locator('.card').first().waitFor();
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(new URL(consoleUrl).origin);
  await stranger.getByText('needs its token').waitFor();
  assert.equal(await stranger.locator('.card').count(), 0);
});

test('a rule that is applied appears at once, with the shares that it asks for', options, async () => {
  await page.locator('[data-node="default/reviews"]').click();
  await page.getByText('None: traffic takes any endpoint').waitFor();
  await cluster.sh('kubectl apply -f samples/bookinfo/networking/destination-rule-reviews.yaml');
  await cluster.sh('kubectl apply -f samples/bookinfo/networking/virtual-service-reviews-50-v3.yaml');
  const link = page.locator('.panel .link', { hasText: 'VirtualService' });
  await link.waitFor({ timeout: 5000 });
  assert.equal(await page.getByText('configured share 50 %').count(), 2);
  assert.equal(await page.getByText('configured share 0 %').count(), 1);
  await link.click();
  const shown = page.locator('[data-shown="VirtualService/default/reviews"]');
  await shown.waitFor();
  assert.equal(await shown.locator('.destinations li').count(), 2);
  assert.match(await shown.locator('.yaml').innerText(), /subset: v3/);
});

test('what is wrong stands at its line of the YAML', options, async () => {
  await cluster.sh('kubectl delete destinationrule reviews');
  const problem = page.locator('[data-shown="VirtualService/default/reviews"] .yaml-line.marked');
  await problem.first().waitFor({ timeout: 5000 });
  assert.match(await problem.first().innerText(), /subset: v1[\s\S]*IST0101/);
});

test('every proxy of the mesh follows the configuration', options, async () => {
  await page.locator('.tabs a', { hasText: 'proxies' }).click();
  await eventually(async () => {
    const states = await page.locator('[data-proxy] .pill').allInnerTexts();
    assert.deepEqual(
      states,
      Array.from({ length: 7 }, () => 'SYNCED'),
    );
  });
});

test('the page asks nobody but the console', options, () => {
  assert.deepEqual(foreign, []);
});
