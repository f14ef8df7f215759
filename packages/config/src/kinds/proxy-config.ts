import { choice, map, message, text, whole, type ShapeOf } from '../schema/shape.ts';
import { matchLabelsSelector } from './selectors.ts';

export const proxyConfig = message('Settings of proxies at their start.', {
  selector: matchLabelsSelector,
  concurrency: whole('Worker threads; 0 means one for each processor.', 0, 1024),
  environmentVariables: map('Further environment variables.', text('Value.')),
  image: message('Image of the proxy.', {
    imageType: choice('Kind of image.', ['default', 'debug', 'distroless']),
  }),
});
export type ProxyConfigSpec = ShapeOf<typeof proxyConfig>;
