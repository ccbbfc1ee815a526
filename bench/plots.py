#!/usr/bin/env python3
"""What ranking costs against the number of passages, and against threads: runs `dear rerank` itself, listwise (dear-card,
--decoding constrained, so that any model writes a whole ranking; windows of 20 that move by 10) and pointwise
(query-likelihood), on passages of 100 words, and draws cost_passages.svg and cost_threads.svg. Seconds are without loading.

usage:  bench/plots.py [-m MODEL] [--compute int8] [--passages 1,2,5,10,20,50,100] [--threads 1,2] [--repeats 3] [--seconds S]
                       [--out docs] [--machine "AMD EPYC, 2 cores"] [--json OUT.json] [--from OUT.json] [--png FOLDER]

Every answer must hold each passage once; a passage must have the same score, to the bit, in every run that scores it, and a
list the same order, whatever the threads: before anything is timed, and in every timed run. Rounds go through all points
in turn; --seconds leaves out points that have already taken that long. A list that is ranked without the model (listwise,
of one passage) is not drawn. Prints a Markdown table. Drawing needs the standard library alone; --png also cairosvg. --from draws a
former --json again.
"""
import argparse
import datetime
import html
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

QUERY = "who made the first practical light bulb"
WORDS = """the of and a in to was light lamp bulb filament carbon thread glass vacuum current wire power station street house
laboratory inventor patent company engineer winter city river paper money market music history school battery glow heat
copper iron machine night oil gas candle bright long first early later new many few found tested made sold burned lasted
improved public practical electric hours years people""".split()
WORDS_A_PASSAGE = 100
KINDS = {"listwise": ["--recipe", "dear-card", "--decoding", "constrained", "--window", "20", "--step", "10"],
         "pointwise": ["--recipe", "query-likelihood"]}
CHECKED = 3  # passages of the check before the timing


def passages(count):
    """The first passages of a list are the same however long it is."""
    return [" ".join(random.Random(number).choices(WORDS, k=WORDS_A_PASSAGE)) for number in range(count)]


class Ranker:
    def __init__(self, options, folder):
        self.options, self.file = options, pathlib.Path(folder, "passages.txt")
        self.scores, self.orders = {}, {}  # of passages, and of lists, that were seen

    def rank(self, kind, count, threads):
        """(seconds without loading, calls of the model)"""
        self.file.write_text("\n".join(passages(count)) + "\n", encoding="utf-8")
        command = [self.options.dear, "rerank", "-m", self.options.model, *KINDS[kind], "--compute", self.options.compute,
                   "--threads", str(threads), "--format", "json", "--quiet", "-q", QUERY, str(self.file)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"plots: error: {kind}, {count} passages: {done.stderr.strip()}")
        answer = json.loads(done.stdout)
        self.check(kind, count, threads, answer)
        return answer["seconds"]["total"] - answer["seconds"]["load"], answer["usage"]["forward_passes"]

    def check(self, kind, count, threads, answer):
        where = f"{kind}, {count} passages, {threads} threads"
        if sorted(answer["permutation"]) != list(range(count)):
            sys.exit(f"plots: error: {where}: the answer is no permutation")
        if self.orders.setdefault((kind, count), answer["permutation"]) != answer["permutation"]:
            sys.exit(f"plots: error: {where}: another order than before")
        for result in answer["results"] if kind == "pointwise" else []:
            if self.scores.setdefault(result["index"], result["score"]) != result["score"]:
                sys.exit(f"plots: error: {where}: passage {result['index']} has another score than before")


def measure(options):
    most = max(options.threads)
    points = [(kind, count, most) for kind in KINDS for count in options.passages]
    points += [(kind, options.of_threads, threads) for kind in KINDS for threads in options.threads]
    points = list(dict.fromkeys(points))
    seconds, calls = {point: [] for point in points}, {}
    with tempfile.TemporaryDirectory() as folder:
        ranker = Ranker(options, folder)
        for kind in KINDS:
            for threads in options.threads:
                ranker.rank(kind, CHECKED, threads)
        for number in range(options.repeats):
            for point in points:
                if sum(seconds[point]) > options.seconds:
                    continue
                taken, calls[point] = ranker.rank(*point)
                seconds[point].append(taken)
                print(f"round {number + 1} of {options.repeats}: {point[0]}, {point[1]} passages, {point[2]} threads: "
                      f"{seconds[point][-1]:.2f} s", file=sys.stderr, flush=True)
    rows = [{"kind": point[0], "passages": point[1], "threads": point[2], "calls": calls[point], "seconds": sorted(values)}
            for point, values in seconds.items()]
    return {"date": datetime.date.today().isoformat(), "machine": options.machine, "model": options.model,
            "compute": options.compute, "words_a_passage": WORDS_A_PASSAGE, "repeats": options.repeats,
            "threads": options.threads, "of_threads": options.of_threads, "rows": rows}


