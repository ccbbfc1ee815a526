#!/usr/bin/env python3
"""trec_eval's command line around the C code of trec_eval 9 inside pytrec_eval-terrier.

The extension module of pytrec_eval-terrier 0.5.11 holds all of trec_eval 9.0.8 but its main(); this
calls those functions (readers, measures, averages, printers) through ctypes in the order in which
main() does, so what is printed is printed by trec_eval itself.

    trec_eval_oracle.py [-q] [-c] [-n] [-J] [-l N] [-M N] [-N N] [-m MEASURE]... QRELS RUN

As a module: evaluate(arguments) -> (exit code, standard output, standard error), in a child process
of its own, because trec_eval keeps state in static variables (and crashes on some input).
"""
import ctypes
import getopt
import importlib.util
import os
import sys
import tempfile

PTR = ctypes.c_void_p
LONG = ctypes.c_long
TEXT = ctypes.c_char_p


class MeasArg(ctypes.Structure):
    _fields_ = [("name", TEXT), ("parameters", PTR)]


class Epi(ctypes.Structure):
    _fields_ = [("query_flag", LONG), ("summary_flag", LONG), ("debug_level", LONG),
                ("debug_query", TEXT), ("relation_flag", LONG), ("average_complete", LONG),
                ("judged_only", LONG), ("num_docs", LONG), ("level", LONG), ("max_docs", LONG),
                ("rel_format", TEXT), ("results_format", TEXT), ("zscore", LONG), ("meas_arg", PTR)]


class Value(ctypes.Structure):
    _fields_ = [("name", PTR), ("value", ctypes.c_double)]


class Eval(ctypes.Structure):
    _fields_ = [("qid", TEXT), ("num_queries", LONG), ("values", PTR), ("num_values", LONG),
                ("max_num_values", LONG)]


class Results(ctypes.Structure):
    _fields_ = [("qid", TEXT), ("run_id", PTR), ("format", TEXT), ("results", PTR)]


class RelInfo(ctypes.Structure):
    _fields_ = [("qid", TEXT), ("format", TEXT), ("info", PTR)]


class All(ctypes.Structure):  # ALL_RESULTS and ALL_REL_INFO
    _fields_ = [("num", LONG), ("max", LONG), ("items", PTR)]


class Measure(ctypes.Structure):
    _fields_ = [("name", TEXT), ("explanation", TEXT),
                ("init", ctypes.CFUNCTYPE(ctypes.c_int, PTR, PTR, PTR)),
                ("calc", ctypes.CFUNCTYPE(ctypes.c_int, PTR, PTR, PTR, PTR, PTR)),
                ("acc", ctypes.CFUNCTYPE(ctypes.c_int, PTR, PTR, PTR, PTR)),
                ("average", ctypes.CFUNCTYPE(ctypes.c_int, PTR, PTR, PTR, PTR)),
                ("print_single", ctypes.CFUNCTYPE(ctypes.c_int, PTR, PTR, PTR)),
                ("print_final", ctypes.CFUNCTYPE(ctypes.c_int, PTR, PTR, PTR)),
                ("params", PTR), ("eval_index", LONG)]


class Nickname(ctypes.Structure):
    _fields_ = [("name", TEXT), ("names", ctypes.POINTER(TEXT))]


class Failed(Exception):
    pass


def load_library():
    spec = importlib.util.find_spec("pytrec_eval_ext")
    if spec is None:
        raise SystemExit("trec_eval_oracle: pip install pytrec_eval-terrier==0.5.11")
    return ctypes.CDLL(spec.origin)


LIB = load_library()
NUM = ctypes.c_int.in_dll(LIB, "te_num_trec_measures").value
MEASURES = [p.contents for p in (ctypes.POINTER(Measure) * NUM).in_dll(LIB, "te_trec_measures")]
BY_NAME = {m.name: m for m in MEASURES}
NUM_NICKNAMES = ctypes.c_int.in_dll(LIB, "te_num_trec_measure_nicknames").value
NICKNAMES = {n.name: n for n in (Nickname * NUM_NICKNAMES).in_dll(LIB, "te_trec_measure_nicknames")}


