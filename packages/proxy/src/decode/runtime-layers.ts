import type {
  LayeredRuntime,
  RuntimeLayer as LayerMessage,
} from '@lateen/protocol/envoy/config/bootstrap/v3';
import * as bootstrap from '@lateen/protocol/envoy/config/bootstrap/v3';
import { decodeConfigSource, fetchTimeoutMs } from './config-source.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';
import type { ConfigSource } from '../model/index.ts';
import type { DiskLayer } from '../runtime/disk-layer.ts';
import { valuesOfJson } from '../runtime/runtime-entry.ts';
import type { RuntimeLayer } from '../runtime/runtime.ts';

const layerPolicy = fieldPolicy(bootstrap.RuntimeLayer, [
  'name',
  'staticLayer',
  'diskLayer',
  'adminLayer',
  'rtdsLayer',
]);
const diskPolicy = fieldPolicy(bootstrap.RuntimeLayer_DiskLayer, [
  'symlinkRoot',
  'subdirectory',
  'appendServiceCluster',
]);
const rtdsPolicy = fieldPolicy(bootstrap.RuntimeLayer_RtdsLayer, ['name', 'rtdsConfig']);

const layeredPolicy = fieldPolicy(bootstrap.LayeredRuntime, ['layers']);
const adminPolicy = fieldPolicy(bootstrap.RuntimeLayer_AdminLayer, []);

export const runtimeLayerPolicies = [layeredPolicy, layerPolicy, diskPolicy, adminPolicy, rtdsPolicy];

/** A layer that comes by RTDS. */
export interface DiscoveredLayer {
  readonly layer: string;
  readonly source: ConfigSource;
  /** How long the start waits for it; 0: for ever. */
  readonly timeoutMs: number;
}

/** The layers of a bootstrap, and what feeds those that change. */
export interface DecodedLayers {
  readonly layers: readonly RuntimeLayer[];
  readonly disk: readonly DiskLayer[];
  /** The layers that come by RTDS, by the name of the resource. */
  readonly rtds: ReadonlyMap<string, DiscoveredLayer>;
}

/** Reads the layers. */
export function decodeRuntimeLayers(
  scope: Scope,
  message: LayeredRuntime | undefined,
  serviceCluster: string,
): DecodedLayers {
  const layers: RuntimeLayer[] = [];
  const disk: DiskLayer[] = [];
  const rtds = new Map<string, DiscoveredLayer>();
  for (const [i, layer] of (message?.layers ?? []).entries()) {
    const at = scope.at('layers').at(i);
    at.check(layerPolicy, layer);
    const name = layer.name ?? '';
    if (name === '') at.at('name').fail('must not be empty');
    if (layers.some((other) => other.name === name)) at.at('name').fail(`"${name}" is there twice`);
    const kind = kindOf(layer);
    if (kind === undefined) {
      at.fail('must have one of static_layer, disk_layer, admin_layer, rtds_layer');
      continue;
    }
    if (kind === 'admin' && layers.some((other) => other.kind === 'admin')) {
      at.at('adminLayer').fail('there may be one only');
    }
    layers.push({ name, kind, values: kind === 'static' ? valuesOfJson(layer.staticLayer) : new Map() });
    if (layer.diskLayer !== undefined) {
      const { symlinkRoot = '', subdirectory = '', appendServiceCluster = false } = layer.diskLayer;
      at.at('diskLayer').check(diskPolicy, layer.diskLayer);
      if (symlinkRoot === '') at.at('diskLayer').at('symlinkRoot').fail('must not be empty');
      const folder = appendServiceCluster ? `${subdirectory}/${serviceCluster}` : subdirectory;
      disk.push({ name, symlinkRoot, subdirectory: folder });
    }
    if (layer.rtdsLayer !== undefined) {
      const inner = at.at('rtdsLayer');
      inner.check(rtdsPolicy, layer.rtdsLayer);
      const source = decodeConfigSource(inner.at('rtdsConfig'), layer.rtdsLayer.rtdsConfig);
      rtds.set(layer.rtdsLayer.name ?? name, {
        layer: name,
        source,
        timeoutMs: fetchTimeoutMs(layer.rtdsLayer.rtdsConfig),
      });
    }
  }
  return { layers, disk, rtds };
}

function kindOf(layer: LayerMessage): RuntimeLayer['kind'] | undefined {
  if (layer.staticLayer !== undefined) return 'static';
  if (layer.diskLayer !== undefined) return 'disk';
  if (layer.adminLayer !== undefined) return 'admin';
  return layer.rtdsLayer === undefined ? undefined : 'rtds';
}
