import { anyObject, choice, list, message, portNumber, text, whole, type ShapeOf } from '../schema/shape.ts';
import { matchLabelsSelector, targetRef, targetRefs } from './selectors.ts';

export const wasmPlugin = message(
  'A WebAssembly filter.',
  {
    selector: matchLabelsSelector,
    targetRef,
    targetRefs,
    url: text('Where the module is found: oci://, https:// or file://.', { minLength: 1 }),
    sha256: text('Checksum of the module.'),
    imagePullPolicy: choice('When the module is fetched again.', [
      'UNSPECIFIED_POLICY',
      'IfNotPresent',
      'Always',
    ]),
    imagePullSecret: text('Secret with the credentials of the registry.'),
    verificationKey: text('Key that the module is verified with.'),
    pluginConfig: anyObject('Configuration that is passed to the module.'),
    pluginName: text('Name of the plugin in the module.', { maxLength: 256 }),
    phase: choice('Where in the filter chain.', ['UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS']),
    priority: whole('Order in the phase; higher comes first.', -2_147_483_648, 2_147_483_647),
    failStrategy: choice('What happens where the module fails.', ['FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD']),
    type: choice('Kind of filter.', ['UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK']),
    vmConfig: message('The machine that runs the module.', {
      env: list(
        'Environment variables.',
        message(
          'A variable.',
          {
            name: text('Name.', { minLength: 1 }),
            valueFrom: choice('Where the value comes from.', ['INLINE', 'HOST']),
            value: text('Value.'),
          },
          { required: ['name'] },
        ),
      ),
    }),
    match: list(
      'Traffic that the filter is for.',
      message('Some traffic.', {
        mode: choice('Direction.', ['UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER']),
        ports: list(
          'Ports.',
          message('A port.', { number: portNumber('Number.') }, { required: ['number'] }),
        ),
      }),
    ),
  },
  { required: ['url'] },
);
export type WasmPluginSpec = ShapeOf<typeof wasmPlugin>;
