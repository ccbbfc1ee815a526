#!/usr/bin/env python3
"""Writes tests/golden/train/sft_*: what LLaMA-Factory makes of training data.

  sft_rows.json     "cases": an entry of dataset_info.json, rows, and for each row the conversation that LLaMA-Factory
                    converts it to; null where it drops the row, or stops at it
  sft_tokens.json   "conversations"; "tokenizers": a tokenizer of TOKENIZER_FOLDER and tokens to add behind its last;
                    "cases": template, tokenizer, conversation, options, ids and "runs", the lengths of the stretches
                    of labels, masked and trained by turns, masked first
  sft_smollm2.json  the same with the tokenizer of the default model; template null is what LLaMA-Factory reads out of
                    the model's own chat template
LLAMAFACTORY is a folder with the unpacked wheel (`pip download llamafactory==0.9.5 --no-deps`); its imports want
torch, transformers and datasets, and torchaudio, for which an empty module does.
Usage: make_sft_goldens.py LLAMAFACTORY TOKENIZER_FOLDER SMOLLM2_GGUF OUT_FOLDER
"""
import copy
import functools
import json
import logging
import pathlib
import sys
import tempfile
import types

LLAMAFACTORY, TOKENIZERS, SMOLLM2, OUT = map(pathlib.Path, sys.argv[1:5])
sys.path.insert(0, str(LLAMAFACTORY))

import datasets  # noqa: E402
import tokenizers  # noqa: E402
import transformers  # noqa: E402

# Behind transformers, which else takes it for the real one.
sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))
from llamafactory.data.converter import get_dataset_converter  # noqa: E402
from llamafactory.data.parser import get_dataset_list  # noqa: E402
from llamafactory.data.processor.supervised import SupervisedDatasetProcessor  # noqa: E402
from llamafactory.data.template import TEMPLATES, get_template_and_fix_tokenizer  # noqa: E402
from llamafactory.extras.constants import IGNORE_INDEX  # noqa: E402
from llamafactory.extras.env import VERSION  # noqa: E402
from tokenizers import pre_tokenizers  # noqa: E402

VERSIONS = {"llamafactory": VERSION, "transformers": transformers.__version__, "tokenizers": tokenizers.__version__,
            "datasets": datasets.__version__}
logging.disable(logging.CRITICAL)

