/** A filter whose configuration comes by itself. */
export interface DiscoveredFilter<Config> {
  readonly kind: 'discovered';
  /** In force until the first one comes, and where none does. */
  readonly standard?: Config;
  /** Full names of messages that it may be. */
  readonly typeNames: readonly string[];
  /** True where the listener does not come into force before the configuration has come. */
  readonly awaited: boolean;
}
