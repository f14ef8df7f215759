import { choice, decimal, duration, flag, list, map, message, text, type ShapeOf } from '../schema/shape.ts';
import { matchLabelsSelector, targetRef, targetRefs } from './selectors.ts';

const workloadMode = choice('Direction of the traffic.', ['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']);

const providers = list(
  'Where it is sent; the mesh’s default where left out.',
  message(
    'A provider.',
    { name: text('Name of the extension provider.', { minLength: 1 }) },
    { required: ['name'] },
  ),
);

export const telemetry = message('What is reported of traffic.', {
  selector: matchLabelsSelector,
  targetRef,
  targetRefs,
  tracing: list(
    'Traces.',
    message('Settings of traces.', {
      match: message('Traffic that the settings are for.', { mode: workloadMode }),
      providers,
      randomSamplingPercentage: decimal('Share of the requests that are traced, in percent.', 0, 100),
      disableSpanReporting: flag('Whether no spans are reported.'),
      customTags: map(
        'Further tags of each span.',
        message(
          'A tag.',
          {
            literal: message('A fixed value.', { value: text('Value.') }, { required: ['value'] }),
            environment: message(
              'An environment variable of the proxy.',
              { name: text('Name.'), defaultValue: text('Value where it is not set.') },
              { required: ['name'] },
            ),
            header: message(
              'A header of the request.',
              { name: text('Name.'), defaultValue: text('Value where it is not set.') },
              { required: ['name'] },
            ),
            formatter: message(
              'A command of the access log.',
              { value: text('Command.') },
              { required: ['value'] },
            ),
          },
          { oneOf: [['literal', 'environment', 'header', 'formatter']] },
        ),
      ),
      enableIstioTags: flag('Whether Istio’s own tags are added; true where left out.'),
      useRequestIdForTraceSampling: flag('Whether the request id decides on sampling; true where left out.'),
      disableContextPropagation: flag('Whether no trace headers are passed on.'),
    }),
  ),
  metrics: list(
    'Metrics.',
    message('Settings of metrics.', {
      providers,
      reportingInterval: duration('Time between reports of TCP metrics; 5s where left out.'),
      overrides: list(
        'Changes of metrics.',
        message('A change.', {
          match: message(
            'Metrics that the change is for.',
            {
              metric: choice('One of Istio’s metrics.', [
                'ALL_METRICS',
                'REQUEST_COUNT',
                'REQUEST_DURATION',
                'REQUEST_SIZE',
                'RESPONSE_SIZE',
                'TCP_OPENED_CONNECTIONS',
                'TCP_CLOSED_CONNECTIONS',
                'TCP_SENT_BYTES',
                'TCP_RECEIVED_BYTES',
                'GRPC_REQUEST_MESSAGES',
                'GRPC_RESPONSE_MESSAGES',
              ]),
              customMetric: text('A metric by its name.', { minLength: 1 }),
              mode: workloadMode,
            },
            { oneOf: [['metric', 'customMetric']] },
          ),
          disabled: flag('Whether the metric is switched off.'),
          tagOverrides: map(
            'Changes of labels.',
            message('A change.', {
              operation: choice('What is done.', ['UPSERT', 'REMOVE']),
              value: text('Expression of the label’s value.'),
            }),
          ),
        }),
      ),
    }),
  ),
  accessLogging: list(
    'Access logs.',
    message('Settings of access logs.', {
      match: message('Traffic that the settings are for.', { mode: workloadMode }),
      providers,
      disabled: flag('Whether nothing is logged.'),
      filter: message('Requests that are logged.', { expression: text('CEL expression.') }),
    }),
  ),
});
export type TelemetrySpec = ShapeOf<typeof telemetry>;