# Tiny ones of tests/golden/text with the special tokens of the templates.
MARKS = {
    "llama3": ("llama3", ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<｜User｜>", "<｜Assistant｜>"]),
    "qwen2": ("qwen2", ["<|im_start|>", "<|im_end|>", "<think>", "</think>"]),
    "llama2": ("llama2", ["<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]),
    "llama2_plain": ("llama2", []),
}
TEMPLATE_TOKENIZERS = {
    "alpaca": ["llama3", "llama2_plain"], "chatml": ["qwen2"], "deepseek": ["llama3"], "deepseek3": ["llama3"],
    "deepseekr1": ["llama3"], "default": ["llama3", "llama2_plain"], "empty": ["llama3"], "gemma": ["llama2"],
    "llama2": ["llama2_plain"], "llama2_zh": ["llama2_plain"], "llama3": ["llama3"], "ministral": ["llama2"],
    "mistral": ["llama2_plain", "llama2"], "mistral_small": ["llama2"], "openchat": ["llama2_plain"],
    "openchat-3.6": ["llama3"], "qwen": ["qwen2"], "qwen3": ["qwen2"], "qwen3_nothink": ["qwen2"], "smollm": ["qwen2"],
    "smollm2": ["qwen2"], "vicuna": ["llama2_plain"], "yi": ["qwen2"], "zephyr": ["llama2_plain"],
}


def conversation(system, *texts):
    return {"system": system, "turns": list(texts)}


THOUGHT = "<think>\nis it 2?\n</think>\n\n"
CONVERSATIONS = {
    "one": conversation("", "Who made the bulb?", "[1] > [0]"),
    "system": conversation("You rank passages.", "Rank 3 passages:\n[1] tea\n[2] light", "### Final Reranking: [2] > [1]"),
    "turns": conversation("Be brief.", "Rank these passages by how well they answer: light bulb, tea, 1879.",
                          "[1] > [3] > [2]", "And now?", " [2]", "Last, with a longer question than the ones before it.",
                          "The first, since it names the inventor and the year of the invention."),
    "seams": conversation("", "ends in blanks  \n", "\n\n starts with breaks", "</s> in the text <|eot_id|>", "a {content} b"),
    "empty": conversation("", "", "", "x", ""),
    "cjk": conversation("简短。", "谁发明了灯泡? 😀 naïve e\u0301", "👩‍👩‍👧 漢字 [4] > [1]"),
    "thoughts": conversation("", "1+1?", THOUGHT + "\n\n2", "2+2?", "4", "3+3?", THOUGHT + "6" + THOUGHT),
}


def tokenizer_text(name):
    base, added = MARKS[name]
    data = json.loads((TOKENIZERS / f"{base}.json").read_text())
    first = max([*data["model"]["vocab"].values(), *(token["id"] for token in data["added_tokens"])]) + 1
    for i, content in enumerate(added):
        data["added_tokens"].append({"id": first + i, "content": content, "single_word": False, "lstrip": False,
                                     "rstrip": False, "normalized": False, "special": True})
    return json.dumps(data)


@functools.cache
def smollm2_tokenizer():
    tokenizer = transformers.AutoTokenizer.from_pretrained(SMOLLM2.parent, gguf_file=SMOLLM2.name)
    # As the model's own tokenizer.json; what transformers makes of a GGUF file does not part digits.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer


def load_tokenizer(name):
    if name == "smollm2":
        return copy.deepcopy(smollm2_tokenizer())
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(tokenizer_text(name))
        file.flush()
        return transformers.PreTrainedTokenizerFast(tokenizer_file=file.name, bos_token="<s>", eos_token="</s>")


def messages(turns):
    return [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(turns)]


def encode(template_name, tokenizer_name, conversation_name, options):
    fields = dict(cutoff_len=2048, train_on_prompt=False, mask_history=False, default_system=None, enable_thinking=True,
                  preserve_thinking=False)
    arguments = types.SimpleNamespace(template=template_name, tool_format=None, **{**fields, **options})
    original = copy.deepcopy(TEMPLATES.get(template_name))
    tokenizer = load_tokenizer(tokenizer_name)
    template = get_template_and_fix_tokenizer(tokenizer, arguments)
    template.mm_plugin = TEMPLATES["empty"].mm_plugin  # mistral_small's asks for an image processor, even for texts
    processor = SupervisedDatasetProcessor(template=template, tokenizer=tokenizer, processor=None, data_args=arguments)
    case = CONVERSATIONS[conversation_name]
    turns = messages(case["turns"])
    out = processor.preprocess_dataset({"_prompt": [turns[:-1]], "_response": [turns[-1:]], "_system": [case["system"]],
                                        "_tools": [""], "_images": [None], "_videos": [None], "_audios": [None]})
    if template_name is not None:  # its default system message may be another now
        TEMPLATES[template_name] = original
    ids, labels = out["input_ids"][0], out["labels"][0]
    runs, trained = [0], False
    for token, label in zip(ids, labels):
        assert label in (IGNORE_INDEX, token)
        if (label != IGNORE_INDEX) != trained:
            trained = not trained
            runs.append(0)
        runs[-1] += 1
    return {"template": template_name, "tokenizer": tokenizer_name, "conversation": conversation_name, "options": options,
            "ids": " ".join(map(str, ids)), "runs": runs}


def token_cases():
    for template, names in TEMPLATE_TOKENIZERS.items():
        for tokenizer in names:
            for name in CONVERSATIONS:
                yield encode(template, tokenizer, name, {})
        tokenizer = names[0]
        yield encode(template, tokenizer, "turns", {"cutoff_len": 77})
        yield encode(template, tokenizer, "turns", {"cutoff_len": 90, "train_on_prompt": True})
        yield encode(template, tokenizer, "turns", {"cutoff_len": 150, "mask_history": True})
        yield encode(template, tokenizer, "one", {"default_system": "Ours."})
    for cutoff in [1, 2, 3, 8, 13, 21, 34, 55, 110, 144, 200, 233]:
        yield encode("llama3", "llama3", "turns", {"cutoff_len": cutoff})
        yield encode("llama3", "llama3", "turns", {"cutoff_len": cutoff, "mask_history": True})
    for template, tokenizer in [("qwen3", "qwen2"), ("deepseekr1", "llama3")]:
        for thinking in [True, False, None]:
            for history in [True, False]:
                for preserve in [True, False]:
                    for name in ["thoughts", "one"]:
                        yield encode(template, tokenizer, name, {"enable_thinking": thinking, "mask_history": history,
                                                                 "preserve_thinking": preserve})


def smollm2_cases():
    for template in [None, "smollm2", "chatml", "alpaca", "default", "vicuna", "zephyr", "qwen3"]:
        for name in CONVERSATIONS:
            yield encode(template, "smollm2", name, {})
        yield encode(template, "smollm2", "turns", {"cutoff_len": 70})


ALPACA = [
    {"instruction": "Rank", "input": "[1] a", "output": "[1]"}, {"instruction": "Rank", "input": "", "output": "[1]"},
    {"instruction": "", "input": "[1]", "output": "x"}, {"instruction": "", "input": "", "output": ""},
    {"instruction": None, "input": None, "output": "漢字 😀"}, {"instruction": "a", "input": "b", "output": None},
    {"instruction": "a", "input": "b", "output": 3}, {"instruction": "a\n", "input": "\nb", "output": " c "},
    {"instruction": 3, "input": "b", "output": "c"},
    {"instruction": "a", "input": "b", "output": "c", "system": "S", "history": [["q", "r"], ["", ""]], "think": "t"},
    {"instruction": "a", "input": "b", "output": "c", "system": None, "history": None},
    {"instruction": "a", "input": "b", "output": "c", "system": "", "history": []},
    {"instruction": "a", "input": "b", "output": "c", "history": [["q"]]},
    {"instruction": "a", "input": "b", "output": "c", "history": [["q", None]]},
]
SHAREGPT_TEXTS = [
    ["human", "gpt"], ["system", "human", "gpt"], ["human", "gpt", "human", "gpt"], ["human"], [], ["system"],
    ["gpt", "human"], ["human", "gpt", "gpt", "human"], ["human", "gpt", "human"], ["human", "system", "gpt"],
    ["system", "gpt"], ["human", "bot"],
]


def sharegpt_rows(role, content, column, names):
    rows = []
    for i, roles in enumerate(SHAREGPT_TEXTS):
        turns = [{role: names.get(name, name), content: f"{name} {i}.{j}"} for j, name in enumerate(roles)]
        rows.append({column: turns, "sys": "of the row" if i % 2 else None})
    return rows


def row_cases():
    plain = {"file_name": "a.json"}
    yield plain, ALPACA
    yield {**plain, "columns": {"prompt": "instruction", "query": "input", "response": "output", "system": "system",
                                "history": "history"}}, ALPACA
    yield {**plain, "columns": {"prompt": "input", "response": "output"}}, ALPACA
    yield {**plain, "columns": {"query": "instruction", "response": "think"}}, ALPACA
    yield {**plain, "formatting": "sharegpt"}, sharegpt_rows("from", "value", "conversations", {})
    openai = {"human": "user", "gpt": "assistant"}
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    for more in [{"system_tag": "system"}, {}]:
        yield ({**plain, "formatting": "sharegpt", "columns": {"messages": "messages", "system": "sys"},
                "tags": {**tags, **more}}, sharegpt_rows("role", "content", "messages", openai))


def convert(attributes, row):
    """As align_dataset and the processor's check do; the columns of a data set are those of all its rows."""
    converter = get_dataset_converter(attributes.formatting, attributes, types.SimpleNamespace(media_dir=""))
    try:
        out = converter(row)
    except (KeyError, TypeError, ValueError):
        return None
    if len(out["_prompt"]) % 2 != 1 or len(out["_response"]) != 1:
        return None
    turns = [turn["content"] for turn in out["_prompt"] + out["_response"]]
    if not all(isinstance(text, str) for text in turns):  # the tokenizer would stop
        return None
    return {"system": out["_system"] or "", "turns": turns}


def write(path, head, cases):
    lines = [json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases]
    text = json.dumps({"versions": VERSIONS, **head}, ensure_ascii=False, indent=1)[:-2]
    path.write_text(text + ',\n "cases": [\n' + ",\n".join(lines) + "\n]}\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    cases = []
    for entry, rows in row_cases():
        (attributes,) = get_dataset_list(["d"], {"d": entry})
        columns = {key for row in rows for key in row}
        expected = [convert(attributes, {**dict.fromkeys(columns), **row}) for row in rows]
        cases.append({"entry": entry, "rows": rows, "expected": expected})
    write(OUT / "sft_rows.json", {}, cases)
    tokens = {name: {"base": base, "added": added} for name, (base, added) in MARKS.items()}
    write(OUT / "sft_tokens.json", {"tokenizers": tokens, "conversations": CONVERSATIONS}, list(token_cases()))
    write(OUT / "sft_smollm2.json", {"conversations": CONVERSATIONS}, list(smollm2_cases()))


main()
