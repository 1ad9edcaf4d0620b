"""The page that stands in for the engine's pages: why they are not there, a button to start it."""

from __future__ import annotations

import json
from html import escape

from datawatch_lab.jupyter.supervisor import State

_TITLES = {
    "running": "The engine does not answer",
    "starting": "The engine is starting",
    "stopped": "The engine is not running",
    "taken": "The workspace is open elsewhere",
    "failed": "The engine could not start",
    "refused": "The workspace belongs to somebody else",
}


def waiting_page(state: State, prefix: str) -> str:
    """A small page that loads itself again once the engine answers; needs nothing else.

    Args:
        state: of the engine.
        prefix: path that the engine stands under.
    """
    button = '<button id="start">Start the engine</button>'
    return (
        _PAGE.replace("@@title@@", _TITLES[state.name])
        .replace("@@message@@", escape(state.message))
        .replace("@@button@@", button if state.name in ("stopped", "failed", "taken") else "")
        .replace("@@prefix@@", json.dumps(prefix).replace("<", "\\u003c"))
    )


_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>DataWatch</title>
<style>
:root{color-scheme:light dark;--ground:#f5f6f9;--ink:#161b26;--ink2:#566073;--accent:#4a59d9;
--on:#fff}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--ground:#0e121a;--ink:#eef1f7;
--ink2:#a0aabc;--accent:#a3adff;--on:#0e121a}}
:root[data-theme=dark]{--ground:#0e121a;--ink:#eef1f7;--ink2:#a0aabc;--accent:#a3adff;--on:#0e121a}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);
color:var(--ink);font:14px/1.5 Inter,ui-sans-serif,system-ui,"Segoe UI","DejaVu Sans",sans-serif}
main{max-width:440px;padding:32px;text-align:center}h1{font-size:18px;margin:0 0 8px}
p{margin:0 0 24px;color:var(--ink2)}
button{font:inherit;font-weight:600;padding:8px 16px;border:0;border-radius:8px;cursor:pointer;
background:var(--accent);color:var(--on)}button:disabled{opacity:.6}
</style></head><body><main role="status"><h1>@@title@@</h1><p id="why">@@message@@</p>@@button@@
</main><script>
(() => {
  const prefix = @@prefix@@;
  const theme = localStorage.getItem("datawatch-theme");
  if (theme) document.documentElement.dataset.theme = theme;
  const look = async () => {
    try {
      const answer = await fetch(`${prefix}/-/state`, { cache: "no-store" });
      const state = await answer.json();
      if (state.name === "running") location.reload();
      else document.getElementById("why").textContent = state.message;
    } catch { /* Jupyter itself is away; the next look tells */ }
  };
  setInterval(look, 2000);
  document.getElementById("start")?.addEventListener("click", async (event) => {
    event.target.disabled = true;
    await fetch(`${prefix}/-/start`, { method: "POST" });
    look();
  });
})();
</script></body></html>"""
