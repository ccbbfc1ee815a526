"""`dear rerank` on the first queries of a job file, for scripts that compare two ways of ranking them."""
import argparse
import json
import resource
import subprocess
import sys


def parse(doc, own_options=lambda parser: None, **defaults):
    """The options, the lines of the chosen queries, and the command up to the jobs; further flags of dear rerank stand
    behind --."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dear")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--jobs", required=True)
    parser.add_argument("--queries", type=int)
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--threads", default="2")
    own_options(parser)
    parser.set_defaults(**defaults)
    own, _, flags = (" ".join(sys.argv[1:]) + " ").partition(" -- ")
    options = parser.parse_args(own.split())
    with open(options.jobs, encoding="utf-8") as file:
        lines = [line.rstrip("\n") + "\n" for line in file if line.strip()][: options.queries]
    command = [options.dear, "rerank", "-m", options.model, "--threads", options.threads, "--format", "jsonl", "--quiet", *flags.split()]
    return options, lines, command


def rank(command, lines):
    """The results, the seconds that ranking them took without loading, and the processor seconds of the process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, "--jobs", "-"], input="".join(lines), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return results, sum(result["seconds"]["total"] for result in results), processor
