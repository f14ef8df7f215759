import type { View } from '../engine/query.ts';
import { defaultMeshSettings, type MeshSettings } from './mesh-settings.ts';
import { settings, settingsKey } from './tables.ts';

/** The settings of the mesh in force. */
export function settingsOf(view: View): MeshSettings {
  return view.row(settings, settingsKey) ?? defaultMeshSettings;
}
