/** DataWatch in JupyterLab: the side bar, pages as tabs, launcher, palette, code. */
import { ILabShell, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, IThemeManager, Notification, showDialog, WidgetTracker } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { PanelWithToolbar, refreshIcon, SidePanel, ToolbarButton } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { AccordionPanel } from '@lumino/widgets';
import { Alert } from './api';
import { Commands, PAGES } from './commands';
import { ConnectDialog } from './connect';
import { databaseIcon, logoIcon } from './icons';
import { codeOf, insert } from './insert';
import { Model } from './model';
import { iconOf, setTheme, Tab, tab } from './pages';
import { Actions, Alerts, Dashboards, keys, Overview } from './sections';

const ID = 'datawatch-lab:plugin';
const CATEGORY = 'DataWatch';
const NAMES = Object.fromEntries(PAGES.map(each => [each.path, each.label]));
const ICONS = Object.fromEntries(PAGES.map(each => [each.path, each.icon]));

class SideBar extends SidePanel {
  private _isSized = false;

  constructor(private _model: Model, actions: Actions) {
    super();
    this.id = 'datawatch-side-bar';
    this.title.icon = logoIcon;
    this.title.caption = CATEGORY;
    this.addClass('dw-side-bar');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', CATEGORY);
    const again = () => void _model.refresh();
    for (const section of [new Overview(_model, actions), new Dashboards(_model, actions), new Alerts(_model, actions)]) {
      const panel = new PanelWithToolbar();
      panel.addWidget(section);
      const name = () => {
        panel.title.label = section.title.label;
      };
      section.title.changed.connect(name);
      name();
      if (section instanceof Overview) {
        panel.toolbar.addItem('connect', new ToolbarButton({ icon: databaseIcon, tooltip: 'Connect to a database…', onClick: () => actions.connect() }));
        panel.toolbar.addItem('refresh', new ToolbarButton({ icon: refreshIcon, tooltip: 'Refresh', onClick: again }));
      }
      this.addWidget(panel);
    }
    keys(this.node);
    _model.isSeen = () => this.isVisible;
    _model.changed.connect(() => this._mark());
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    requestAnimationFrame(() => this._shown());
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    requestAnimationFrame(() => this._shown());
  }

  /** Most of the height is for tables; what somebody drags afterwards stays. */
  private _shown(): void {
    if (!this.isVisible) return;
    void this._model.refresh();
    if (this._isSized || !(this.content instanceof AccordionPanel)) return;
    this.content.setRelativeSizes([3, 1, 1]);
    this._isSized = true;
  }

  private _mark(): void {
    const open = this._model.last.alerts?.length ?? 0;
    this.title.className = open ? 'dw-has-alerts' : '';
    this.title.caption = open ? `${CATEGORY}: ${open} open alert${open === 1 ? '' : 's'}` : CATEGORY;
  }
}

