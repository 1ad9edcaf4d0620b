"""The page of the API, at ``/api/docs``: every operation, to read and to try, without a network.

The page is drawn in the browser from this server's OpenAPI document; nothing is asked for from
elsewhere, and what is sent goes out with the cookie of the person or the token they type.
"""

from __future__ import annotations

from datawatch_lab.api.handlers import STRANGER, ApiHandler, Shared
from datawatch_lab.api.login import LOGIN, PLAIN_STYLE
from datawatch_lab.core.errors import AccessError

PATH = "/api/docs"
SCRIPT_PATH = "/static/datawatch-api.js"

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_CSS = """*{box-sizing:border-box}html{scroll-padding-top:16px}
body{margin:0;background:var(--dw-ground);color:var(--dw-ink);font:15px/1.5 var(--dw-font)}
body>div{display:grid;grid-template-columns:200px minmax(0,1fr);gap:32px;max-width:1200px;
margin:0 auto;padding:24px}
aside{position:sticky;top:24px;align-self:start;max-height:calc(100vh - 48px);overflow:auto}
nav a{display:block;padding:2px 0;color:var(--dw-ink-2);text-decoration:none}
nav a:hover,nav a:focus-visible{color:var(--dw-accent)}
a{color:var(--dw-accent)}h1{font-size:22px;line-height:1.3;margin:0}
header p{margin:4px 0 16px;color:var(--dw-ink-2)}
h2{font-size:18px;margin:32px 0 0}section>p{margin:0 0 8px;color:var(--dw-ink-2)}
section[hidden],.operation[hidden]{display:none}
input,select,textarea{width:100%;font:inherit;color:inherit;background:var(--dw-ground);
padding:6px 10px;border:1px solid var(--dw-line);border-radius:8px}
textarea,pre,code{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;
font-size:13px}
:focus-visible{outline:2px solid var(--dw-accent);outline-offset:2px}
.tools{display:grid;grid-template-columns:1fr 1fr;gap:16px}.tools input{background:var(--dw-card)}
.operation{background:var(--dw-card);border:1px solid var(--dw-line);border-radius:8px;
margin:8px 0}
.operation>summary{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline;padding:8px 12px;
cursor:pointer;list-style:none}.operation>summary::-webkit-details-marker{display:none}
.method{min-width:56px;font-size:12px;font-weight:700;text-align:center;border-radius:4px;
padding:1px 6px;background:var(--dw-accent-soft);color:var(--dw-accent)}
.path{font-weight:600;overflow-wrap:anywhere}.summary{color:var(--dw-ink-2);flex:1 1 240px}
.role{font-size:12px;color:var(--dw-ink-2);border:1px solid var(--dw-line);border-radius:8px;
padding:0 8px}
.inside{padding:4px 16px 16px;border-top:1px solid var(--dw-line)}
.row{display:grid;grid-template-columns:160px minmax(0,1fr);gap:0 16px;margin:12px 0;
align-items:baseline}.row small,.row details{grid-column:2;color:var(--dw-ink-2)}
.row b{font-size:12px;font-weight:400;color:var(--dw-ink-2)}
.buttons{display:flex;gap:8px;margin:16px 0}
button{font:inherit;font-weight:600;cursor:pointer;padding:6px 16px;border-radius:8px;
border:1px solid var(--dw-accent);color:var(--dw-card);background:var(--dw-accent)}
button.quiet{color:var(--dw-accent);background:none}
pre{overflow:auto;max-height:420px;padding:12px;background:var(--dw-ground);border-radius:8px;
border:1px solid var(--dw-line);margin:8px 0;white-space:pre-wrap;overflow-wrap:anywhere}
.good{color:var(--dw-good)}.bad{color:var(--dw-bad)}
.fields{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:2px 16px;margin:8px 0}
.fields dd{margin:0;color:var(--dw-ink-2);overflow-wrap:anywhere}
.answer{padding:4px 0}.answer details{display:inline-block;vertical-align:top;max-width:100%}
summary{cursor:pointer}
@media(max-width:760px){body>div{grid-template-columns:minmax(0,1fr);padding:16px;gap:0}
aside{position:static;max-height:none;margin-bottom:16px}nav{display:flex;overflow-x:auto;gap:16px}
.tools,.row{grid-template-columns:minmax(0,1fr)}.row small,.row details{grid-column:1}
.summary{flex-basis:100%}.fields{grid-template-columns:minmax(0,1fr)}.fields dd{margin:0 0 4px 16px}
}"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>API · DataWatch</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="icon" href="data:,"><style>{style}{css}</style></head>
<body><div><aside><nav aria-label="Resources"></nav></aside><div>
<header><h1>API</h1><p><span id="version">DataWatch Lab</span> ·
<a href="/api/openapi.json">OpenAPI document</a> · <a href="/datawatch">Portal</a></p>
<form class="tools"><label>Search<input id="search" type="search" autocomplete="off"></label>
<label>Token (empty: as you are signed in)<input id="token" type="password"
autocomplete="off"></label></form></header>
<main><p role="status">Reading the document …</p></main>
<p id="none" hidden>Nothing of that name.</p></div></div>
<noscript><p>This page needs JavaScript; the document is at /api/openapi.json.</p></noscript>
<script src="{script}"></script></body></html>"""


class PageHandler(ApiHandler):
    """Serves the page to who is signed in; others are sent to sign in."""

    def initialize(self, shared: Shared, style: str) -> None:  # type: ignore[override]
        """Take the CSS variables of the look."""
        super().initialize(shared)
        self.style = style

    def prepare(self) -> None:
        """Sign in, or go where a person can."""
        gate = self.shared.gate
        try:
            self.who = gate.check(self)
        except AccessError as error:
            self.who = STRANGER
            if error.status != 401:
                raise
            self.redirect(f"{LOGIN}?next={PATH}" if gate.has_users() else "/datawatch")

    def get(self) -> None:
        """Answer with the page."""
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Content-Security-Policy", _CSP)
        self.set_header("Referrer-Policy", "no-referrer")
        style = self.style or PLAIN_STYLE
        self.finish(_PAGE.format(style=style, css=_CSS, script=SCRIPT_PATH))

    head = get
