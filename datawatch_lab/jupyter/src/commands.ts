/** Names of commands, and the pages that have one. */
import { LabIcon } from '@jupyterlab/ui-components';
import { alertIcon, boardIcon, explorerIcon, logoIcon } from './icons';

export namespace Commands {
  export const open = 'datawatch:open';
  export const page = 'datawatch:open-page';
  export const showSideBar = 'datawatch:show-side-bar';
  export const connect = 'datawatch:connect';
  export const start = 'datawatch:start';
  export const stop = 'datawatch:stop';
  export const refresh = 'datawatch:refresh';
  export const insert = 'datawatch:insert';
}

export interface Shown {
  path: string;
  label: string;
  caption: string;
  icon: LabIcon;
  /** Whether the launcher has a tile for it. */
  tile: boolean;
}

export const PAGES: Shown[] = [
  { path: 'datawatch', label: 'Overview', caption: 'All tables and metrics, live', icon: logoIcon, tile: true },
  { path: 'datawatch/explorer', label: 'Explorer', caption: 'Metrics and SQL', icon: explorerIcon, tile: true },
  { path: 'datawatch/dashboards', label: 'Dashboards', caption: 'Dashboards and templates', icon: boardIcon, tile: true },
  { path: 'datawatch/alerts', label: 'Alerts', caption: 'Open alerts and rules', icon: alertIcon, tile: true },
  { path: 'datawatch/anomalies', label: 'Anomalies', caption: 'What was found strange', icon: logoIcon, tile: false },
  { path: 'datawatch/quality', label: 'Data quality', caption: 'Scores, rules, violations', icon: logoIcon, tile: false },
  { path: 'datawatch/schema', label: 'Schema', caption: 'History of schemas', icon: logoIcon, tile: false },
  { path: 'datawatch/data', label: 'Data', caption: 'Sources, ledger, quarantine', icon: logoIcon, tile: false },
  { path: 'datawatch/settings', label: 'DataWatch settings', caption: 'Settings of the engine', icon: logoIcon, tile: false }
];