# The look of src/train/loss_curve.cc, and a dark one where the reader's page is dark.
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','DejaVu Sans',sans-serif"
LIGHT = {"paper": "#fff", "ink": "#1c2430", "text": "#5b6675", "grid": "#e6e9ee", "axis": "#8b95a3", "listwise": "#2563eb",
         "pointwise": "#d9480f"}
DARK = {"paper": "#0d1117", "ink": "#e6edf3", "text": "#9aa7b5", "grid": "#232a33", "axis": "#6b7684", "listwise": "#6ea8fe",
        "pointwise": "#ff8f5a"}


def colours(of):
    series = "".join(f".line.{kind}{{stroke:{of[kind]}}}.fill.{kind}{{fill:{of[kind]}}}" for kind in KINDS)
    return (f"text{{fill:{of['text']}}}.title,.key{{fill:{of['ink']}}}.paper{{fill:{of['paper']}}}"
            f".grid{{stroke:{of['grid']}}}.axis{{stroke:{of['axis']}}}.ideal{{stroke:{of['axis']}}}.dot{{stroke:{of['paper']}}}{series}")


def style(dark):
    """`dark`: the dark look alone, for pictures that cannot choose."""
    chosen = colours(DARK) if dark else colours(LIGHT) + f"@media (prefers-color-scheme:dark){{{colours(DARK)}}}"
    return (f"<style>text{{font-family:{FONT};font-size:12px}}.title{{font-size:17px;font-weight:600}}.key{{font-weight:600}}"
            ".grid,.axis{stroke-width:1}.ideal{stroke-width:1.5;stroke-dasharray:5 5;fill:none}.dot{stroke-width:1}"
            f".line{{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}}.fill{{font-weight:600}}{chosen}</style>")


