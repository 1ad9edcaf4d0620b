/** What Jupyter's server says of the engine, and what it hands on to it. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

export interface State {
  name: 'running' | 'starting' | 'stopped' | 'taken' | 'failed' | 'refused' | 'away';
  workspace: string;
  name_of_workspace: string;
  exists: boolean;
  message: string;
  by: string;
}
export interface Column {
  name: string;
  type: string;
  role: string;
  sensitive: boolean;
}
export interface Table {
  name: string;
  rows: number | null;
  events: number;
  status: string;
  last_event: string | null;
  columns: Column[];
}
export interface Metric {
  name: string;
  table: string;
  unit: string;
  description: string;
}
export interface Board {
  id: string;
  name: string;
  description: string;
  tiles: number;
  path: string;
}
export interface Alert {
  id: string;
  rule: string;
  severity: string;
  labels: Record<string, string>;
  metric: string;
  condition: string;
  value: number | null;
  unit: string;
  status: string;
}
export interface Status {
  tables: number;
  metrics: number;
  events: number;
  quarantined: number;
  backlog: number;
  last_event: string | null;
  status: string;
  message: string;
  problem: string;
}
export interface Summary {
  state: State;
  status?: Status | null;
  tables?: Table[] | null;
  metrics?: Metric[] | null;
  dashboards?: Board[] | null;
  alerts?: Alert[] | null;
  me?: { name: string; role: string } | null;
}
export interface Finding {
  check: string;
  ok: boolean;
  blocking: boolean;
  detail: string;
  fix: string;
}

/** An error of the engine or of Jupyter, in a sentence. */
export class Refused extends Error {}

// With JupyterLab's own `no-store` a number is added to each address, which the engine refuses.
const settings = ServerConnection.makeSettings({
  init: { ...ServerConnection.makeSettings().init, cache: 'no-cache' }
});

/** The address of one of the engine's pages or routes below Jupyter. */
export const address = (path: string): string =>
  URLExt.join(settings.baseUrl, 'datawatch', path.replace(/^\/+/, ''));

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(address(path), init, settings);
  } catch {
    throw new Refused('Jupyter’s server does not answer.');
  }
  const text = await response.text();
  let body: any = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    throw new Refused(`Jupyter’s server answered ${response.status}; is the extension datawatch_lab.jupyter on?`);
  }
  if (!response.ok) {
    const error = body?.error;
    const hint = error?.hint ? ` ${error.hint}` : '';
    throw new Refused(error?.message ? `${error.message}${hint}` : body?.message || `It failed with status ${response.status}.`);
  }
  return body as T;
}

const post = <T>(path: string, body: unknown = {}): Promise<T> =>
  ask<T>(path, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });

export const summary = (): Promise<Summary> => ask<Summary>('-/summary');
export const start = (): Promise<State> => post<State>('-/start');
export const stop = (): Promise<unknown> => post('-/stop');

export interface Source {
  url: string;
  name: string;
  include: string[];
  snapshot: boolean;
}
export const doctor = (source: Source): Promise<Finding[]> =>
  post<Finding[]>('api/v1/datawatch/sources/doctor', source);
export const watch = (source: Source): Promise<{ name: string }> =>
  post<{ name: string }>('api/v1/datawatch/sources', source);
