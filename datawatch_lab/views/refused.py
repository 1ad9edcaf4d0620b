"""The page for those who come without the token."""

from __future__ import annotations

from datawatch_lab.views import theme

REFUSED_HTML = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>DataWatch: not signed in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{theme.tokens_css()}
body{{margin:0;background:var(--dw-ground);color:var(--dw-ink);font:15px/1.5 var(--dw-font)}}
main{{max-width:560px;margin:12vh auto;padding:32px;background:var(--dw-card);
border:1px solid var(--dw-line);border-radius:12px}}
h1{{font-size:22px;margin:0 0 8px}} p{{color:var(--dw-ink-2)}}
code{{background:var(--dw-ground);padding:2px 6px;border-radius:4px}}</style></head>
<body><main><h1>This page needs its link</h1>
<p>The server printed a link when it started. It ends in <code>?token=…</code>, and opening it once
signs this browser in.</p>
<p>The token is also in the file <code>WORKSPACE.token</code> beside the workspace; only its owner
can read it. <code>datawatch serve</code> prints the link again.</p></main></body></html>
"""
