/** The engine's pages as tabs of the main area. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, ToolbarButton } from '@jupyterlab/apputils';
import { LabIcon, refreshIcon } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { Signal, ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { address } from './api';
import { h } from './dom';
import { logoIcon, outsideIcon } from './icons';

const THEME = 'datawatch-theme';
const RAIL = 'datawatch-rail';
const SUFFIX = ' · DataWatch';

const isBoard = (path: string): boolean => path.startsWith('d/');

/** The address of a page; boards are told their theme in it, other pages look into the storage. */
function dressed(path: string): string {
  const theme = localStorage.getItem(THEME);
  if (!theme || !isBoard(path)) return address(path);
  return `${address(path)}${path.includes('?') ? '&' : '?'}theme=${theme}`;
}

const undressed = (path: string): string => path.replace(/([?&])theme=\w+&?/, '$1').replace(/[?&]$/, '');

/** A page in a frame of the same origin. */
export class Page extends Widget {
  private _frame: HTMLIFrameElement;
  private _watcher: MutationObserver | null = null;
  private _moved = new Signal<this, void>(this);

  constructor(private _path: string, private _names: Record<string, string>, private _palette: () => void) {
    super();
    this.addClass('dw-page');
    this._frame = h('iframe', { title: 'DataWatch', src: dressed(_path) });
    this._frame.addEventListener('load', () => this._loaded());
    this.node.append(this._frame);
  }

  /** Where it is now, below the engine's root. */
  get path(): string {
    return this._path;
  }
  /** It went to another place, or has another title. */
  get moved(): ISignal<this, void> {
    return this._moved;
  }
  get url(): string {
    return address(this._path);
  }

  reload(): void {
    this._frame.contentWindow?.location.reload();
  }

  /** Another theme; charts take their colours when they are drawn, so the page is loaded again. */
  theme(name: string): void {
    const root = this._frame.contentDocument?.documentElement;
    if (!root || root.dataset.theme === name) return;
    if (isBoard(this._path)) this._frame.contentWindow?.location.replace(dressed(this._path));
    else this.reload();
  }

  override dispose(): void {
    this._watcher?.disconnect();
    super.dispose();
  }

  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this._frame.contentWindow?.focus();
  }

  private _loaded(): void {
    const inner = this._frame.contentWindow;
    const page = this._frame.contentDocument;
    if (!inner || !page) return;
    inner.addEventListener('focus', () => this.node.dispatchEvent(new FocusEvent('focusin', { bubbles: true })));
    page.addEventListener('keydown', event => {
      if (event.key.toLowerCase() === 'c' && event.shiftKey && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this._palette();
      }
    });
    const note = () => {
      const root = new URL(address(''), location.href).pathname.replace(/\/*$/, '/');
      if (inner.location.pathname.startsWith(root)) {
        this._path = undressed(inner.location.pathname.slice(root.length) + inner.location.search);
      }
      const name = this._names[this._path.split('?')[0]] ?? page.title.replace(SUFFIX, '');
      if (name) this.title.label = name;
      this.title.caption = `DataWatch: ${this.title.label}`;
      this._moved.emit();
    };
    this._watcher?.disconnect();
    this._watcher = new MutationObserver(note);
    if (page.head) this._watcher.observe(page.head, { childList: true, subtree: true, characterData: true });
    note();
  }
}

export type Tab = MainAreaWidget<Page>;

/** A tab of a page, with its tools. */
export function tab(
  app: JupyterFrontEnd,
  path: string,
  label: string,
  icon: LabIcon,
  names: Record<string, string>
): Tab {
  // A tab is narrower than a window: the navigation begins folded, until somebody unfolds it.
  if (localStorage.getItem(RAIL) === null) localStorage.setItem(RAIL, 'narrow');
  const content = new Page(path, names, () => void app.commands.execute('apputils:activate-command-palette'));
  content.title.label = label;
  content.title.icon = icon;
  const made = new MainAreaWidget({ content });
  made.id = `datawatch-page-${crypto.randomUUID?.() ?? Math.random().toString(36).slice(2)}`;
  made.title.closable = true;
  made.toolbar.addItem('name', new Widget({ node: h('span', { class: 'dw-page-mark' }, 'DataWatch') }));
  made.toolbar.addItem(
    'reload',
    new ToolbarButton({ icon: refreshIcon, tooltip: 'Load the page again', onClick: () => content.reload() })
  );
  made.toolbar.addItem(
    'outside',
    new ToolbarButton({
      icon: outsideIcon,
      tooltip: 'Open in a browser tab of its own',
      onClick: () => void window.open(content.url, '_blank', 'noopener')
    })
  );
  return made;
}

/** Tell pages, also those that are opened later, which theme to show; null leaves it to them. */
export function setTheme(name: 'light' | 'dark' | null, tabs: Iterable<Tab>): void {
  if (name === null) {
    localStorage.removeItem(THEME);
    return;
  }
  localStorage.setItem(THEME, name);
  for (const each of tabs) each.content.theme(name);
}

/** The icon of a page. */
export const iconOf = (path: string, icons: Record<string, LabIcon>): LabIcon => icons[path.split('?')[0]] ?? logoIcon;
