#!/usr/bin/env python3
"""Writes tests/golden/train/parity: whole training runs of the reference in f32 on the CPU. Supervised fine-tuning
is done by transformers' Trainer over peft's LoRA, training on rankings by a plain torch loop, because Trainer has no
such losses. Every step's loss, learning rate and gradient norm is kept as it was computed, not as it is logged.

A case is a folder with case.json (versions, settings under the keys of `dear train`, examples in the order in which
every epoch takes them, steps), and the adapters initial/ and final/, or of a model trained whole its final weights. case.json also says how far the same run moves
when it is done in float64 where transformers does not force f32: no tolerance below that can be met. Seeded; every
case is run twice and has to come out the same. Run from anywhere:

  python tools/make_training_parity_goldens.py [CASE ...]
"""
import json
import math
import os
import pathlib
import random
import shutil
import sys
import tempfile
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
import accelerate  # noqa: E402
import bitsandbytes  # noqa: E402
import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from peft import LoraConfig, TaskType, get_peft_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from transformers import BitsAndBytesConfig  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests/golden"
OUT = GOLDEN / "train/parity"
VERSIONS = {module.__name__: module.__version__ for module in (accelerate, bitsandbytes, peft, torch, transformers)}
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FIRST_ID, END, VOCAB = 3, 2, 131
RANK, ALPHA, STEPS, BATCH, ACCUMULATION = 4, 8, 50, 2, 2
warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(1)


# --- examples ---

def sft_row(numbers, length, vocab):
    """A prompt, and its tokens again folded into an alphabet of eleven: a pattern that few steps can learn."""
    prompt = [numbers.randrange(FIRST_ID, vocab) for _ in range(length // 2)]
    answer = [FIRST_ID + t % 11 for t in prompt[:length - 1 - len(prompt)]] + [END]
    return {"ids": prompt + answer, "trained": [0] * len(prompt) + [1] * len(answer)}


def sft_rows(seed, count, vocab=VOCAB):
    numbers = random.Random(seed)
    lengths = [5, 60] + [numbers.randrange(5, 61) for _ in range(count - 2)]
    rows = [sft_row(numbers, length, vocab) for length in lengths]
    # A conversation of two turns, and a row that is learned from its first token on, which nothing predicts.
    first, second = sft_row(numbers, 14, vocab), sft_row(numbers, 9, vocab)
    rows[3] = {key: first[key] + second[key] for key in first}
    rows[6]["trained"] = [1] * len(rows[6]["ids"])
    return rows


def ranking_query(numbers, relevant):
    """Relevant passages draw their tokens from the upper half of the vocabulary more often than others."""
    labels = [numbers.randrange(1, 3) if i in relevant else 0 for i in range(4)]
    passages = []
    for label in labels:
        upper = 0.8 if label else 0.3
        half = (VOCAB + FIRST_ID) // 2
        passages.append([numbers.randrange(half, VOCAB) if numbers.random() < upper else numbers.randrange(FIRST_ID, half)
                         for _ in range(numbers.randrange(5, 41))])
    teacher = [round(2.0 * label - 1.0 + numbers.gauss(0, 0.8), 4) for label in labels]
    return {"passages": passages, "labels": labels, "teacher_scores": teacher}


def ranking_queries(seed, count):
    numbers = random.Random(seed)
    # The last query has no relevant passage.
    return [ranking_query(numbers, numbers.sample(range(4), 1 + i % 2) if i + 1 < count else []) for i in range(count)]


def likelihood_queries(seed, count):
    """A relevant passage holds what the query's tokens fold into, others hold it less often."""
    numbers = random.Random(seed)
    rows = []
    for _ in range(count):
        query = [FIRST_ID + numbers.randrange(11) for _ in range(numbers.randrange(1, 8))]
        labels = [1 if i == 0 else 0 for i in range(4)]
        passages = [[token + 11 * numbers.randrange(1, 11) if numbers.random() < (0.9 if label else 0.1)
                     else numbers.randrange(FIRST_ID, VOCAB) for token in query * 3 + query[:2]] for label in labels]
        teacher = [round(2.0 * label - 1.0 + numbers.gauss(0, 0.8), 4) for label in labels]
        rows.append({"passages": passages, "query": query, "labels": labels, "teacher_scores": teacher})
    return rows


def padded(sequences, filler):
    width = max(map(len, sequences))
    return torch.tensor([list(s) + [filler] * (width - len(s)) for s in sequences])


def inputs_of(sequences):
    return {"input_ids": padded(sequences, 0), "attention_mask": padded([[1] * len(s) for s in sequences], 0)}


# --- models ---

def read_base(case, kind, **options):
    """The base in f32: of a folder, of a GGUF file as the numbers that its blocks stand for, or quantised on the fly where
    the case says so, so that bitsandbytes multiplies by it, forward and backward."""
    options |= {"dtype": torch.float32, "attn_implementation": "eager"}
    if "quantization_type" in case:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type=case["quantization_type"],
            bnb_4bit_use_double_quant=case["double_quantization"], bnb_4bit_compute_dtype=torch.float32)
        options["device_map"] = "cpu"
    if case["base"].endswith(".gguf"):
        # transformers takes the size of the vocabulary from a tokenizer, which this file has none of. The weights
        # are plain numbers then, but Trainer refuses a model that remembers the file.
        model = kind.from_pretrained(GOLDEN / "model/bases", gguf_file=case["base"], vocab_size=VOCAB, **options)
        model.is_quantized, model.hf_quantizer = False, None
        return model
    return kind.from_pretrained(GOLDEN / "model/bases" / case["base"], **options)


def make_model(case, double):
    kind = transformers.AutoModelForCausalLM
    head, task, saved = {}, TaskType.CAUSAL_LM, None
    if case["stage"] == "pointwise":
        kind = transformers.AutoModelForSequenceClassification
        head, task, saved = {"num_labels": 1, "pad_token_id": 0}, TaskType.SEQ_CLS, ["score"]
    torch.manual_seed(case["seed"])
    model = read_base(case, kind, **head)
    if double and getattr(model, "is_quantized", False):
        model = model.dequantize(torch.float32)
    model.config.use_cache = False
    if case.get("whole"):
        return model
    model = get_peft_model(model, LoraConfig(task_type=task, r=RANK, lora_alpha=ALPHA, lora_dropout=0.0,
                                             target_modules=case["lora_target"], modules_to_save=saved,
                                             use_dora=case.get("use_dora", False)))
    if not case["zero_b"]:
        generator = torch.Generator().manual_seed(case["seed"] + 1)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data = 0.05 * torch.randn(parameter.shape, generator=generator)
    return model


def save_whole(model, folder):
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "config.json").unlink()
    (folder / "model.safetensors").chmod(0o644)


