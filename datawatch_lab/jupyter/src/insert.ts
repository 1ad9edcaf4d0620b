/** Code into the notebook that somebody works in. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { quoted } from './format';

/** What a thing of the workspace is called in code. */
export const codeOf = (variable: string, kind: 'metric' | 'table' | 'dashboard', name: string): string =>
  `${variable}.${kind}(${quoted(name)})`;

/** Whether some cell of a notebook gives the variable a value. */
function defines(panel: NotebookPanel, variable: string): boolean {
  const pattern = new RegExp(`(^|\\n|;)\\s*(with .* as )?${variable}\\s*[=:]`);
  return (panel.content.widgets ?? []).some(cell => pattern.test(cell.model.sharedModel.getSource()));
}

/** Put code at the cursor of the active cell, or into a new cell below it; opens the workspace in
 *  a notebook that does not yet, and makes a notebook where there is none. */
export async function insert(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker,
  variable: string,
  code: string
): Promise<void> {
  let panel = notebooks.currentWidget;
  if (!panel) {
    panel = (await app.commands.execute('notebook:create-new', { kernelName: 'python3' })) as NotebookPanel | null;
    if (!panel) return;
    await panel.context.ready;
  }
  const notebook = panel.content;
  const open = `import datawatch_lab as dw\n\n${variable} = dw.open()\n`;
  const text = defines(panel, variable) ? code : open + code;
  const cell = notebook.activeCell;
  const editor = cell?.editor;
  const isEmpty = cell?.model.type === 'code' && !cell.model.sharedModel.getSource().trim();
  if (cell && editor && isEmpty) {
    cell.model.sharedModel.setSource(text);
  } else if (cell && editor && cell.model.type === 'code' && notebook.mode === 'edit' && text === code) {
    editor.replaceSelection?.(code);
  } else {
    NotebookActions.insertBelow(notebook);
    notebook.activeCell?.model.sharedModel.setSource(text);
  }
  app.shell.activateById(panel.id);
  notebook.mode = 'edit';
}
