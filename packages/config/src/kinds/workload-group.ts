import { intOrText, list, map, message, portNumber, text, whole, type ShapeOf } from '../schema/shape.ts';
import { workloadEntry } from './workload-entry.ts';

export const readinessProbe = message(
  'How the health of the workload is checked.',
  {
    initialDelaySeconds: whole('Seconds before the first check.'),
    timeoutSeconds: whole('Seconds that a check may take.'),
    periodSeconds: whole('Seconds between checks.'),
    successThreshold: whole('Checks that must succeed in a row.'),
    failureThreshold: whole('Checks that must fail in a row.'),
    httpGet: message('By an HTTP request.', {
      path: text('Path.'),
      port: intOrText('Port.'),
      host: text('Host; the workload itself where left out.'),
      scheme: text('HTTP or HTTPS.'),
      httpHeaders: list('Headers.', message('A header.', { name: text('Name.'), value: text('Value.') })),
    }),
    tcpSocket: message('By a connection.', { host: text('Host.'), port: intOrText('Port.') }),
    exec: message('By a command.', { command: list('Command and arguments.', text('Word.')) }),
    grpc: message('By a gRPC health check.', { port: portNumber('Port.'), service: text('Service.') }),
  },
  { oneOf: [['httpGet', 'tcpSocket', 'exec', 'grpc']] },
);

export const workloadGroup = message(
  'What workloads of a group have in common; each registers with it.',
  {
    metadata: message('Labels and annotations of the entries.', {
      labels: map('Labels.', text('Value.')),
      annotations: map('Annotations.', text('Value.')),
    }),
    template: workloadEntry,
    probe: readinessProbe,
  },
  { required: ['template'] },
);
export type WorkloadGroupSpec = ShapeOf<typeof workloadGroup>;