function told(work: Promise<unknown>): void {
  work.catch(error => Notification.error(`DataWatch: ${error.message ?? error}`));
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Live tables, metrics, dashboards and alerts of a DataWatch workspace.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ILabShell, ILayoutRestorer, ICommandPalette, ILauncher, IThemeManager, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    shell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    themes: IThemeManager | null,
    registry: ISettingRegistry | null
  ): void => {
    const model = new Model();
    const tabs = new WidgetTracker<Tab>({ namespace: 'datawatch-pages' });
    const commands = app.commands;
    let variable = 'lab';
    let notifies = true;
    let follows = true;

    const actions: Actions = {
      open: (path, label) => void commands.execute(Commands.open, { path, label }),
      insert: (kind, name) => void commands.execute(Commands.insert, { kind, name }),
      code: (kind, name) => codeOf(variable, kind, name),
      start: () => void commands.execute(Commands.start),
      connect: () => void commands.execute(Commands.connect)
    };
    const bar = new SideBar(model, actions);

    commands.addCommand(Commands.open, {
      label: args => `Open ${args.label ?? 'a page'}`,
      execute: async args => {
        const path = String(args.path ?? 'datawatch').replace(/^\/+/, '');
        let found: Tab | undefined = tabs.find(each => each.content.path.split('?')[0] === path.split('?')[0]);
        if (!found) {
          found = tab(app, path, String(args.label ?? 'DataWatch'), iconOf(path, ICONS), NAMES);
          const made = found;
          made.content.moved.connect(() => void tabs.save(made));
          made.content.node.addEventListener('focusin', () => {
            if (shell && shell.currentWidget !== made) shell.activateById(made.id);
          });
          app.shell.add(made, 'main', { mode: args.mode as never });
          await tabs.add(made);
        }
        app.shell.activateById(found.id);
        return found;
      }
    });
    commands.addCommand(Commands.page, {
      label: args => (args.isPalette ? `Open ${args.label}` : String(args.label ?? 'Page')),
      caption: args => String(args.caption ?? ''),
      icon: args => (args.isPalette ? undefined : iconOf(String(args.path ?? ''), ICONS)),
      execute: args => commands.execute(Commands.open, { path: args.path, label: args.label })
    });
    commands.addCommand(Commands.showSideBar, {
      label: 'Show the side bar',
      execute: () => app.shell.activateById(bar.id)
    });
    commands.addCommand(Commands.connect, {
      label: 'Connect to a database…',
      caption: 'Watch PostgreSQL, MySQL, Kafka or Redis',
      icon: args => (args.isPalette ? undefined : databaseIcon),
      isEnabled: () => model.isAdmin,
      execute: () => new ConnectDialog(() => void model.refresh()).launch()
    });
    commands.addCommand(Commands.start, {
      label: 'Start the engine',
      isEnabled: () => !model.isRunning,
      execute: () => told(model.start().finally(() => model.refresh()))
    });
    commands.addCommand(Commands.stop, {
      label: 'Stop the engine',
      isEnabled: () => model.isAdmin,
      execute: async () => {
        const { button } = await showDialog({
          title: 'Stop the engine?',
          body: 'Sources are read no more, alerts are not judged, and pages and notebooks lose their connection. What was taken in stays.',
          buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Stop' })]
        });
        if (button.accept) told(model.stop());
      }
    });
    commands.addCommand(Commands.refresh, { label: 'Refresh the side bar', execute: () => model.refresh() });
    commands.addCommand(Commands.insert, {
      label: args => (args.name ? `Insert ${args.name}` : 'Insert code that opens the workspace'),
      execute: args => {
        const kind = (args.kind as 'metric' | 'table' | 'dashboard') ?? 'metric';
        const code = args.name ? codeOf(variable, kind, String(args.name)) : `${variable}.status`;
        told(insert(app, notebooks, variable, code));
      }
    });

    model.changed.connect(() => commands.notifyCommandChanged());
    model.fired.connect((_, alert: Alert) => {
      if (!notifies) return;
      const say = alert.severity === 'critical' ? Notification.error : Notification.warning;
      say(`${alert.rule}: ${alert.metric} ${alert.condition}`, {
        autoClose: 10000,
        actions: [{ label: 'Open alerts', callback: () => actions.open('datawatch/alerts', 'Alerts') }]
      });
    });

    const dress = () => {
      const isLight = !themes?.theme || themes.isLight(themes.theme);
      const all: Tab[] = [];
      tabs.forEach(each => all.push(each));
      setTheme(follows ? (isLight ? 'light' : 'dark') : null, all);
    };
    themes?.themeChanged.connect(dress);

    app.shell.add(bar, 'left', { rank: 350 });
    restorer?.add(bar, bar.id);
    if (restorer) {
      void restorer.restore(tabs, {
        command: Commands.open,
        args: each => ({ path: each.content.path, label: each.title.label }),
        name: each => each.content.path
      });
    }

    for (const { path, label, caption, tile } of PAGES) {
      palette?.addItem({ command: Commands.page, category: CATEGORY, args: { path, label, caption, isPalette: true } });
      if (tile) launcher?.add({ command: Commands.page, category: CATEGORY, args: { path, label, caption }, rank: PAGES.findIndex(p => p.path === path) });
    }
    launcher?.add({ command: Commands.connect, category: CATEGORY, rank: 20 });
    for (const command of [Commands.showSideBar, Commands.connect, Commands.insert, Commands.start, Commands.stop, Commands.refresh]) {
      palette?.addItem({ command, category: CATEGORY, args: { isPalette: true } });
    }

    const read = (settings: ISettingRegistry.ISettings) => {
      const found = settings.composite as Record<string, unknown>;
      model.seconds = Number(found.refreshSeconds) || 5;
      notifies = found.notifyOfAlerts !== false;
      follows = found.followTheme !== false;
      variable = String(found.variable || 'lab');
      dress();
    };
    void registry
      ?.load(ID)
      .then(settings => {
        settings.changed.connect(read);
        read(settings);
      })
      .catch(error => console.error('DataWatch: its settings cannot be read; defaults are used', error));
    dress();
    model.begin();
  }
};

export default plugin;
