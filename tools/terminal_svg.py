#!/usr/bin/env python3
"""Runs a command on a pseudo-terminal and draws what it shows as an SVG picture for the README.

usage:  tools/terminal_svg.py -o docs/rerank.svg [--columns 100] [--title TEXT] -- COMMAND [ARG ...]

The picture holds what the command really printed (colours as SGR codes, no cursor movement beyond
carriage return and erase line).
"""
import argparse
import fcntl
import html
import os
import pty
import re
import shlex
import struct
import sys
import termios

CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 19, 16
COLOURS = {30: "#484f58", 31: "#ff7b72", 32: "#7ee787", 33: "#f2cc60", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea",
           37: "#c9d1d9", 90: "#8b949e", 91: "#ffa198", 92: "#aff5b4", 93: "#f8e3a1", 94: "#a5d6ff", 95: "#e2c5ff",
           96: "#b3f0ff", 97: "#ffffff"}
FOREGROUND, BACKGROUND = "#c9d1d9", "#0d1117"


def run(command, columns):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(columns))
        os.environ.pop("NO_COLOR", None)
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    output = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    _, status = os.waitpid(pid, 0)
    if status:
        sys.exit(f"the command failed (status {status}):\n{output.decode(errors='replace')}")
    return output.decode("utf-8", "replace")


def screen(text):
    """Lines of (character, style) cells."""
    lines, line, column, style = [], [], 0, (FOREGROUND, False, False)
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]", text):
        if token == "\n":
            lines.append(line)
            line, column = [], 0
        elif token == "\r":
            column = 0
        elif token.startswith("\x1b["):
            if token.endswith("K"):
                line = line[:column] if token in ("\x1b[K", "\x1b[0K") else []
            elif token.endswith("m"):
                for code in [int(c or 0) for c in token[2:-1].split(";")]:
                    colour, bold, dim = style
                    if code == 0:
                        style = (FOREGROUND, False, False)
                    elif code == 1:
                        style = (colour, True, dim)
                    elif code == 2:
                        style = (colour, bold, True)
                    elif code == 39:
                        style = (FOREGROUND, bold, dim)
                    elif code in COLOURS:
                        style = (COLOURS[code], bold, dim)
        else:
            line += [(" ", style)] * (column - len(line))
            line[column:column + 1] = [(token, style)]
            column += 1
    if line:
        lines.append(line)
    return lines


def draw(lines, columns, title):
    width = columns * CELL_WIDTH + 2 * MARGIN
    height = len(lines) * CELL_HEIGHT + 2 * MARGIN + 28
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
           f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{html.escape(title, True)}">')
    yield f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
    for index, colour in enumerate(("#ff5f56", "#ffbd2e", "#27c93f")):
        yield f'<circle cx="{MARGIN + 6 + 20 * index}" cy="18" r="6" fill="{colour}"/>'
    yield '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">'
    for row, line in enumerate(lines):
        y = MARGIN + 28 + (row + 0.75) * CELL_HEIGHT
        start = 0
        while start < len(line):
            end = start
            while end < len(line) and line[end][1] == line[start][1]:
                end += 1
            words = "".join(cell[0] for cell in line[start:end])
            if words.strip():
                colour, bold, dim = line[start][1]
                extra = (' font-weight="bold"' if bold else "") + (' opacity="0.6"' if dim else "")
                # One x a character keeps columns aligned in any font.
                places = " ".join(f"{MARGIN + (start + i) * CELL_WIDTH:.1f}" for i in range(len(words)))
                yield f'<text y="{y:.1f}" x="{places}" fill="{colour}"{extra}>{html.escape(words)}</text>'
            start = end
    yield "</g></svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--title", default="")
    parser.add_argument("--prompt", help="the command line as shown (default: the command itself)")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no command")
    shown = options.prompt or shlex.join(command)
    prompt = "".join(f"\x1b[32m{'$' if i == 0 else '>'}\x1b[0m {line}\n" for i, line in enumerate(shown.split("\n")))
    lines = screen(prompt + run(command, options.columns))
    with open(options.output, "w", encoding="utf-8") as sink:
        sink.write("\n".join(draw(lines, options.columns, options.title or shown)) + "\n")


if __name__ == "__main__":
    main()