def mark(name):
    if name in NICKNAMES:
        names, i = NICKNAMES[name].names, 0
        while names[i]:
            mark_one(names[i])
            i += 1
    else:
        mark_one(name)


def mark_one(name):
    if name not in BY_NAME:
        raise Failed(1)
    BY_NAME[name].eval_index = -2


def main(arguments):
    ref = ctypes.byref
    options, files = getopt.gnu_getopt(arguments, "qcnJl:M:N:m:")
    epi = Epi(0, 1, 0, None, 1, 0, 0, 0, 1, 2147483647, b"qrels", b"trec_results", 0, None)
    args = (MeasArg * (len(arguments) + 1))()
    keep = []
    marked = False
    for flag, value in options:
        if flag == "-m":
            name, dot, parameters = value.encode().partition(b".")
            if dot:
                if not parameters:
                    raise Failed(1)
                keep.append(ctypes.create_string_buffer(parameters))  # trec_eval writes into it
                args[len(keep) - 1] = MeasArg(name, ctypes.addressof(keep[-1]))
            mark(name)
            marked = True
        elif flag == "-q":
            epi.query_flag = 1
        elif flag == "-c":
            epi.average_complete = 1
        elif flag == "-n":
            epi.summary_flag = 0
        elif flag == "-J":
            epi.judged_only = 1
        elif flag == "-l":
            epi.level = int(value)
        elif flag == "-M":
            epi.max_docs = int(value)
        elif flag == "-N":
            epi.num_docs = int(value)
    epi.meas_arg = ctypes.addressof(args)
    rels, results = All(), All()
    if LIB.te_get_qrels(ref(epi), files[0].encode(), ref(rels)) == -1:
        raise Failed(2)
    if LIB.te_get_trec_results(ref(epi), files[1].encode(), ref(results)) == -1:
        raise Failed(2)
    if not marked:
        mark(b"official")
    total = Eval(b"all", 0, None, 0, 0)
    wanted = []
    for measure in MEASURES:
        if measure.eval_index == -2:
            if measure.init(ctypes.addressof(epi), ctypes.addressof(measure), ctypes.addressof(total)) == -1:
                raise Failed(2)
            wanted.append((measure, ctypes.addressof(measure)))
    values = (Value * max(1, total.num_values))()
    ctypes.memmove(values, total.values, total.num_values * ctypes.sizeof(Value)) if total.num_values else None
    one = Eval(b"", 0, ctypes.addressof(values), total.num_values, 0)
    e, t, o = ctypes.addressof(epi), ctypes.addressof(total), ctypes.addressof(one)
    rel_items = ctypes.cast(rels.items, ctypes.POINTER(RelInfo))
    rel_of = {}
    for i in range(rels.num):
        rel_of[rel_items[i].qid] = rels.items + i * ctypes.sizeof(RelInfo)
    res_items = ctypes.cast(results.items, ctypes.POINTER(Results))
    for i in range(results.num):
        rel = rel_of.get(res_items[i].qid)
        if rel is None:
            continue
        for v in values:
            v.value = 0
        one.qid = res_items[i].qid
        result = results.items + i * ctypes.sizeof(Results)
        for measure, m in wanted:
            if measure.calc(e, rel, result, m, o) == -1:
                raise Failed(4)
        for measure, m in wanted:
            measure.acc(e, m, o, t)
            if epi.query_flag:
                measure.print_single(e, m, o)
        total.num_queries += 1
    if total.num_queries == 0:
        raise Failed(7)
    for measure, m in wanted:
        measure.average(e, m, ctypes.addressof(rels), t)
        measure.print_final(e, m, t)


def run_here(arguments):
    code = 0
    try:
        main(arguments)
    except Failed as failed:
        code = failed.args[0]
    except getopt.GetoptError:
        code = 1
    ctypes.CDLL(None).fflush(None)
    return code


def evaluate(arguments):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(run_here(arguments))
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace")


if __name__ == "__main__":
    sys.stdout.flush()
    code = run_here(sys.argv[1:])
    os._exit(code)
