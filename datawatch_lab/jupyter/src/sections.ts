/** The three sections of the side bar. */
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { addIcon, LabIcon } from '@jupyterlab/ui-components';
import { Alert, Board, Metric, State, Status, Table } from './api';
import { fill, h } from './dom';
import { ago, compact, number, plural, rate } from './format';
import { boardIcon, tableIcon } from './icons';
import { Model } from './model';

/** What a row can do. */
export interface Actions {
  open(path: string, label: string): void;
  insert(kind: 'metric' | 'table' | 'dashboard', name: string): void;
  code(kind: 'metric' | 'table' | 'dashboard', name: string): string;
  start(): void;
  connect(): void;
}

const MOST = 60;

abstract class Section extends Widget {
  protected readonly body = h('div', { class: 'dw-body' });

  constructor(protected readonly model: Model, protected readonly actions: Actions, protected readonly name: string) {
    super();
    this.addClass('dw-section');
    this.title.label = name;
    this.node.append(this.body);
    model.changed.connect(this.draw, this);
  }

  override dispose(): void {
    this.model.changed.disconnect(this.draw, this);
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.draw();
  }

  protected count(count: number | null): void {
    this.title.label = count ? `${this.name} (${count})` : this.name;
  }

  abstract draw(): void;
}

const note = (text: string): HTMLElement => h('p', { class: 'dw-note' }, text);

function iconed(icon: LabIcon): HTMLElement {
  return icon.element({ tag: 'span', className: 'dw-row-icon' });
}

/** A row that opens on click and Enter, and whose code can be dragged into a cell. */
function row(
  key: string,
  title: string,
  action: () => void,
  code: string | null,
  ...children: (Node | string | null)[]
): HTMLElement {
  const made = h(
    'button',
    { type: 'button', class: 'dw-row', title, 'data-key': key, draggable: code !== null ? 'true' : undefined },
    ...children
  );
  made.addEventListener('click', action);
  if (code !== null) {
    made.addEventListener('dragstart', event => {
      event.dataTransfer?.setData('text/plain', code);
      if (event.dataTransfer) event.dataTransfer.effectAllowed = 'copy';
    });
  }
  return made;
}

const STATES: Record<string, [string, string]> = {
  live: ['good', 'Live'],
  quiet: ['good', 'Live'],
  silent: ['warn', 'Silent'],
  history: ['calm', 'History'],
  empty: ['calm', 'Empty']
};
const ENGINE: Record<State['name'], [string, string]> = {
  running: ['good', 'Running'],
  starting: ['calm', 'Starting'],
  stopped: ['calm', 'Stopped'],
  taken: ['warn', 'In use'],
  failed: ['bad', 'Failed'],
  refused: ['bad', 'Refused'],
  away: ['bad', 'Not reached']
};
const MARKS: Record<string, string> = { good: '●', warn: '▲', bad: '✕', calm: '○' };

const badge = ([tone, word]: [string, string]): HTMLElement =>
  h('span', { class: `dw-badge dw-${tone}` }, h('i', { 'aria-hidden': 'true' }, MARKS[tone]), word);

function figure(value: string, unit: string): HTMLElement {
  return h('div', { class: 'dw-figure' }, h('b', {}, value), h('span', {}, unit));
}

/** State, rate, tables with their columns and metrics. */
export class Overview extends Section {
  private _open = new Set<string>();
  private _search = '';
  private _list = h('div', { class: 'dw-list' });
  private _head = h('div', { class: 'dw-head' });
  private _input = h('input', {
    type: 'search',
    class: 'dw-search',
    placeholder: 'Search tables and metrics',
    'aria-label': 'Search tables and metrics'
  });

  constructor(model: Model, actions: Actions) {
    super(model, actions, 'DataWatch');
    this.body.append(this._head, this._input, this._list);
    this._input.addEventListener('input', () => {
      this._search = this._input.value.trim().toLowerCase();
      this._rows();
    });
  }

  draw(): void {
    const { state, status } = this.model.last;
    if (!status) {
      this._input.hidden = true;
      fill(this._head, this._away(state));
      fill(this._list);
      return;
    }
    this._input.hidden = !this.model.last.tables?.length;
    fill(this._head, ...this._numbers(state, status));
    this._rows();
  }

