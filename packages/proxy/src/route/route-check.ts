import type { Problem } from '@lateen/core';
import type { Route, RouteTableSettings, VirtualHost } from '../model/route.ts';
import { wholly } from '../timer/in-slices.ts';
import { RouteCompiler } from './virtual-host.ts';

/**
 * Says of the routes of a table what cannot be compiled: regular expressions, formats, weights. Done when the table is
 * decoded, since a virtual host is compiled only when a request asks for it.
 */
export class RouteCheck {
  readonly #compiler: RouteCompiler;
  readonly #bad: Problem[] = [];

  constructor(table: RouteTableSettings) {
    // Which clusters are there is another question, and no hash is made.
    this.#compiler = new RouteCompiler(
      table,
      { clusterRef, requestedCluster: clusterRef, hash: { xxHash64: () => 0n } },
      this.#bad,
    );
  }

  /** What is wrong with the table itself. */
  table(): readonly Problem[] {
    return this.#bad.splice(0);
  }

  /** What is wrong with a virtual host and its routes; paths are relative to it. */
  whole(host: VirtualHost): readonly Problem[] {
    wholly(this.#compiler.virtualHost(host, ''));
    return this.#bad.splice(0);
  }

  /** What is wrong with a virtual host itself; paths are relative to it. */
  host(host: VirtualHost): readonly Problem[] {
    this.#compiler.hostParts(host, '');
    return this.#bad.splice(0);
  }

  /** What is wrong with a route; paths are relative to it. */
  route(route: Route, host: VirtualHost): readonly Problem[] {
    this.#compiler.route(route, host, { request: undefined, response: undefined }, '');
    return this.#bad.splice(0);
  }
}

function clusterRef(name: string): { readonly name: string; cluster: undefined } {
  return { name, cluster: undefined };
}