def save_adapter(model, folder, base):
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = f"../../../../model/bases/{base}"
    config["target_modules"] = sorted(config["target_modules"])  # peft's order is that of a set
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / "adapter_model.safetensors").chmod(0o644)


# --- training ---

class Curve(transformers.TrainerCallback):
    """The figures of each step before anything rounds them."""

    def __init__(self):
        self.steps = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.steps.append({"loss": logs["loss"], "lr": logs["learning_rate"], "grad_norm": logs["grad_norm"]})


def collate(rows):
    ids = [row["ids"] for row in rows]
    labels = [[token if trained else -100 for token, trained in zip(row["ids"], row["trained"])] for row in rows]
    return {**inputs_of(ids), "labels": padded(labels, -100)}


def train_sft(model, case, examples):
    curve = Curve()
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder, use_cpu=True, seed=case["seed"], per_device_train_batch_size=BATCH,
            gradient_accumulation_steps=ACCUMULATION, max_steps=case.get("max_steps", -1),
            num_train_epochs=case.get("num_train_epochs", 3), learning_rate=case["learning_rate"],
            weight_decay=case["weight_decay"], lr_scheduler_type="cosine", warmup_steps=0.1, max_grad_norm=1.0,
            optim="adamw_torch", train_sampling_strategy="sequential", logging_steps=1, save_strategy="no",
            report_to=[], disable_tqdm=True, remove_unused_columns=False)
        trainer = transformers.Trainer(model=model, args=arguments, train_dataset=examples, data_collator=collate,
                                       callbacks=[curve])
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return curve.steps


def ranking_loss(case, scores, query):
    labels = torch.tensor(query["labels"]).to(scores)
    teacher = torch.tensor(query["teacher_scores"]).to(scores)
    scores = scores * case.get("score_scale", 1.0)
    if case["loss"] == "softmax_ce":
        main = F.cross_entropy(scores, labels.argmax())
    else:
        target = (labels > 0).to(scores) if case["loss"] == "ranknet_binary" else teacher
        upper = torch.triu(torch.ones(len(scores), len(scores)), diagonal=1).bool()
        main = F.binary_cross_entropy_with_logits((scores[:, None] - scores[None, :])[upper],
                                                  torch.sigmoid(target[:, None] - target[None, :])[upper])
    temperature, weight = case["temperature"], case["kl_weight"]
    divergence = F.kl_div(F.log_softmax(scores / temperature, -1), F.softmax(teacher / temperature, -1), reduction="sum")
    return (1 - weight) * main + weight * temperature ** 2 * divergence


def last_outputs(model, batch):
    """Each passage's score from the head of one output."""
    return model(**inputs_of([passage for query in batch for passage in query["passages"]])).logits[:, 0]