def figure(value):
    """Three digits, as people write them."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value)) + 1e-9))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Scale:
    """Values of one axis onto pixels."""

    def __init__(self, low, high, begin, end, logarithmic):
        self.logarithmic = logarithmic
        self.low, self.high = (math.log10(low), math.log10(high)) if logarithmic else (low, high)
        if self.high == self.low:  # one value alone stands in the middle
            self.low, self.high = self.low - 0.5, self.high + 0.5
        self.begin, self.end = begin, end

    def __call__(self, value):
        place = math.log10(value) if self.logarithmic else value
        return self.begin + (place - self.low) / (self.high - self.low) * (self.end - self.begin)

    @staticmethod
    def ticks(high):
        """About five round values from 0 to `high`, for a scale that is not logarithmic."""
        step = 10 ** math.floor(math.log10(high / 5))
        step *= next(times for times in (1, 2, 5, 10) if high / (step * times) <= 6)
        return [step * i for i in range(int(high / step) + 1)]

    @staticmethod
    def decades(low, high):
        """1, 2 and 5 of each power of ten from the tick below `low` to the one above `high`."""
        every = [m * 10.0 ** e for e in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1) for m in (1, 2, 5)]
        first = max(i for i, tick in enumerate(every) if tick <= low * 1.0001)
        last = min(i for i, tick in enumerate(every) if tick >= high * 0.9999)
        return every[first:max(last, first + 1) + 1]


LEAST_BETWEEN_TICKS = 24  # pixels


class Panel:
    """One chart within [left, right] x [top, bottom]: a line a kind through the medians, whiskers from fastest to slowest."""

    def __init__(self, box, title, x_name, series, log_x=False, log_y=False):
        self.left, self.top, self.right, self.bottom = box
        self.title, self.x_name, self.series, self.out = title, x_name, series, []
        xs = sorted({x for points in series.values() for x, _ in points})
        values = [y for points in series.values() for _, ys in points for y in ys]
        self.x_ticks = xs
        self.y_ticks = Scale.decades(min(values), max(values)) if log_y else Scale.ticks(max(values) * 1.08)
        high = self.y_ticks[-1] if log_y else max(values) * 1.08
        self.x = Scale(xs[0], xs[-1], self.left + 14, self.right - 14, log_x)
        self.y = Scale(self.y_ticks[0], high, self.bottom, self.top, log_y)

    def text(self, x, y, text, attributes=""):
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{html.escape(text)}</text>')

    def line(self, x1, y1, x2, y2, kind):
        self.out.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def axes(self):
        for tick in self.y_ticks:
            self.line(self.left, self.y(tick), self.right, self.y(tick), "grid")
            self.text(self.left - 8, self.y(tick) + 4, figure(tick), 'text-anchor="end"')
        self.line(self.left, self.bottom, self.right, self.bottom, "axis")
        free_from = -math.inf
        for tick in self.x_ticks:
            if self.x(tick) < free_from:
                continue
            free_from = self.x(tick) + LEAST_BETWEEN_TICKS
            self.line(self.x(tick), self.bottom, self.x(tick), self.bottom + 5, "axis")
            self.text(self.x(tick), self.bottom + 20, str(tick), 'text-anchor="middle"')
        self.text((self.left + self.right) / 2, self.bottom + 40, self.x_name, 'text-anchor="middle"')
        self.text(self.left, self.top - 14, self.title, 'class="key"')

    def ideal(self, points):
        """What threads would give at best: the first median divided by their number."""
        (first, values), last = points[0], points[-1][0]
        steps = [first + (last - first) * i / 40 for i in range(41)]
        path = " ".join(f"{self.x(step):.1f},{self.y(statistics.median(values) * first / step):.1f}" for step in steps)
        self.out.append(f'<polyline points="{path}" class="ideal"/>')

    def curve(self, kind, points):
        medians = [(self.x(x), self.y(statistics.median(ys))) for x, ys in points]
        for x, ys in points:
            self.line(self.x(x), self.y(min(ys)), self.x(x), self.y(max(ys)), f"line {kind}")
        self.out.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in medians)}" class="line {kind}"/>')
        self.out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="dot fill {kind}"/>' for x, y in medians]

    def last_values(self):
        free_from = 0
        ends = sorted(self.series.items(), key=lambda item: -statistics.median(item[1][-1][1]))
        for kind, points in ends:
            x, median = points[-1][0], statistics.median(points[-1][1])
            y = max(self.y(median), free_from)
            self.text(self.x(x) + 9, y + 4, figure(median), f'class="fill {kind}"')
            free_from = y + 15

    def draw(self, ideal=False):
        self.axes()
        for points in self.series.values() if ideal else []:
            self.ideal(points)
        for kind, points in self.series.items():
            self.curve(kind, points)
        self.last_values()
        return self.out


WIDTH, HEIGHT = 900, 450
TWO_PANELS = [(64, 116, 404, 380), (516, 116, 850, 380)]


def picture(title, note, panels, keys, dark):
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
           f'aria-labelledby="title">', f'<title id="title">{html.escape(title)}</title>', style(dark),
           '<rect width="100%" height="100%" class="paper"/>',
           f'<text x="64" y="32" class="title">{html.escape(title)}</text>']
    x = 64
    for kind, name in keys:
        out.append(f'<line x1="{x}" y1="58" x2="{x + 22}" y2="58" class="{kind}"/><text x="{x + 29}" y="62">{html.escape(name)}</text>')
        x += 29 + 7 * len(name) + 22
    for panel in panels:
        out += panel
    out.append(f'<text x="{WIDTH - 50}" y="{HEIGHT - 8}" text-anchor="end">{html.escape(note)}</text>')
    return "\n".join(out) + "\n</svg>\n"


def series_of(report, keep, x, divide=False):
    series = {}
    for row in report["rows"]:
        if keep(row) and row["calls"] > 0:
            values = [value / (row["passages"] if divide else 1) for value in row["seconds"]]
            series.setdefault(row["kind"], []).append((row[x], values))
    return {kind: sorted(points) for kind, points in series.items()}


def draw(report, dark=False):
    """The pictures by name."""
    most = max(report["threads"])
    note = f"{report['model']}, --compute {report['compute']}, {report['machine']}, {report['date']}"
    keys = [("line listwise", "listwise (dear-card, windows of 20)"), ("line pointwise", "pointwise (query-likelihood)")]
    at_most = lambda row: row["threads"] == most  # noqa: E731
    passages_panels = [
        Panel(TWO_PANELS[0], "seconds a query", "passages", series_of(report, at_most, "passages"), True, True).draw(),
        Panel(TWO_PANELS[1], "seconds a passage", "passages", series_of(report, at_most, "passages", True), True).draw()]
    of = lambda row: row["passages"] == report["of_threads"]  # noqa: E731
    by_threads = series_of(report, of, "threads")
    speedup = {kind: [(x, [statistics.median(points[0][1]) / y for y in (max(ys), statistics.median(ys), min(ys))])
                      for x, ys in points] for kind, points in by_threads.items()}
    threads_panels = [Panel(TWO_PANELS[0], "seconds a query", "threads", by_threads).draw(ideal=True),
                      Panel(TWO_PANELS[1], "times as fast as one thread", "threads", speedup).draw()]
    words = f"passages of {report['words_a_passage']} words"
    return {"cost_passages": picture(f"Cost of a ranking by the number of {words}", note, passages_panels, keys, dark),
            "cost_threads": picture(f"Cost of ranking {report['of_threads']} {words}, by threads", note, threads_panels,
                                    keys + [("ideal", "time of one thread / threads")], dark)}


def table(report):
    cells = {}
    for row in report["rows"]:
        cells[row["kind"], row["passages"], row["threads"]] = row["seconds"] if row["calls"] else []
    lines = ["| passages | threads | listwise, s | a passage | pointwise, s | a passage |", "|---|---|---|---|---|---|"]
    for count, threads in sorted({key[1:] for key in cells}):
        line = [str(count), str(threads)]
        for kind in KINDS:
            values = cells[kind, count, threads]
            if not values:
                line += ["no call of the model", ""]
                continue
            median = statistics.median(values)
            spread = f" ({figure(values[0])}-{figure(values[-1])})" if len(values) > 1 else ""
            line += [figure(median) + spread, figure(median / count)]
        lines.append("| " + " | ".join(line) + " |")
    return lines


def rises(report):
    """Where a passage costs more than in the next shorter list: the fastest runs compared."""
    out = []
    for kind, points in series_of(report, lambda row: row["threads"] == max(report["threads"]), "passages", True).items():
        out += [f"{kind} from {a} to {b} passages: {figure(min(fast))} to {figure(min(slow))} s"
                for (a, fast), (b, slow) in zip(points, points[1:]) if min(slow) > min(fast)]
    return out


def default_threads():
    """Each number up to 8, then doubling, and all."""
    cores = len(os.sched_getaffinity(0))
    return sorted(set(range(1, min(cores, 8) + 1)) | {2 ** i for i in range(4, cores.bit_length()) if 2 ** i <= cores} | {cores})


def numbers(text):
    try:
        out = sorted({int(part) for part in text.split(",")})
    except ValueError:
        out = []
    if not out or out[0] < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers from 1, with commas between, not '{text}'")
    return out


def write_png(folder, name, report):
    try:
        import cairosvg
    except ImportError:
        sys.exit("plots: error: --png needs cairosvg")
    for suffix, dark in (("", False), ("_dark", True)):
        svg = draw(report, dark)[name]
        light = svg.replace(f"@media (prefers-color-scheme:dark){{{colours(DARK)}}}", "")  # cairosvg does not know it
        cairosvg.svg2png(bytestring=light.encode(), write_to=str(folder / f"{name}{suffix}.png"), scale=2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dear", default="build/release/dear")
    parser.add_argument("-m", "--model", default="smollm2-135m-instruct")
    parser.add_argument("--compute", default="int8", choices=["reference", "fast", "int8"])
    parser.add_argument("--passages", type=numbers, default=[1, 2, 5, 10, 20, 50, 100])
    parser.add_argument("--threads", type=numbers, default=default_threads(), help="1 is always among them")
    parser.add_argument("--of-threads", type=int, default=20, metavar="N", help="passages of the picture by threads")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=math.inf, help="do not repeat points that have taken this long in all")
    parser.add_argument("--machine", help="how the pictures name it")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs"), help="the folder of the pictures")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--from", dest="former", type=pathlib.Path)
    parser.add_argument("--png", type=pathlib.Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.repeats < 1 or options.of_threads < 1:
        parser.error("--repeats and --of-threads: expected a number from 1")
    options.threads = sorted({1, *options.threads})
    options.machine = options.machine or f"{len(os.sched_getaffinity(0))} cores"
    report = json.loads(options.former.read_text(encoding="utf-8")) if options.former else measure(options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, svg in draw(report).items():
        (options.out / f"{name}.svg").write_text(svg, encoding="utf-8")
        if options.png:
            write_png(options.png, name, report)
    print("\n".join(table(report)))
    for rise in rises(report):
        print(f"a passage costs more: {rise}")


if __name__ == "__main__":
    main()
