import { useEffect, useState } from 'preact/hooks';
import type { ConfigDocument, GraphNode, MeshDocument } from '../src/documents.ts';
import { ConfigView } from './config/config-view.tsx';
import { GraphView } from './graph/graph-view.tsx';
import { NodePanel } from './graph/node-panel.tsx';
import { ProxiesView } from './proxies/proxies-view.tsx';
import { useConsole, type ConsoleState } from './stream/use-console.ts';

const tabs = ['graph', 'configuration', 'proxies'] as const;
type Tab = (typeof tabs)[number];

function tabOfAddress(): Tab {
  return tabs.find((tab) => location.hash === `#${tab}`) ?? 'graph';
}

/** The whole page. */
export function App() {
  const state = useConsole();
  const [tab, setTab] = useState<Tab>(tabOfAddress);
  const [node, setNode] = useState<string | undefined>(undefined);
  const [object, setObject] = useState<string | undefined>(undefined);
  const [namespace, setNamespace] = useState('');
  useEffect(() => {
    const onHash = (): void => setTab(tabOfAddress());
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') setNode(undefined);
    };
    addEventListener('hashchange', onHash);
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('hashchange', onHash);
      removeEventListener('keydown', onKey);
    };
  }, []);
  const show = (wanted: Tab): void => {
    location.hash = wanted;
    setTab(wanted);
  };
  const configs = state.config?.objects ?? [];
  const mesh = state.mesh === undefined ? undefined : within(state.mesh, namespace);
  const selected = mesh?.nodes.find(({ id }) => id === node);
  const problemsOf = (one: GraphNode): number =>
    configs
      .filter(({ id }) => one.config.includes(id))
      .reduce((sum, { messages }) => sum + messages.filter(({ level }) => level !== 'Info').length, 0);
  return (
    <>
      <header class="bar">
        <img src="/icon.svg" alt="" width="26" height="26" />
        <b class="brand">Lateen</b>
        <nav class="tabs" aria-label="Views">
          {tabs.map((one) => (
            <a key={one} href={`#${one}`} aria-current={tab === one ? 'page' : undefined}>
              {one}
              <TabCount tab={one} state={state} />
            </a>
          ))}
        </nav>
        {tab === 'graph' && state.mesh !== undefined && (
          <NamespaceChoice mesh={state.mesh} namespace={namespace} onChange={setNamespace} />
        )}
        <LinkState link={state.link} />
      </header>
      <main>
        {state.link === 'refused' && (
          <p class="empty">This address needs its token: open the one that lateen console printed.</p>
        )}
        {state.link !== 'refused' && mesh === undefined && <p class="empty">Looking at the mesh…</p>}
        {tab === 'graph' && mesh !== undefined && (
          <div class={selected === undefined ? 'view' : 'view with-panel'}>
            <GraphView mesh={mesh} selected={selected?.id} problemsOf={problemsOf} onSelect={setNode} />
            {selected !== undefined && (
              <NodePanel
                node={selected}
                mesh={mesh}
                config={configs}
                onSelect={setNode}
                onConfig={(id) => {
                  setObject(id);
                  show('configuration');
                }}
              />
            )}
          </div>
        )}
        {tab === 'configuration' && state.config !== undefined && (
          <ConfigView
            config={state.config}
            selected={object}
            onSelect={setObject}
            onNode={(id) => {
              setNode(id);
              show('graph');
            }}
          />
        )}
        {tab === 'proxies' && state.proxies !== undefined && <ProxiesView proxies={state.proxies} />}
      </main>
    </>
  );
}

/** The nodes of a namespace, and what they call or are called by; all where it is empty. */
function within(mesh: MeshDocument, namespace: string): MeshDocument {
  if (namespace === '') return mesh;
  const own = new Set(mesh.nodes.filter((node) => node.namespace === namespace).map(({ id }) => id));
  const edges = mesh.edges.filter(({ from, to }) => own.has(from) || own.has(to));
  const ends = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return { ...mesh, edges, nodes: mesh.nodes.filter(({ id }) => own.has(id) || ends.has(id)) };
}

interface NamespaceProps {
  readonly mesh: MeshDocument;
  readonly namespace: string;
  readonly onChange: (namespace: string) => void;
}

function NamespaceChoice({ mesh, namespace, onChange }: NamespaceProps) {
  const real = mesh.nodes.filter(({ kind }) => kind !== 'unknown');
  const names = [...new Set(real.map((node) => node.namespace))].sort();
  return (
    <label class="choice">
      <span class="soft">namespace</span>
      <select value={namespace} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">all</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function TabCount({ tab, state }: { readonly tab: Tab; readonly state: ConsoleState }) {
  if (tab === 'configuration') {
    const grave = (state.config?.objects ?? []).reduce((sum, one) => sum + countErrors(one), 0);
    return grave === 0 ? null : <span class="badge bad">{grave}</span>;
  }
  if (tab === 'proxies') {
    const behind = (state.proxies?.proxies ?? []).filter(
      (proxy) => proxy.state !== 'SYNCED' && proxy.state !== 'NOT SENT',
    );
    return behind.length === 0 ? null : <span class="badge warn">{behind.length}</span>;
  }
  return null;
}

function countErrors({ messages }: ConfigDocument): number {
  return messages.filter(({ level }) => level === 'Error').length;
}

function LinkState({ link }: { readonly link: ConsoleState['link'] }) {
  const words = {
    connecting: 'connecting',
    live: 'live',
    lost: 'connection lost',
    refused: 'no token',
  };
  return (
    <span class={`link-state ${link}`} role="status">
      <i /> {words[link]}
    </span>
  );
}
