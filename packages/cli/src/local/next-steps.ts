import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { cwd } from 'node:process';
import type { Style } from '../output/style.ts';
import type { UpFacts } from './bring-up.ts';
import { httpUrl } from './ingress.ts';

export interface FarewellOptions {
  readonly style: Style;
  readonly detached: boolean;
  readonly dataDir: string;
  /** The folders of `PATH`. */
  readonly path: string;
  /** Folder with `node_modules/.bin/lateen`. */
  readonly installationDir: string;
}

/** The line that makes a shell talk to the cluster, with the path of `lateen` where a shell would not find it. */
function envCommand({ dataDir, path, installationDir }: FarewellOptions): string {
  const programs = join(installationDir, 'node_modules/.bin');
  // npm puts the folder on the PATH of its scripts only.
  const isKnown = path.split(':').some((folder) => folder !== programs && existsSync(join(folder, 'lateen')));
  const program = isKnown ? 'lateen' : join(relative(cwd(), programs) || programs, 'lateen');
  const standard = `${homedir()}/.lateen`;
  return `eval "$(${program} env${dataDir === standard ? '' : ` --data-dir ${dataDir}`})"`;
}

/** What is printed when all is ready: the addresses, and three commands worth typing next. */
export function farewell(facts: UpFacts, options: FarewellOptions): string {
  const { style, detached } = options;
  const { cluster, ingress, productPage, tookMs } = facts;
  const rows: [string, string][] = [];
  if (productPage !== undefined) rows.push(['Product page', style.link(productPage)]);
  else if (ingress !== undefined) rows.push(['Ingress gateway', style.link(httpUrl(ingress, '/'))]);
  rows.push(['API server', cluster.apiServerUrl], ['kubeconfig', cluster.kubeconfig]);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const next =
    productPage !== undefined
      ? [
          'kubectl apply -f samples/bookinfo/networking/destination-rule-reviews.yaml',
          'kubectl apply -f samples/bookinfo/networking/virtual-service-reviews-50-v3.yaml',
        ]
      : ingress !== undefined
        ? [
            'kubectl label namespace default istio-injection=enabled',
            'kubectl apply -f samples/bookinfo/platform/kube/bookinfo.yaml',
          ]
        : ['istioctl install', 'kubectl get pods -A'];
  const lines = [
    '',
    style.strong(style.good(`Ready in ${(tookMs / 1000).toFixed(1)} s`)),
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}${value}`),
    '',
    'Next, in another shell:',
    `  ${envCommand(options)}`,
    ...next.map((command) => `  ${command}`),
    '',
    detached
      ? style.soft('`lateen down` stops it.')
      : style.soft('Ctrl-C stops it; what was applied is kept.'),
    '',
  ];
  return lines.join('\n');
}
