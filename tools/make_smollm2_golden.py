#!/usr/bin/env python3
"""Writes tests/golden/model/smollm2.json: what transformers answers with the shipped default model.

The GGUF file is dequantised to f32 by transformers and run on the CPU with eager attention. For three
real prompts, given as ids: logits at a few positions (every 97th column and the largest), and 64
greedy tokens.

  python tools/make_smollm2_golden.py ~/.cache/dear/models/SmolLM2-135M-Instruct.Q4_1.gguf
"""
import json
import pathlib
import sys

import torch
import transformers

STEP = 97  # columns kept
PROMPTS = [
    "Passage: Thomas Edison invented the light bulb in 1879\n"
    "Please write a question based on this passage.\nQuestion: When did Thomas Edison invent the light bulb?",
    "The capital of France is",
    "I will provide you with 3 passages, each indicated by a number identifier [].\n"
    "Rank the passages based on their relevance to the search query: how do bees make honey.\n\n"
    "[0] Bees collect nectar from flowers and store it in their honey stomach. Back in the hive it is "
    "passed from bee to bee, enzymes break its sugars down, and fanning wings dry it until it is honey.\n"
    "[1] The Kerch Strait joins the Black Sea and the Sea of Azov; a bridge of 19 km was opened in 2018.\n"
    "[2] Honey keeps for years because it holds little water and is sour; jars found in tombs could "
    "still be eaten. \u00c9tude \u2014 na\u00efve \u4f60\u597d \U0001F41D 1234567890.\n\n"
    "Search Query: how do bees make honey.\n"
    "Rank the passages above based on their relevance to the search query. Output the ranking as a list of numbers.",
]


def main():
    path = pathlib.Path(sys.argv[1]).expanduser()
    torch.set_num_threads(2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager").eval()
    cases = []
    with torch.no_grad():
        for prompt in PROMPTS:
            ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
            logits = model(torch.tensor([ids])).logits[0]
            rows = sorted({0, len(ids) // 2, len(ids) - 2, len(ids) - 1})
            kept = []
            for row in rows:
                values = logits[row]
                kept.append({"row": row, "argmax": int(values.argmax()), "max": float(values.max()),
                             "largest": float(values.abs().max()),
                             "columns": [float(v) for v in values[::STEP]]})
            greedy = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                                    do_sample=False, max_new_tokens=64, eos_token_id=[], pad_token_id=0)
            cases.append({"ids": ids, "rows": kept, "greedy": greedy[0, len(ids):].tolist()})
    out = pathlib.Path(__file__).parent.parent / "tests/golden/model/smollm2.json"
    text = json.dumps({"versions": {"torch": torch.__version__, "transformers": transformers.__version__},
                       "column_step": STEP, "cases": cases})
    out.write_text(text.replace('{"row"', '\n{"row"').replace('{"ids"', '\n{"ids"') + "\n")
    print(out, len(text))


if __name__ == "__main__":
    main()
