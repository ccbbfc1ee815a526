#!/usr/bin/env python3
"""Writes tests/golden/rank: what the reference flows do with texts, prompts and answers, in Python.

  texts.jsonl    {"hex", "chars"|"words", "out"}: bytes.decode(errors="replace"), then the cut
  answers.jsonl  {"recipe", "n", "text", "reasoning", "order", "repair"}
  prompts.jsonl  {"recipe", "template", "query", "passages", "prompt"}
Orders follow the card's and the repository's parsers, except that an id counts once (the card keeps
a repeated one and cuts the list, which is no permutation). Repairs follow RankLLM's counting, over
the ids that the recipe's pattern reads.
Usage: make_rank_goldens.py TOKENIZER_FOLDERS OUT_FOLDER
"""
import json
import pathlib
import random
import re
import sys

from transformers.utils.chat_template_utils import render_jinja_template

RNG = random.Random(20261123)
PATTERNS = {"dear-card": r"\[(\d+)\]", "dear-repo": r"\d+"}
FIRST_ID = {"dear-card": 0, "dear-repo": 1}


def permutation(ids, n):
    order = []
    for i in ids:
        if 0 <= i < n and i not in order:
            order.append(i)
    return order + [i for i in range(n) if i not in order]


def repair(text, ids, n):
    if any(not ("0" <= c <= "9") and c not in "[]> " for c in text) or not re.search("[0-9]", text):
        return "wrong_format"
    try:
        [int(part) for part in re.sub("^[^0-9]*|[^0-9]*$", "", text).split("] > [")]
    except ValueError:
        return "wrong_format"
    if len(ids) < n:
        return "missing"
    if len(ids) > n or len(set(ids)) < n:
        return "repetition"
    return "missing" if any(i < 0 or i >= n for i in ids) else "ok"


def answer(recipe, n, text, reasoning=False, ranking=None):
    """`ranking` is given where reasoning divides the text."""
    if ranking is None:
        ranking = text
        if recipe == "dear-repo":
            match = re.search(r"</think>\s*(.*)", text, flags=re.DOTALL | re.IGNORECASE)
            ranking = match.group(1) if match else text
    ranking = ranking.strip()
    ids = [int(i) - FIRST_ID[recipe] for i in re.findall(PATTERNS[recipe], ranking)]
    return {"recipe": recipe, "n": n, "text": text, "reasoning": reasoning, "order": permutation(ids, n),
            "repair": repair(ranking, ids, n)}


def answers():
    plain = [
        "", " ", "[4] > [1] > [0] > [3] > [2]", "[1] > [2] > [3] > [4] > [5]", "[1] > [2]", "[0]", "[5]", "4 1 0 3 2",
        "[4]>[1]>[0]>[3]>[2]", "[4] > [1] > [4] > [3] > [2]", "[1] > [1] > [1] > [1] > [1]", "[9] > [8] > [7] > [6] > [5]",
        "[4] > [1] > [0] > [3] > [2] > [4] > [1] > [0]", "The ranking is [2], [0] and [1].", "[a] > [b]", "[-1] > [2]",
        "[99999999999999999999] > [2]", "[" + "9" * 4000 + "] > [1]", "[18446744073709551617] > [1]", "[0001] > [0002]",
        "> [4] > [1] > [0] > [3] > [2] >", "[4] > [1] > [0] > [3] > [2]\n", "[4] > [1] > [0]\n[3] > [2]", "[] > []", "[[1]] > [2]",
        "[1", "1]", "[1] > [2", "[ 1 ] > [ 2 ]", "\u00a0[1] > [2]\u3000", "[\uff12] > [\u0663]", "[\u00b2] > [1]", "[\u2460] [1]",
        "<think>[3] first</think>[1] > [2]", "<THINK>x</Think>\n\n[2] > [1] > [3] > [4] > [5]", "a</think>b [1]</think>[2]",
        "</think>", "[1] </think>", "Ranking: 3 > 1 > 2 because 12 beats 7", "\ufffd[1]\ufffd", "\U0001f600[2] > [1]\U0001f600",
        "[10] > [11] > [12]", "1.[2] 2.[1]", "2024-01-05",
    ]
    for recipe in PATTERNS:
        for text in plain:
            for n in (1, 3, 5):
                yield answer(recipe, n, text)
    # Reasoning: markers, and the last line with two ids where there is none.
    thought = "I looked at [3] and at [1].\nBoth are fine."
    final = "[2] > [1] > [3]"
    for recipe in PATTERNS:
        for text, ranking in [
            (f"{thought}\n### Final Reranking: {final}", final),
            (f"{thought}\n### FINAL reranking: [3]\nno:\n### Final Reranking:\n{final}\n", final),
            (f"<think>{thought}</think>\n{final}", final),
            (f"<think>{thought}</think>\n### Final Reranking: {final}", final),
            (f"{thought}\n{final}", final),
            (f"{thought}\n{final}\n\nHope it helps.", final),
            (final, final),
            ("[2]\n[1]\n[3]", "[2]\n[1]\n[3]"),
            ("Nothing.", "Nothing."),
            ("", ""),
        ]:
            yield answer(recipe, 3, text, True, ranking)
    for _ in range(400):
        recipe = RNG.choice(list(PATTERNS))
        n = RNG.choice([1, 2, 5, 20, 30])
        ids = [i + FIRST_ID[recipe] for i in RNG.sample(range(n), n)]
        for _ in range(RNG.choice([0, 0, 0, 1, 2, 5])):
            edit = RNG.randrange(4)
            if edit == 0 and ids:
                ids.pop(RNG.randrange(len(ids)))
            elif edit == 1 and ids:
                ids.insert(RNG.randrange(len(ids)), RNG.choice(ids))
            elif edit == 2:
                ids.append(RNG.randrange(3 * n))
            elif ids:
                ids[RNG.randrange(len(ids))] = RNG.randrange(2 * n)
        text = " > ".join(f"[{i}]" for i in ids)
        if RNG.random() < 0.3 and text:
            at = RNG.randrange(len(text))
            text = text[:at] + RNG.choice(["", " ", "]", "[", "x", "\n", ">", "7", "\u0669", ","]) + text[at + RNG.randrange(2):]
        yield answer(recipe, n, text)


