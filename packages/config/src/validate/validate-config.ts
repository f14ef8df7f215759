import type { ConfigObject } from '../kinds/config-object.ts';
import type { Report } from '../schema/check-shape.ts';

/** Reports what is wrong with the meaning of an object whose shape is right. */
export function validateConfig(config: ConfigObject, report: Report): void {
  switch (config.kind) {
    default:
      void report;
  }
}
