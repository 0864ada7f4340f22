"""How a run's page looks: light and dark, on paper and on a phone; and the policy that permits only this."""

from __future__ import annotations

import base64
import hashlib

# No name and no address of anything outside the file. `color-scheme` has scroll bars follow, too.
STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--dim:#5b6470;--line:#d9dde2;--soft:#f4f6f8;
--bad:#b3261e;
--good:#1a7f37;--away:#f3c6c0;--preflight:#66717d;--load:#2f6fb4;--verify:#14756c;--switch:#b35a00;--after:#7a55b8;
--undo:#b3261e;--bar:#b4c3d4;--now:#2f6fb4;--in:#fff}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e7ea;--dim:#9aa4af;--line:#343a41;
--soft:#1d2125;
--bad:#ff8a80;--good:#6fce86;--away:#5a2723;--preflight:#6d7885;--load:#4d8fd6;--verify:#2fa89c;--switch:#d98227;
--after:#9b7bd6;--undo:#d9534a;--bar:#43505e;--now:#4d8fd6;--in:#101418}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:1.25rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2.25rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
h3{font-size:.95rem;margin:1rem 0 .25rem}
p{margin:.4rem 0;max-width:52rem;overflow-wrap:anywhere}
.dim{color:var(--dim)}.bad{color:var(--bad)}.good{color:var(--good)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:0 0 1rem}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
.three{font-size:1.05rem;padding:.9rem 1rem;background:var(--soft);border-left:4px solid var(--good)}
.three.failed,.failure{border-left-color:var(--bad)}
.three.none{border-left-color:var(--preflight)}
.failure{background:var(--soft);border-left:4px solid var(--bad);padding:.25rem 1rem 1rem;margin:0 0 1rem}
.failure h2{border:0;margin:.5rem 0 .25rem;padding:0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;
font:13px/1.5 ui-monospace,"Liberation Mono",monospace}
.scroll{overflow-x:auto;margin:.5rem 0 1rem}
.scroll:focus-visible{outline:2px solid var(--now);outline-offset:2px}
table{border-collapse:collapse;font-size:14px;min-width:100%}
caption{text-align:left;color:var(--dim);padding:0 0 .35rem}
caption span{position:sticky;left:0;display:inline-block;max-width:calc(100vw - 3rem)}
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
thead th{color:var(--dim);font-weight:500;white-space:nowrap}
tbody th{font-weight:500}
.t{text-align:left;overflow-wrap:break-word}.n{text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}
td.t{min-width:7rem}td p{margin:0}td ul{margin:0;padding:0;list-style:none}
.pic{display:block;width:100%;margin:.5rem 0}
svg text{font-size:12px;fill:var(--fg)}svg text.dim{fill:var(--dim)}svg text.in{fill:var(--in);
font-weight:600}
line{stroke:var(--line)}line.new{stroke:var(--good);stroke-width:2;stroke-dasharray:4 3}
rect.away{fill:var(--away)}rect.track{fill:var(--soft)}
.preflight{fill:var(--preflight)}.load{fill:var(--load)}.verify{fill:var(--verify)}.switch{fill:var(--switch)}
.after{fill:var(--after)}.undo{fill:var(--undo)}.bar{fill:var(--bar)}.now{fill:var(--now)}
rect.broke{stroke:var(--bad);stroke-width:2}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:1rem 2rem}
figure{margin:0;display:flex;flex-direction:column;justify-content:space-between}
figcaption{color:var(--dim);font-size:14px}figcaption b{color:var(--fg)}
@media (max-width:34rem){body{padding:.9rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--soft:#fff;--away:#f3c6c0;
--bad:#b3261e;
--good:#1a7f37;--preflight:#66717d;--load:#2f6fb4;--verify:#14756c;--switch:#b35a00;--after:#7a55b8;--undo:#b3261e;
--bar:#b4c3d4;--now:#2f6fb4;--in:#fff}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}body{max-width:none;padding:0;font-size:10pt}
.scroll{overflow:visible}table{font-size:9pt}h2,h3,caption{break-after:avoid}
tr,figure,svg,.three{break-inside:avoid}}
"""
_SUM = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_SUM}'; base-uri 'none'; form-action 'none'"
