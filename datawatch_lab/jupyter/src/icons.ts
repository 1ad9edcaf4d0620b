/** Icons, drawn in JupyterLab's colours. */
import { LabIcon } from '@jupyterlab/ui-components';

const stroked = (name: string, box: number, path: string) =>
  new LabIcon({
    name: `datawatch-lab:${name}`,
    svgstr:
      `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 ${box} ${box}" fill="none">` +
      `<g class="jp-icon3" stroke="#616161" stroke-width="${box / 13}" ` +
      `stroke-linecap="round" stroke-linejoin="round">${path}</g></svg>`
  });

const line = (name: string, path: string) => stroked(name, 20, path);

export const logoIcon = new LabIcon({
  name: 'datawatch-lab:logo',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 32 32" fill="none">' +
    '<path class="jp-icon3" d="M3 17h6l4-11 6 20 4-12 2 3h4" stroke="#616161" ' +
    'stroke-width="2.8" stroke-linecap="round" stroke-linejoin="round"/></svg>'
});
export const boardIcon = line('board', '<rect x="2.5" y="3" width="6.5" height="8" rx="1.2"/><rect x="2.5" y="14" width="6.5" height="3.2" rx="1"/><rect x="12" y="3" width="5.5" height="3.6" rx="1"/><rect x="12" y="9.6" width="5.5" height="7.6" rx="1.2"/>');
export const explorerIcon = line('explorer', '<path d="M3 3v14h14"/><path d="M5.5 12.5l3.5-4 3 2.5 4.5-6"/>');
export const alertIcon = line('alert', '<path d="M10 2.8a5 5 0 0 0-5 5c0 4-1.7 5.4-1.7 6.4h13.4c0-1-1.7-2.4-1.7-6.4a5 5 0 0 0-5-5z"/><path d="M8.3 16.6a1.8 1.8 0 0 0 3.4 0"/>');
export const tableIcon = line('table', '<rect x="2.8" y="3.5" width="14.4" height="13" rx="1.5"/><path d="M2.8 8h14.4M8 8v8.5"/>');
export const databaseIcon = line('database', '<ellipse cx="10" cy="5" rx="6.5" ry="2.6"/><path d="M3.5 5v10c0 1.4 2.9 2.6 6.5 2.6s6.5-1.2 6.5-2.6V5M3.5 10c0 1.4 2.9 2.6 6.5 2.6s6.5-1.2 6.5-2.6"/>');
export const outsideIcon = line('outside', '<path d="M8 4H4v12h12v-4M11 3h6v6M17 3l-8 8"/>');
