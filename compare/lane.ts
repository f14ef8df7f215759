import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync, existsSync } from 'node:fs';
import { connect } from 'node:net';
import { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { LateenError, sleep } from '@lateen/core';
import { freePort } from '@lateen/testkit/free-port';
import {
  endpointNames,
  type Client,
  type CompareCase,
  type EndpointName,
  type Ports,
  type Setup,
} from './case.ts';
import { observeAnswers, observeRound, observeShares, tableRows, turnsOf } from './balance.ts';
import {
  normaliser,
  observeHttp1,
  observeHttp2,
  observeLog,
  observeStats,
  readStats,
  type Normalise,
  type Observation,
} from './observe.ts';
import { observeSpans, spanIdNormaliser } from './observe-spans.ts';
import { PeerSocket } from './peer-socket.ts';
import { ScriptedEndpoint } from './scripted-endpoint.ts';
import { connectTls, observeClientTls, observeEndpointTls } from './tls-peer.ts';

/** A proxy that can be compared. */
export interface Contender {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its `--concurrency`. */
  readonly threads: string;
}

const startMs = 20_000;
const closingMs = 1_300;

type Endpoints = Readonly<Record<EndpointName, ScriptedEndpoint>>;

/** A proxy with the bootstrap of a setup, and endpoints of its own. */
export class Lane {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #endpoints: Endpoints;
  readonly #ports: Ports;
  readonly #named: Normalise;
  #normalise: Normalise;

  readonly #messages: NonNullable<Setup['endpointMessages']>;

  private constructor(
    name: string,
    child: ChildProcess,
    folder: string,
    endpoints: Endpoints,
    ports: Ports,
    { endpointMessages = {} }: Setup,
  ) {
    this.#messages = endpointMessages;
    this.#name = name;
    this.#child = child;
    this.#folder = folder;
    this.#endpoints = endpoints;
    this.#ports = ports;
    this.#named = normaliser({ ...ports });
    this.#normalise = this.#named;
  }

  /** Starts a contender; fails with what it says where it does not become ready. */
  static async start(contender: Contender, setup: Setup): Promise<Lane> {
    const folder = mkdtempSync(join(tmpdir(), 'lateen-compare-'));
    const dialogues = setup.dialogues?.(() => ports) ?? {};
    const listen = (name: EndpointName): Promise<ScriptedEndpoint> => {
      const isRaw = dialogues[name] !== undefined || setup.rawEndpoints?.includes(name) === true;
      return ScriptedEndpoint.listen(setup.endpointTls?.[name], dialogues[name], isRaw);
    };
    const endpoints: Endpoints = {
      up: await listen('up'),
      up2: await listen('up2'),
      up3: await listen('up3'),
    };
    for (const name of endpointNames) endpoints[name].follow(setup.endpoints?.[name]);
    const admin = await freePort();
    const main = await freePort();
    const other = await freePort();
    const closed = await freePort();
    const { up, up2, up3 } = endpoints;
    const ports: Ports = { admin, main, other, closed, up: up.port, up2: up2.port, up3: up3.port };
    const file = join(folder, 'bootstrap.json');
    writeFileSync(file, JSON.stringify(setup.bootstrap(ports)).replaceAll('{{log}}', join(folder, 'log')));
    const args = ['-c', file, '--disable-hot-restart', '--concurrency', contender.threads, '-l', 'warning'];
    const child = spawn(contender.command, [...contender.args, ...args, '--file-flush-interval-msec', '50'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-4_000)));
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    failed.catch(() => {});
    const lane = new Lane(contender.name, child, folder, endpoints, ports, setup);
    for (const until = performance.now() + startMs; ; ) {
      const ready = await Promise.race([lane.#admin('/ready').catch(() => ''), failed]);
      if (ready.startsWith('LIVE')) return lane;
      if (child.exitCode !== null || performance.now() > until) {
        await lane.stop();
        throw new LateenError('ENOTREADY', `${contender.name} does not serve ${setup.name}:\n${said}`);
      }
      await sleep(50);
    }
  }

  async run(one: CompareCase): Promise<Observation> {
    const seen: Observation = new Map();
    this.#normalise =
      one.collector === undefined ? this.#named : spanIdNormaliser(this.#named, JSON.stringify(one.clients));
    for (const name of endpointNames) this.#endpoints[name].follow(one[name]);
    const logFile = join(this.#folder, 'log');
    if (existsSync(logFile)) truncateSync(logFile);
    const before = readStats(await this.#admin('/stats'));
    const clients = await Promise.all(one.clients.map((client) => this.#connect(client)));
    await Promise.all(
      clients.map(async (peer, i) => {
        await peer.follow(one.clients[i]?.send ?? []);
        await peer.isQuiet(one.quietMs ?? 200);
        // Envoy leaves a connection that it is about to close to its client for another second.
        if (peer.received.includes('\r\nconnection: close\r\n')) await peer.isQuiet(closingMs);
      }),
    );
    clients.forEach((peer, i) => this.#observeClient(seen, `client${i + 1}`, one, peer));
    for (const path of one.admin ?? []) seen.set(`admin.${path}`, this.#normalise(await this.#admin(path)));
    for (const path of one.tables ?? []) {
      for (const [name, value] of tableRows(this.#normalise(await this.#admin(path))))
        seen.set(`table.${path}: ${name}`, value);
    }
    // Those that wait for others go first.
    for (const peer of clients.toReversed()) {
      await peer.close();
      await sleep(20);
    }
    const byTurns = one.shares !== undefined || one.round !== undefined || one.order === true;
    if (!byTurns) {
      for (const name of endpointNames) {
        if (name === one.collector) this.#observeCollector(seen, this.#endpoints[name]);
        else this.#observeEndpoint(seen, name, this.#endpoints[name]);
      }
    }
    await Promise.all(endpointNames.map((name) => this.#endpoints[name].settle()));
    const after = await this.#settledStats();
    observeStats(seen, before, after, this.#normalise);
    const log = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
    if (byTurns) {
      const turns = turnsOf(log, this.#normalise);
      if (one.shares !== undefined) observeShares(seen, turns, one.shares, this.#name);
      if (one.order === true) seen.set('order', turns.join(' '));
      if (one.round !== undefined) observeRound(seen, turns, one.round);
    } else observeLog(seen, log, this.#normalise);
    return seen;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    }
    await Promise.all(endpointNames.map((name) => this.#endpoints[name].close()));
    rmSync(this.#folder, { recursive: true });
  }

  async #connect({ listener = 'main', tls }: Client): Promise<PeerSocket> {
    if (tls !== undefined) return connectTls({ ...tls, port: this.#ports[listener], host: '127.0.0.1' });
    const socket = connect({ port: this.#ports[listener], host: '127.0.0.1', allowHalfOpen: true });
    const peer = new PeerSocket(socket);
    // One that is reset at once has been made all the same.
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {});
    return peer;
  }

  #observeClient(seen: Observation, name: string, one: CompareCase, peer: PeerSocket): void {
    const { protocol = 'http1' } = one;
    if (one.shares !== undefined) observeAnswers(seen, name, peer.received);
    else if (protocol === 'http2') observeHttp2(seen, name, peer.received, this.#normalise);
    else if (protocol === 'tcp') seen.set(`${name}.bytes`, this.#normalise(peer.received.toString('latin1')));
    else {
      const sent = one.clients.flatMap(({ send }) => send).filter((step) => typeof step === 'string');
      const onlyHead = sent.every((text) => text.startsWith('HEAD '));
      observeHttp1(seen, name, peer.received, this.#normalise, () => onlyHead);
    }
    seen.set(`${name}.connection`, peer.end ?? 'open');
    if (peer.socket instanceof TLSSocket) observeClientTls(seen, name, peer.socket, peer.tlsError);
  }

  #observeEndpoint(seen: Observation, name: EndpointName, endpoint: ScriptedEndpoint): void {
    endpoint.connections.forEach(({ peer, isHttp2 }, i) => {
      const prefix = `${name}.${i + 1}`;
      if (endpoint.isRaw) seen.set(`${prefix}.bytes`, this.#normalise(peer.received.toString('latin1')));
      else if (isHttp2)
        observeHttp2(seen, prefix, peer.received.subarray(24), this.#normalise, this.#messages[name]);
      else observeHttp1(seen, prefix, peer.received, this.#normalise);
      seen.set(`${prefix}.connection`, peer.end ?? 'open');
      if (peer.socket instanceof TLSSocket) observeEndpointTls(seen, prefix, peer.socket);
    });
  }

  #observeCollector(seen: Observation, { connections }: ScriptedEndpoint): void {
    const received = connections.map(({ peer }) => peer.received.toString('latin1'));
    observeSpans(seen, received, this.#normalise);
  }

  /** Statistics when two looks one after another see the same. */
  async #settledStats(): Promise<Map<string, number>> {
    let last = new Map<string, number>();
    for (let look = 0; ; look++) {
      await sleep(80);
      const stats = readStats(await this.#admin('/stats'));
      if (isDeepStrictEqual(stats, last) || look === 50) return stats;
      last = stats;
    }
  }

  async #admin(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.admin}${path}`);
    return response.text();
  }
}
