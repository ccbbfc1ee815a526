#!/usr/bin/env python3
"""Writes tests/golden/flows: whole ranking flows by transformers and peft over a tiny seeded model.

  base/         a Llama (llama3 rope scaling, tied embeddings) with a byte-level BPE tokenizer of the
                Llama 3 kind and Llama 3's chat template
  listwise/     a LoRA adapter of it (CAUSAL_LM), classifier/ another (SEQ_CLS, one label)
  flows.json    for each query: the ids that the card, the repository, the pointwise and the
                query-likelihood flow feed, and what comes out, in f32
Usage: make_flow_goldens.py OUT_FOLDER
"""
import json
import pathlib
import shutil
import sys
import tempfile

import peft
import tokenizers
import torch
import transformers
from make_rank_goldens import card_prompt, repo_prompt
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerFast

TEMPLATE = ("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
            "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
            "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
            "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
                r"\s+(?!\S)|\s+")
EDISON = ["Lightning strike at Seoul National University", "Thomas Edison tried to invent a device for car but failed",
          "Coffee is good for diet", "KEPCO fixes light problems", "Thomas Edison invented the light bulb in 1879"]
QUERIES = [
    ("When did Thomas Edison invent the light bulb?", EDISON),
    ("caf\u00e9 \u6f22\u5b57 \U0001f600?", ["\U0001f600" * 310, "light bulb, " * 60, "", "e\u0301 tea", "Coffee " * 20, "Edison"]),
]


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3_SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    text = EDISON + [query for query, _ in QUERIES] + [card_prompt("q", EDISON), repo_prompt("q", EDISON, TEMPLATE)]
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(text, trainer)
    tokenizer.add_special_tokens(SPECIAL)
    bos = tokenizer.token_to_id(SPECIAL[0])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{SPECIAL[0]} $A", pair=f"{SPECIAL[0]} $A {SPECIAL[0]}:1 $B:1",
                                      special_tokens=[(SPECIAL[0], bos)])])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token=SPECIAL[1],
                                   chat_template=TEMPLATE, clean_up_tokenization_spaces=False)


def make_models(out, tokenizer):
    torch.manual_seed(20261123)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=8192, tie_word_embeddings=True, initializer_range=0.2,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        rope_scaling={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                      "high_freq_factor": 4.0, "original_max_position_embeddings": 1024})
    transformers.LlamaForCausalLM(config).save_pretrained(out / "base")
    tokenizer.save_pretrained(out / "base", save_jinja_files=False)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    for name, task, kind in [("listwise", "CAUSAL_LM", AutoModelForCausalLM),
                             ("classifier", "SEQ_CLS", AutoModelForSequenceClassification)]:
        extra = {"num_labels": 1} if task == "SEQ_CLS" else {}
        model = kind.from_pretrained(out / "base", dtype=torch.float32, **extra)
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type=task))
        for key, weight in adapted.named_parameters():
            if "lora_B" in key or "score" in key:
                torch.nn.init.normal_(weight, std=0.1)
        adapted.peft_config["default"].base_model_name_or_path = "../base"
        adapted.save_pretrained(out / name)
        (out / name / "README.md").unlink(missing_ok=True)


def flows(out, tokenizer):
    def base(kind, **extra):
        return kind.from_pretrained(out / "base", dtype=torch.float32, **extra).eval()

    plain = base(AutoModelForCausalLM)
    listwise = peft.PeftModel.from_pretrained(base(AutoModelForCausalLM), out / "listwise").eval()
    classifier = peft.PeftModel.from_pretrained(base(AutoModelForSequenceClassification, num_labels=1), out / "classifier").eval()

    def generate(prompt, **kwargs):
        inputs = tokenizer(prompt, return_tensors="pt", **kwargs)
        output = listwise.generate(**inputs, max_new_tokens=50, do_sample=False, pad_token_id=tokenizer.eos_token_id)[0]
        answer = output[inputs["input_ids"].shape[1]:].tolist()
        return {"prompt_ids": inputs["input_ids"][0].tolist(), "output_ids": answer,
                "text": tokenizer.decode(answer, skip_special_tokens=True)}

    def likelihood(query, passage):
        prompt = tokenizer(f"Passage: {' '.join(passage.split()[:180])}\nPlease write a question based on this passage.\n"
                           "Question:")["input_ids"]
        target = tokenizer(f" {query}", add_special_tokens=False)["input_ids"]
        logits = plain(torch.tensor([prompt + target])).logits[0, len(prompt) - 1:-1]
        # In f64: torch's f32 sum over a vocabulary is off by more than the logits are.
        return torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(target)[:, None]).mean().item()

    for query, passages in QUERIES:
        pairs = [tokenizer(f"query: {query}", f"document:  {passage}", truncation="longest_first", max_length=228,
                           return_tensors="pt") for passage in passages]
        yield {"query": query, "passages": passages,
               "card": generate(card_prompt(query, passages), truncation=True, max_length=2048),
               "repo": generate(repo_prompt(query, passages, TEMPLATE)),
               "pairs": [pair["input_ids"][0].tolist() for pair in pairs],
               "logits": [classifier(input_ids=pair["input_ids"]).logits.item() for pair in pairs],
               "likelihoods": [likelihood(query, passage) for passage in passages]}


def main():
    out = pathlib.Path(sys.argv[1])
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch, torch.no_grad():
        made = pathlib.Path(scratch)
        tokenizer = make_tokenizer()
        make_models(made, tokenizer)
        cases = {"made_with": {"torch": torch.__version__, "transformers": transformers.__version__,
                               "peft": peft.__version__, "tokenizers": tokenizers.__version__},
                 "cases": list(flows(made, tokenizer))}
        for name in ("base", "listwise", "classifier"):
            shutil.rmtree(out / name, ignore_errors=True)
            shutil.copytree(made / name, out / name)
    (out / "flows.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
