#ifndef DEAR_EVAL_REPORT_STYLE_H_
#define DEAR_EVAL_REPORT_STYLE_H_

#include <string_view>

namespace dear::eval {

// The style sheet of the HTML report: light and dark by the reader's system, one column, tables
// that scroll by themselves where a screen is narrow.
inline constexpr std::string_view kReportStyle = R"css(
:root{--back:#fff;--card:#f6f7f9;--ink:#1c2430;--soft:#5b6675;--line:#dfe3e8;--up:#0b8072;--down:#c0492c;
--mark:#8a5a00;--mean:#1c2430;--p0:#d9862b;--p1:#b8408f;--p2:#5470c6;--p3:#8b8f97}
@media(prefers-color-scheme:dark){:root{--back:#14181f;--card:#1c222b;--ink:#e6eaf0;--soft:#9aa6b5;--line:#2e3743;
--up:#3dbfae;--down:#f0805f;--mark:#f2c14e;--mean:#e6eaf0;--p0:#f0a860;--p1:#e07bbd;--p2:#8aa2f0;--p3:#8b929c}}
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.25rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2.25rem 0 .5rem;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}
p{margin:.35rem 0}
.soft,footer{color:var(--soft);font-size:.9rem}
.name{overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;min-width:100%}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
td.name,th.name{white-space:normal;overflow-wrap:anywhere;min-width:7rem}
td small{display:block;color:var(--soft);font-size:.8rem}
thead th{white-space:normal;color:var(--soft);font-weight:600;font-size:.85rem;vertical-align:bottom}
tbody th{font-weight:500}
.best{font-weight:700}
.gain{color:var(--up)}.loss{color:var(--down)}
sup{color:var(--mark);font-weight:700;line-height:0}
.bar{display:block;height:4px;border-radius:2px;background:var(--line);margin-top:2px}
.bar i{display:block;height:4px;border-radius:2px;background:var(--up)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr));gap:0 2rem}
details{margin:.6rem 0;border:1px solid var(--line);border-radius:.5rem;background:var(--card)}
summary{cursor:pointer;padding:.55rem .8rem;font-weight:600;overflow-wrap:anywhere}
details>div{padding:0 .8rem .6rem}
svg{display:block;width:100%;height:auto;margin:.4rem 0}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
svg .grid{stroke:var(--line);stroke-width:1}
svg .axis{stroke:var(--soft);stroke-width:1}
svg .mean{stroke:var(--mean);stroke-width:1.25;stroke-dasharray:5 4}
svg .up{fill:var(--up)}svg .down{fill:var(--down)}
.part-ok{fill:var(--up);background:var(--up)}
.part-0{fill:var(--p0);background:var(--p0)}.part-1{fill:var(--p1);background:var(--p1)}
.part-2{fill:var(--p2);background:var(--p2)}.part-3{fill:var(--p3);background:var(--p3)}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;margin:.3rem 0;list-style:none;font-size:.95rem}
.key i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em}
footer{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:.6rem}
@media(max-width:40rem){svg text{font-size:21px}th,td{padding:.3rem .4rem}
.stack,.stack tbody,.stack tr{display:block}.stack thead{display:none}
.stack tr{border:1px solid var(--line);border-radius:.5rem;padding:.3rem .7rem;margin:.6rem 0}
.stack td{display:flex;justify-content:space-between;gap:1rem;border:0;padding:.15rem 0}
.stack td:first-child{font-weight:700}.stack td[data-label]:before{content:attr(data-label);color:var(--soft)}
.stack small{display:inline;margin-left:.4em}.stack small:before{content:"("}.stack small:after{content:")"}
.bar{display:none}}
@media print{details{break-inside:avoid}}
)css";

}  // namespace dear::eval

#endif  // DEAR_EVAL_REPORT_STYLE_H_