def query_likelihoods(model, batch):
    """The log-probability of the query's tokens after each passage."""
    pairs = [(passage, query["query"]) for query in batch for passage in query["passages"]]
    logs = model(**inputs_of([passage + query for passage, query in pairs])).logits.log_softmax(-1)
    return torch.stack([logs[i, len(passage) - 1:len(passage) - 1 + len(query)].gather(
        1, torch.tensor(query)[:, None]).sum() for i, (passage, query) in enumerate(pairs)])


def train_ranking(model, case, examples, scores_of):
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=case["learning_rate"], weight_decay=case["weight_decay"])
    schedule = transformers.get_scheduler("linear", optimizer, math.ceil(0.1 * STEPS), STEPS)
    batches = [examples[i:i + BATCH] for i in range(0, len(examples), BATCH)]
    accumulated = [batches[i:i + ACCUMULATION] for i in range(0, len(batches), ACCUMULATION)]
    steps = []
    for number in range(STEPS):
        step = accumulated[number % len(accumulated)]
        queries = sum(len(batch) for batch in step)
        total = 0.0
        for batch in step:
            scores = scores_of(model, batch).split([len(query["passages"]) for query in batch])
            loss = sum(ranking_loss(case, s, query) for s, query in zip(scores, batch)) / queries
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
        steps.append({"loss": total, "lr": schedule.get_last_lr()[0], "grad_norm": norm.item()})
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return steps


TRAIN = {"sft": train_sft, "pointwise": lambda *given: train_ranking(*given, last_outputs),
         "likelihood": lambda *given: train_ranking(*given, query_likelihoods)}
ROWS = {"sft": sft_rows, "pointwise": ranking_queries, "likelihood": likelihood_queries}


# --- cases ---

CASES = {
    # As peft begins: every B is zero.
    "sft_llama": {"base": "llama", "stage": "sft", "rows": 24, "max_steps": STEPS, "zero_b": True, "weight_decay": 0.0,
                  "lora_target": ALL, "learning_rate": 1e-2, "seed": 1},
    # An epoch ends with half an accumulation; the run ends within an epoch, ceil(8.3 * 6) = 50 steps.
    "sft_qwen3": {"base": "qwen3", "stage": "sft", "rows": 22, "num_train_epochs": 8.3, "zero_b": False,
                  "weight_decay": 0.01, "lora_target": ALL, "learning_rate": 1e-2, "seed": 2},
    # An epoch ends with a micro-batch of one row.
    "sft_gemma": {"base": "gemma", "stage": "sft", "rows": 23, "max_steps": STEPS, "zero_b": False, "weight_decay": 0.0,
                  "lora_target": ALL, "learning_rate": 1e-2, "seed": 3},
    # All weights, embedding and head being one; norms do not decay.
    "sft_llama_whole": {"base": "llama_tied", "stage": "sft", "rows": 24, "max_steps": STEPS, "zero_b": True,
                        "weight_decay": 0.05, "lora_target": [], "learning_rate": 3e-3, "seed": 8, "whole": True},
    # peft's first magnitudes are the norms of the weight; weight decay takes from them too.
    "sft_llama_dora": {"base": "llama", "stage": "sft", "rows": 24, "max_steps": STEPS, "zero_b": True,
                       "weight_decay": 0.01, "lora_target": ALL, "learning_rate": 1e-2, "seed": 7, "use_dora": True},
    # QLoRA beside bitsandbytes' own products of weights in 4 bits.
    "sft_llama_nf4": {"base": "llama_64_f32", "stage": "sft", "rows": 24, "max_steps": STEPS, "zero_b": True,
                      "weight_decay": 0.01, "lora_target": ALL, "learning_rate": 1e-2, "seed": 9, "vocab": 67,
                      "quantization_type": "nf4", "double_quantization": True},
    "sft_llama_fp4": {"base": "llama_64_f32", "stage": "sft", "rows": 23, "max_steps": STEPS, "zero_b": False,
                      "weight_decay": 0.0, "lora_target": ALL, "learning_rate": 1e-2, "seed": 10, "vocab": 67,
                      "quantization_type": "fp4", "double_quantization": False},
    # Straight from a GGUF file, with types of blocks that take turns.
    "sft_gguf": {"base": "gguf_llama_mixed.gguf", "stage": "sft", "rows": 24, "max_steps": STEPS, "zero_b": True,
                 "weight_decay": 0.0, "lora_target": ALL, "learning_rate": 1e-2, "seed": 11},
    "pointwise_binary": {"base": "llama", "stage": "pointwise", "rows": 12, "max_steps": STEPS, "zero_b": True,
                         "weight_decay": 0.0, "lora_target": [t for t in ALL if t != "k_proj"], "learning_rate": 5e-3,
                         "seed": 4, "loss": "ranknet_binary", "kl_weight": 0.1, "temperature": 2.0},
    # An epoch ends with a micro-batch of one query.
    "pointwise_teacher": {"base": "llama", "stage": "pointwise", "rows": 11, "max_steps": STEPS, "zero_b": False,
                          "weight_decay": 0.01, "lora_target": [t for t in ALL if t != "k_proj"], "learning_rate": 5e-3,
                          "seed": 5, "loss": "ranknet_teacher", "kl_weight": 0.1, "temperature": 2.0},
    "likelihood": {"base": "llama", "stage": "likelihood", "rows": 11, "max_steps": STEPS, "zero_b": True,
                   "weight_decay": 0.0, "lora_target": ALL, "learning_rate": 3e-3, "seed": 6, "loss": "softmax_ce",
                   "kl_weight": 0.5, "temperature": 2.0, "score_scale": 1.5},
}


