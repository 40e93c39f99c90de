"""How the page looks."""

STYLE = """
:root{--ink:#1d2328;--soft:#68727b;--line:#e3e5e1;--paper:#f6f6f2;--card:#fff;--red:#c4441c;--blue:#215ea8}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:40px 24px 64px}
header h1{font-size:30px;line-height:1.2;letter-spacing:-.02em;margin:0}
header p{margin:6px 0 0;color:var(--soft)}
section.sample{display:flex;flex-wrap:wrap;gap:32px;align-items:center;margin:28px 0 20px;padding:24px;
background:var(--card);border:1px solid var(--line);border-radius:14px}
img.pixels{image-rendering:pixelated;display:block}
img.sample{width:200px;height:auto;border:1px solid var(--line);border-radius:8px}
table.bars{border-collapse:collapse;flex:1 1 320px;font-variant-numeric:tabular-nums;font-size:13px}
table.bars caption{text-align:left;color:var(--soft);padding-bottom:6px}
table.bars th{width:1%;white-space:nowrap;padding:0 10px 0 0;text-align:right;font-weight:500}
table.bars td{padding:2px 0}table.bars td:last-child{width:64px;text-align:right;color:var(--soft)}
table.bars td div{height:14px;min-width:1px;border-radius:3px;background:#c9d0d6}
table.bars tr.right div{background:#2c8a57}table.bars tr.wrong div{background:var(--red)}
table.bars tr.right th{color:#2c8a57;font-weight:700}
table.bars tr.right th::before{content:"▸ "}
div.loss{display:flex;flex-direction:column;align-items:flex-end;color:var(--soft);font-size:13px}
div.loss b{font-size:28px;line-height:1.2;color:var(--ink);font-variant-numeric:tabular-nums}
nav.flow{display:flex;flex-wrap:wrap;gap:8px;align-items:center;color:var(--soft)}
nav.flow span{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:4px 12px;
color:var(--ink);font-size:13px}
nav.flow small{color:var(--soft);margin-left:8px}nav.flow i{font-style:normal}
h2{font-size:20px;letter-spacing:-.01em;margin:44px 0 14px}
h2 span{font-size:14px;font-weight:400;color:var(--soft);margin-left:12px;letter-spacing:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 24px 22px;margin:0 0 14px}
.card h3{margin:0 0 6px;font-size:16px}
.card h3 small{font-weight:400;color:var(--soft);margin-left:8px;font-size:13px}
.entry{border-top:1px solid var(--line);padding:12px 0 10px}.entry:last-child{padding-bottom:0}
p.formula{margin:0 0 8px;font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:14px}
p.formula span{float:right;color:var(--soft);font-size:12.5px}
b.bp{background:#1d2328;color:#fff;border-radius:5px;padding:1px 7px;margin-left:12px;font-size:12px;font-weight:600}
.scroll{overflow:auto;max-height:560px}
table.heat{border-collapse:separate;border-spacing:2px}
table.heat td,.cells span{font:11.5px/1 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;
font-variant-numeric:tabular-nums;text-align:center;padding:6px 4px;min-width:50px;border-radius:3px;white-space:nowrap}
.cells{display:flex;flex-wrap:wrap;gap:2px}.cells span{flex:0 0 58px}
.units{display:flex;flex-wrap:wrap;gap:10px 6px}
.units figure{margin:0;text-align:center}
.units img{width:55px;height:auto;border:1px solid var(--line);border-radius:4px}
.units figcaption{font-size:11px;color:var(--soft)}
.note{margin:6px 0 0;font-size:12.5px;color:var(--soft)}
ul.equations{list-style:none;display:flex;flex-wrap:wrap;gap:8px 28px;margin:0 0 16px;padding:0;
font:13.5px/1.5 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
ul.equations b{background:#1d2328;color:#fff;border-radius:5px;padding:1px 7px;margin-right:10px;font-size:12px}
footer{margin-top:36px;color:var(--soft);font-size:13px}
span.scale{display:inline-block;width:140px;height:10px;border-radius:5px;margin-right:8px;vertical-align:middle;
background:linear-gradient(90deg,var(--blue),#fafaf7,var(--red));border:1px solid var(--line)}
@media print{.card,section.sample{break-inside:avoid}body{background:#fff}}
""".strip()
