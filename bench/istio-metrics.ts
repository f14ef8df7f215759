import { get } from 'node:http';

/** Answers with status 200 that `istio_requests_total` of a proxy holds, over all its other labels. */
export async function countedRequests(adminPort: number): Promise<number> {
  return sumOfRequests(await scrape(adminPort));
}

/** The sum of the lines of `istio_requests_total` whose answers had status 200. */
export function sumOfRequests(metrics: string): number {
  let sum = 0;
  for (const [, labels = '', count] of metrics.matchAll(/^istio_requests_total\{(.*)\} (\d+)$/gm)) {
    if (labels.includes('response_code="200"')) sum += Number(count);
  }
  return sum;
}

/** What the admin port at this place answers. */
export function scrape(adminPort: number, path = '/stats/prometheus'): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: adminPort, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
      response.on('error', reject);
    }).on('error', reject);
  });
}