def settings(case):
    ranking = {}
    if case["stage"] != "sft":
        saved = {"additional_target": ["score"]} if case["stage"] == "pointwise" else {}
        ranking = {**saved, "score_scale": case.get("score_scale", 1.0), "loss": [{"name": case["loss"], "weight": 1.0}],
                   "kl_weight": case["kl_weight"], "temperature": case["temperature"], "ranknet_targets": "soft",
                   "passages_per_query": 4}
    tuning = {"finetuning_type": "lora", "lora_rank": RANK, "lora_alpha": ALPHA, "lora_dropout": 0.0,
              "lora_target": case["lora_target"], **({"use_dora": True} if case.get("use_dora") else {})}
    if "quantization_type" in case:
        tuning |= {"quantization_bit": 4, "quantization_type": case["quantization_type"],
                   "double_quantization": case["double_quantization"]}
    if case.get("whole"):
        tuning = {"finetuning_type": "full"}
    length = {key: case[key] for key in ("max_steps", "num_train_epochs") if key in case}
    return {"model_name_or_path": f"tests/golden/model/bases/{case['base']}", "stage": case["stage"],
            **tuning,
            "learning_rate": case["learning_rate"],
            "weight_decay": case["weight_decay"], "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8,
            "max_grad_norm": 1.0, "lr_scheduler_type": "linear" if ranking else "cosine", "warmup_ratio": 0.1, **length,
            "per_device_train_batch_size": BATCH, "gradient_accumulation_steps": ACCUMULATION,
            "disable_shuffling": True, "seed": case["seed"], **ranking}


def run(case, examples, folder, double):
    """Steps, and the trained tensors as peft saves them."""
    model = make_model(case, double)
    whole = case.get("whole")
    if not whole:
        save_adapter(model, folder / "initial", case["base"])
    steps = TRAIN[case["stage"]](model.double() if double else model, case, examples)
    if whole:
        save_whole(model, folder / "final")
    else:
        save_adapter(model, folder / "final", case["base"])
    return steps, load_file(folder / f"final/{'model' if whole else 'adapter_model'}.safetensors")


def deviation(steps, tensors, other_steps, other_tensors):
    def largest(key):
        return max(abs(a[key] - b[key]) / abs(b[key]) for a, b in zip(steps, other_steps, strict=True))
    weights = max((tensors[name].double() - other_tensors[name].double()).abs().max().item() for name in tensors)
    return {"loss_relative": largest("loss"), "grad_norm_relative": largest("grad_norm"), "weights_absolute": weights}


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make(name):
    case = CASES[name]
    examples = ROWS[case["stage"]](case["seed"], case["rows"], **({"vocab": case["vocab"]} if "vocab" in case else {}))
    with tempfile.TemporaryDirectory() as scratch:
        first, again, double = (pathlib.Path(scratch, which) for which in ("first", "again", "double"))
        steps, tensors = run(case, examples, first, False)
        if run(case, examples, again, False)[0] != steps or files_of(first) != files_of(again):
            sys.exit(f"{name}: two runs differ")
        differs = deviation(steps, tensors, *run(case, examples, double, True))
        shutil.rmtree(OUT / name, ignore_errors=True)
        shutil.copytree(first, OUT / name)
    if len(steps) != STEPS:
        sys.exit(f"{name}: {len(steps)} steps instead of {STEPS}")
    content = {"versions": VERSIONS, "settings": settings(case), "examples": examples, "steps": steps,
               "deviation_in_f64": differs}
    (OUT / name / "case.json").write_text(json.dumps(content) + "\n")
    clipped = sum(step["grad_norm"] > 1 for step in steps)
    print(f"{name:18s} loss {steps[0]['loss']:.6f} -> {steps[-1]['loss']:.6f}, {clipped} of {len(steps)} steps clipped, "
          f"f64: " + ", ".join(f"{key} {value:.2g}" for key, value in differs.items()), flush=True)


if __name__ == "__main__":
    for chosen in sys.argv[1:] or CASES:
        make(chosen)