  private _away(state: State): HTMLElement {
    const canStart = ['stopped', 'failed', 'taken'].includes(state.name);
    const button = h('button', { type: 'button', class: 'jp-mod-styled jp-mod-accept dw-start', 'data-key': 'start' }, 'Start');
    button.addEventListener('click', () => {
      button.disabled = true;
      this.actions.start();
    });
    return h(
      'div',
      { class: 'dw-away', role: 'status' },
      h('div', { class: 'dw-line' }, h('strong', {}, state.name_of_workspace || 'DataWatch'), badge(ENGINE[state.name])),
      h('p', {}, state.message),
      canStart && button,
      canStart && !state.exists && h('p', { class: 'dw-hint' }, `Makes ${state.workspace}`)
    );
  }

  private _numbers(state: State, status: Status): HTMLElement[] {
    const flow = rate(this.model.rate);
    const made = [
      h(
        'div',
        { class: 'dw-line', title: state.workspace },
        h('strong', {}, state.name_of_workspace),
        badge(STATES[status.status] ?? STATES.empty)
      ),
      h(
        'div',
        { class: 'dw-figures' },
        figure(flow.value, flow.unit),
        figure(compact(status.events), 'events'),
        figure(compact(status.metrics), 'metrics')
      )
    ];
    if (status.problem) made.push(h('p', { class: 'dw-problem', role: 'alert' }, `✕ ${status.problem}`));
    const role = this.model.last.me?.role;
    if (role === 'viewer') made.push(h('p', { class: 'dw-hint' }, 'You may look, and change nothing (role viewer).'));
    return made;
  }

  private _rows(): void {
    const { tables, metrics } = this.model.last;
    if (!tables) return fill(this._list, note('Tables cannot be listed for you.'));
    if (!tables.length) {
      const connect = h('button', { type: 'button', class: 'jp-mod-styled dw-start', 'data-key': 'connect' }, 'Connect to a database…');
      connect.addEventListener('click', () => this.actions.connect());
      return fill(this._list, note('No events have come yet.'), this.model.isAdmin && connect);
    }
    const words = this._search.split(/\s+/).filter(Boolean);
    const fits = (text: string) => words.every(word => text.toLowerCase().includes(word));
    const by = new Map<string, Metric[]>();
    for (const each of metrics ?? []) {
      if (!by.has(each.table)) by.set(each.table, []);
      by.get(each.table)!.push(each);
    }
    const made: HTMLElement[] = [];
    for (const table of [...tables].sort((a, b) => b.events - a.events)) {
      const own = by.get(table.name) ?? [];
      const found = words.length ? own.filter(m => fits(`${m.name} ${m.description}`)) : own;
      if (words.length && !found.length && !fits(table.name)) continue;
      made.push(this._table(table, found, words.length > 0));
    }
    fill(this._list, ...(made.length ? made : [note('Nothing has that name.')]));
  }

  private _table(table: Table, metrics: Metric[], isSearch: boolean): HTMLElement {
    const isOpen = isSearch ? metrics.length > 0 : this._open.has(table.name);
    const head = row(
      `table:${table.name}`,
      `${table.name}: ${plural(table.events, 'event')}, last ${ago(table.last_event)}. Drag it into a cell.`,
      () => {
        if (this._open.has(table.name)) this._open.delete(table.name);
        else this._open.add(table.name);
        this._rows();
      },
      this.actions.code('table', table.name),
      h('span', { class: 'dw-caret', 'aria-hidden': 'true' }, isOpen ? '▾' : '▸'),
      iconed(tableIcon),
      h('span', { class: 'dw-name' }, table.name),
      h('span', { class: 'dw-count' }, table.rows === null ? '' : `${compact(table.rows)} rows`)
    );
    head.setAttribute('aria-expanded', String(isOpen));
    head.addEventListener('keydown', event => {
      if ((event.key === 'ArrowRight') !== isOpen && ['ArrowRight', 'ArrowLeft'].includes(event.key)) head.click();
    });
    if (!isOpen) return head;
    const more = metrics.length - MOST;
    return h(
      'div',
      { class: 'dw-group' },
      head,
      !isSearch && h('div', { class: 'dw-columns' }, ...table.columns.map(each => this._column(each))),
      ...metrics.slice(0, MOST).map(each => this._metric(each)),
      more > 0 && note(`${number(more)} more; search for them by name.`)
    );
  }