def texts():
    samples = [
        b"", b"plain words here", "漢字かな交じり文".encode() * 3, "e\u0301a\u0300o\u0302\u0323".encode(), "👨\u200d👩\u200d👧\u200d👦🏳\ufe0f\u200d🌈🇩🇪".encode(),
        "a\u3000b\u2003c\x1cd\x85e\u00a0f\u200bg\ufeffh\u2028i".encode(), b"\xff\xfea\xc3", b"\xf0\x9f\x98a\xed\xa0\x80b\xc0\x80",
        b"\xe2\x82", b"a\x00b\x00", b"  lead and trail  \n", b"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80",
    ]
    for _ in range(60):
        samples.append(bytes(RNG.choice([RNG.randrange(256), 0x20, 0xE3, 0x81, 0x82, 0xF0, 0x9F]) for _ in range(RNG.randrange(40))))
    for raw in samples:
        text = raw.decode(errors="replace")
        for count in (1, 2, 5, 300):
            yield {"hex": raw.hex(), "chars": count, "out": text[:count]}
            yield {"hex": raw.hex(), "words": count, "out": " ".join(text.split()[:count])}


def card_prompt(query, docs):
    lines = "\n".join(f"[{i}] {doc[:300]}" for i, doc in enumerate(docs))
    return (f"I will provide you with {len(docs)} passages, each indicated by a number identifier [].\n"
            f"Rank the passages based on their relevance to the search query: {query}.\n\n{lines}\n\n"
            f"Search Query: {query}.\nRank the passages above based on their relevance to the search query. "
            "Output the ranking as a list of numbers.")


def repo_prompt(query, docs, template):
    def turn(role, content):
        return {"role": role, "content": content}

    messages = [turn("system", "You are RankLLM, an assistant that ranks passages by relevance to the query."),
                turn("user", f"I will provide you with {len(docs)} passages, each indicated by number identifier [].\n"
                             f"Rank the passages based on their relevance to query: {query}."),
                turn("assistant", "Okay, please provide the passages.")]
    for i, doc in enumerate(docs, 1):
        text = " ".join(doc.replace("Title: Content: ", "").strip().split()[:300])
        messages += [turn("user", f"[{i}] {text}"), turn("assistant", f"Received passage [{i}].")]
    messages.append(turn("user", "\n".join([
        f"Search Query: {query}.",
        f"Rank the {len(docs)} passages above based on their relevance to the search query. "
        "The passages should be listed in descending order using identifiers.",
        "Please follow the steps below:",
        "Step 1. List the information requirements to answer the query.",
        "Step 2. For each requirement, find the passages containing that information.",
        "Step 3. Rank passages that best cover clear and diverse information. Include all passages.",
        "Output format strictly: [2] > [1] > [3] ... Only output the ranking using identifiers; no explanations."])))
    return render_jinja_template([messages], chat_template=template, add_generation_prompt=True,
                                 bos_token="<|begin_of_text|>")[0][0]


def prompts(template):
    edison = ["Lightning strike at Seoul National University", "Thomas Edison tried to invent a device for car but failed",
              "Coffee is good for diet", "KEPCO fixes light problems", "Thomas Edison invented the light bulb in 1879"]
    cases = [("When did Thomas Edison invent the light bulb?", edison), ("q", ["one", "two"]),
             ("{query} {num} [1]", ["{id} {passage}", "Title: Content: body", "  spaced \n out\ttext  "]),
             ("漢字 😀", ["😀" * 310, "word " * 310, "", "é" * 299 + "\u0301" + "tail"])]
    for query, docs in cases:
        yield {"recipe": "dear-card", "template": template, "query": query, "passages": docs, "prompt": card_prompt(query, docs)}
        yield {"recipe": "dear-repo", "template": template, "query": query, "passages": docs,
               "prompt": repo_prompt(query, docs, template)}


def write(path, cases):
    with open(path, "w", encoding="utf-8") as file:
        for case in cases:
            file.write(json.dumps(case, ensure_ascii=True) + "\n")


def main():
    folders, out = map(pathlib.Path, sys.argv[1:3])
    template = json.loads((folders / "llama3_1" / "tokenizer_config.json").read_text())["chat_template"]
    write(out / "texts.jsonl", texts())
    write(out / "answers.jsonl", answers())
    write(out / "prompts.jsonl", prompts(template))


if __name__ == "__main__":
    main()
