// What the builder asks of the workspace: over HTTP on a page, over Panel's channel elsewhere.

import type { BoardMessage } from "../message.ts";

export interface QueryDoc {
  metric?: string;
  sql?: string;
  table?: string;
  aggregation?: string;
  by?: string[];
  filters?: Record<string, string | string[]>;
  step?: string;
  compare?: string;
  label?: string;
}

export interface TileDoc {
  id: string;
  kind: string;
  title?: string;
  query?: QueryDoc;
  queries?: QueryDoc[];
  x?: number;
  y?: number;
  w?: number;
  h?: number;
  window?: string;
  options?: Record<string, unknown>;
  note?: string;
}

export interface VariableDoc {
  name: string;
  title?: string;
  metric?: string;
  label?: string;
  values?: string[];
  multi?: boolean;
}

export interface NoteDoc {
  at: string;
  text: string;
  until?: string;
  tile?: string;
}

/** A dashboard as its document has it; what is at its default may be left out. */
export interface Doc {
  name: string;
  description?: string;
  tiles?: TileDoc[];
  variables?: VariableDoc[];
  filters?: Record<string, string | string[]>;
  time_range?: string;
  refresh?: string;
  theme?: string;
  annotations?: string[];
  notes?: NoteDoc[];
  is_public?: boolean;
}

export interface OptionSpec {
  name: string;
  type: "flag" | "integer" | "number" | "text" | "choice" | "texts";
  default: unknown;
  choices: string[];
  low: number | null;
  high: number | null;
  description: string;
}

export interface KindSpec {
  name: string;
  label: string;
  description: string;
  w: number;
  h: number;
  needs: "none" | "maybe" | "one" | "many";
  asks: string[];
  options: OptionSpec[];
  /** A tile of this kind, of what the workspace has; null where it has nothing for it. */
  example: Partial<TileDoc> | null;
}

export interface Metric {
  name: string;
  table: string;
  unit: string;
  labels: string[];
  description: string;
  aggregation: string;
  aggregations: string[];
}

export interface Drawn {
  message: BoardMessage;
  dashboard: Doc;
  code: string;
}

/** An answer that is a refusal: its sentence, and its status as HTTP has it. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export interface Backend {
  ask(what: string, given?: Record<string, unknown>): Promise<any>;
}

const API = "api/v1/datawatch";
const ROUTES: Record<string, [method: string, path: string]> = {
  get_dashboard: ["GET", `${API}/dashboards/{id}`],
  change_dashboard: ["PUT", `${API}/dashboards/{id}`],
  dashboard_versions: ["GET", `${API}/dashboards/{id}/versions`],
  dashboard_diff: ["GET", `${API}/dashboards/{id}/diff`],
  rollback_dashboard: ["POST", `${API}/dashboards/{id}/rollback`],
  export_dashboard: ["GET", `${API}/dashboards/{id}/export`],
  share_dashboard: ["POST", `${API}/dashboards/{id}/share`],
  tile_kinds: ["GET", `${API}/dashboards/kinds`],
  metrics: ["GET", `${API}/metrics`],
  tables: ["GET", `${API}/tables`],
  query: ["GET", `${API}/metrics/{name}/query`],
  draw: ["POST", "d/{id}/draw"],
};

/** Asks the server that the page came from. */
export class Http implements Backend {
  /** @param root of the server, which may stand below any path of a proxy */
  constructor(private readonly root: URL) {}

  async ask(what: string, given: Record<string, unknown> = {}): Promise<any> {
    const [method, path] = ROUTES[what];
    const rest = { ...given };
    const where = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = encodeURIComponent(String(rest[name]));
      delete rest[name];
      return value;
    });
    const address = new URL(where, this.root);
    const how: RequestInit = { method, headers: { "Content-Type": "application/json" } };
    if (method === "GET") for (const [name, value] of Object.entries(rest)) address.searchParams.set(name, String(value));
    else how.body = JSON.stringify(rest);
    let answer: Response;
    try {
      answer = await fetch(address, how);
    } catch {
      throw new Refused("The server cannot be reached.", 0);
    }
    const text = await answer.text();
    if (answer.ok) return text ? JSON.parse(text) : null;
    throw new Refused(sentence(text) || `The server answered ${answer.status}.`, answer.status);
  }
}

function sentence(text: string): string {
  try {
    const found = JSON.parse(text);
    const error = found.error ?? found;
    return [error.message, error.hint].filter((each) => typeof each === "string" && each).join(" ");
  } catch {
    return "";
  }
}