  private _column(column: Table['columns'][number]): HTMLElement {
    const title = `${column.name}: ${column.type}, ${column.role}${column.sensitive ? ', sensitive' : ''}`;
    return h('span', { class: 'dw-column', title }, column.sensitive ? '🔒︎ ' : '', column.name);
  }

  private _metric(metric: Metric): HTMLElement {
    const code = this.actions.code('metric', metric.name);
    const unit = metric.unit === '1' ? '' : metric.unit; // a count has no unit to show
    return row(
      `metric:${metric.name}`,
      `${metric.description}${unit ? ` (${unit})` : ''}\n${code}: click to insert it, or drag it into a cell.`,
      () => this.actions.insert('metric', metric.name),
      code,
      h('span', { class: 'dw-dot', 'aria-hidden': 'true' }),
      h('span', { class: 'dw-name' }, metric.name),
      h('span', { class: 'dw-count' }, unit)
    );
  }
}

/** The dashboards that are saved. */
export class Dashboards extends Section {
  constructor(model: Model, actions: Actions) {
    super(model, actions, 'Dashboards');
  }

  draw(): void {
    const found = this.model.last.dashboards;
    this.count(found?.length ?? null);
    if (!found) return fill(this.body, note(this.model.isRunning ? 'Dashboards cannot be listed for you.' : 'The engine is not running.'));
    const overview = row(
      'overview',
      'The overview that needs no configuration',
      () => this.actions.open('datawatch', 'Overview'),
      null,
      iconed(boardIcon),
      h('span', { class: 'dw-name' }, 'Overview'),
      h('span', { class: 'dw-count' }, 'automatic')
    );
    const rows = found.map(each => this._board(each));
    const make = row(
      'new',
      'Templates, and the builder',
      () => this.actions.open('datawatch/dashboards', 'Dashboards'),
      null,
      iconed(addIcon),
      h('span', { class: 'dw-name' }, 'New from a template…')
    );
    fill(this.body, overview, ...rows, this.model.mayEdit && make);
  }

  private _board(board: Board): HTMLElement {
    return row(
      `board:${board.id}`,
      board.description || board.name,
      () => this.actions.open(board.path, board.name),
      this.actions.code('dashboard', board.name),
      iconed(boardIcon),
      h('span', { class: 'dw-name' }, board.name),
      h('span', { class: 'dw-count' }, plural(board.tiles, 'tile'))
    );
  }
}

const TONES: Record<string, [string, string]> = {
  critical: ['bad', 'critical'],
  warning: ['warn', 'warning'],
  info: ['calm', 'info']
};

/** Alerts that are not over, worst first. */
export class Alerts extends Section {
  constructor(model: Model, actions: Actions) {
    super(model, actions, 'Alerts');
  }

  draw(): void {
    const found = this.model.last.alerts;
    this.count(found?.length ?? null);
    if (!found) return fill(this.body, note(this.model.isRunning ? 'Alerts cannot be listed for you.' : 'The engine is not running.'));
    if (!found.length) return fill(this.body, note('No alert is open.'));
    const order = ['critical', 'warning', 'info'];
    const sorted = [...found].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
    fill(this.body, ...sorted.slice(0, MOST).map(each => this._alert(each)));
  }

  private _alert(alert: Alert): HTMLElement {
    const labels = Object.values(alert.labels ?? {}).join(', ');
    return row(
      `alert:${alert.id}`,
      `${alert.rule}: ${alert.metric} ${alert.condition}`,
      () => this.actions.open('datawatch/alerts', 'Alerts'),
      this.actions.code('metric', alert.metric),
      badge(TONES[alert.severity] ?? TONES.info),
      h('span', { class: 'dw-name' }, alert.rule, labels && h('small', {}, ` ${labels}`)),
      h('span', { class: 'dw-count' }, alert.status === 'open' ? '' : alert.status)
    );
  }
}

/** Up and down move among rows. */
export function keys(node: HTMLElement): void {
  node.addEventListener('keydown', event => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const rows = [...node.querySelectorAll<HTMLElement>('.dw-search:not([hidden]), .dw-row')].filter(each => each.offsetParent);
    const place = rows.indexOf(document.activeElement as HTMLElement);
    const next = rows[place + (event.key === 'ArrowDown' ? 1 : -1)];
    if (place < 0 || !next) return;
    event.preventDefault();
    next.focus();
  });
}
