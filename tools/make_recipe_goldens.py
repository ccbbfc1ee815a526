#!/usr/bin/env python3
"""Writes tests/golden/recipes: what the projects behind the recipes make of queries and passages.

  rankllm/*.yaml   RankLLM's own templates, as PyPI's rank-llm carries them (Apache-2.0; see NOTICE)
  chats.json       chat templates by the names that prompts.jsonl uses
  prompts.jsonl    {"recipe" or "template", "chat", "context", "query", "passages", "prompt",
                   "tokens"}: RankLLM's prompt code, run with a tokenizer of one token a character
  answers.jsonl    {"template", "n", "text", "order", "repair"}: its parser and its counting
  clean.jsonl      {"text", "out"}: ftfy's fix_text
  qwen2/ qwen3/ gemma/ llama2/   tiny seeded models with byte-level (gemma, llama2: byte-fallback) BPE tokenizers;
                   qwen3_4k/ has qwen3's weights and four times its context, llama2_classifier/ llama2's tokenizer
                   and one label
  scores.json      for each recipe on a tiny model in f32: prompt ids and scores; for generated and
                   first-token recipes the prompt ids and the order. By the packages mxbai-rerank and
                   FlagEmbedding, by the code of the model cards (Qwen3-Reranker, RankLLaMA) and of
                   DeAR's repository, and by RankLLM's own, over transformers and peft.
REFERENCES holds the unpacked packages rank-llm, FlagEmbedding, mxbai-rerank and ftfy (x/ folders of
`pip download --no-deps`), side by side: rank_llm/ FlagEmbedding/ mxbai_rerank/ ftfy/.
Usage: make_recipe_goldens.py REFERENCES FLOWS_GOLDENS OUT_FOLDER
"""
import json
import math
import pathlib
import random
import shutil
import sys
import types

import peft
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

RNG = random.Random(20261124)
REFERENCES, FLOWS, OUT = map(pathlib.Path, sys.argv[1:4])
sys.path.insert(0, str(REFERENCES))

ZEPHYR = ("{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
          "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
          "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
          "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}")
# What models/chat/vicuna.yaml is recognised by; RankLLM's own template for RankVicuna, with the BOS
# that the tokenizer adds to it.
VICUNA = ("{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] + ' ' }}"
          "{% elif message['role'] == 'user' %}{{ 'USER: ' + message['content'] + ' ' }}{% elif message['role'] == 'assistant' %}"
          "{{ 'ASSISTANT: ' + message['content'] + '</s>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}"
          "{% endif %}{# A chat between a curious user #}")
EDISON = ["Lightning strike at Seoul National University", "Thomas Edison tried to invent a device for car but failed",
          "Coffee is good for diet", "KEPCO fixes light problems", "Thomas Edison invented the light bulb in 1879"]
CASES = [
    ("When did Thomas Edison invent the light bulb?", [("", text) for text in EDISON]),
    ("caf\u00e9 \u6f22\u5b57 \U0001f600 [3]?", [("", "\U0001f600" * 310), ("Title [1]", "light bulb, " * 360), ("", ""),
                                               ("\u6f22\u5b57", "e\u0301 tea \u201cquoted\u201d \ufb01ne"), ("", "Coffee [2] " * 20),
                                               ("", "Edison")]),
    ("q", [("", "a"), ("", "b")]),
]


def package(name):
    """A package whose __init__ is not run: it asks for more than the modules used here."""
    module = types.ModuleType(name)
    module.__path__ = [str(REFERENCES / name.replace(".", "/"))]
    sys.modules[name] = module
    return module


def import_references():
    for name in ("vllm", "vllm.outputs", "dacite", "toml", "batched", "batched.utils", "wcwidth"):
        sys.modules[name] = types.ModuleType(name)
        for attribute in ("RequestOutput", "LLM", "from_dict", "bucket_batch_iter", "wcswidth", "wcwidth"):
            setattr(sys.modules[name], attribute, object)
    for name in ("rank_llm", "rank_llm.rerank", "rank_llm.rerank.listwise", "rank_llm.analysis",
                 "FlagEmbedding", "FlagEmbedding.inference", "FlagEmbedding.inference.reranker",
                 "FlagEmbedding.inference.reranker.decoder_only", "FlagEmbedding.inference.reranker.encoder_only", "FlagEmbedding.abc",
                 "FlagEmbedding.abc.inference", "FlagEmbedding.utils"):
        package(name)
    from FlagEmbedding.abc.inference.AbsReranker import AbsReranker
    sys.modules["FlagEmbedding.abc.inference"].AbsReranker = AbsReranker
    encoder = types.ModuleType("FlagEmbedding.inference.reranker.encoder_only.base")
    encoder.sigmoid = lambda x: 1 / (1 + math.exp(-x))
    sys.modules[encoder.__name__] = encoder


import_references()
from FlagEmbedding.inference.reranker.decoder_only.base import BaseLLMReranker  # noqa: E402
from ftfy import fix_text  # noqa: E402
from mxbai_rerank.mxbai_rerank_v2 import MxbaiRerankV2  # noqa: E402
from rank_llm.analysis.response_analysis import ResponseAnalyzer  # noqa: E402
from rank_llm.data import Candidate, Query, Result  # noqa: E402
from rank_llm.rerank.listwise.rank_listwise_os_llm import RankListwiseOSLLM  # noqa: E402
from rank_llm.rerank.rankllm import RankLLM  # noqa: E402

import yaml  # noqa: E402

TEMPLATES = REFERENCES / "rank_llm/rerank/prompt_templates"


class CharacterTokenizer:
    """One token a code point and a BOS, as the tokenizer that the C++ tests use."""

    def __init__(self, template):
        self.template = template

    def apply_chat_template(self, messages, tokenize, add_generation_prompt, enable_thinking=True):
        return render_jinja_template([messages], chat_template=self.template, add_generation_prompt=add_generation_prompt,
                                     bos_token="<s>", eos_token="</s>", enable_thinking=enable_thinking)[0][0]

    def encode(self, text):
        return [1] + [ord(c) for c in text]


def rankllm(template, tokenizer, context=4096, thinking=False, window=20):
    """RankLLM's reranker around a template, without its model."""
    agent = object.__new__(RankListwiseOSLLM)
    data = yaml.safe_load((TEMPLATES / template).read_text())
    agent._inference_handler = RankLLM._create_handler(agent, data)
    agent._tokenizer = tokenizer
    agent._context_size = context
    agent._num_few_shot_examples, agent._examples = 0, []
    agent._is_thinking = thinking
    agent._use_alpha = "[A-Z]" in data["output_extraction_regex"]
    agent._window_size, agent._output_token_estimate = window, None
    return agent, data


def result_of(query, passages):
    docs = [{"title": title, "text": text} if title else {"text": text} for title, text in passages]
    return Result(query=Query(query, "q"), candidates=[Candidate(f"d{i}", 10.0 - i * 0.12345, doc) for i, doc in enumerate(docs)],
                  invocations_history=[])


LISTWISE = ["rank_zephyr_template.yaml", "rank_zephyr_alpha_template.yaml", "rank_gpt_template.yaml", "rank_gpt_apeer_template.yaml",
            "rank_lrl_template.yaml", "insert_rank_template.yaml", "qwen_thinking_template.yaml"]
SHIPPED = {"rank-zephyr": "rank_zephyr_template.yaml", "rank-vicuna": "rank_zephyr_template.yaml",
           "rank-alpha": "rank_zephyr_alpha_template.yaml", "rank-gpt": "rank_gpt_template.yaml",
           "qwen-thinking": "qwen_thinking_template.yaml"}


def first_prompt(query, passages, template):
    """As gangiswag/llm-reranker writes it: use_alpha, use_logits, variable_passages."""
    tokenizer = CharacterTokenizer(template)
    num = len(passages)
    context = (f"I will provide you with {num} passages, each indicated by a alphabetical identifier []. Rank the passages based on "
               f"their relevance to the search query: {query}.\n\n")
    for i, (title, text) in enumerate(passages):
        content = (title + " " + text if title else text).replace("Title: Content: ", "").strip()
        content = " ".join(content.split()[:300])
        context += f"[{chr(65 + i)}] {replace_number(content)}\n"
    context += (f"Search Query: {query}.\nRank the {num} passages above based on their relevance to the search query. All the passages "
                "should be included and listed using identifiers, in descending order of relevance. The output format should be [] > "
                "[], e.g., [B] > [A], Only respond with the ranking results, do not say any word or explain.")
    messages = [{"role": "system", "content": "You are RankLLM, an intelligent assistant that can rank passages based on their "
                                              "relevancy to the query"}, {"role": "user", "content": context}]
    return fix_text(tokenizer.apply_chat_template(messages, False, True)) + "["


def reason_prompt(query, passages, template):
    """As 8421BCD/ReasonRank writes it in its mode rank_GPT_reasoning."""
    tokenizer = CharacterTokenizer(template)
    query = replace_number(query).strip()
    num = len(passages)
    context = (f"I will provide you with {num} passages, each indicated by a numerical identifier []. Rank the passages based on their "
               f"relevance to the search query: {query}.\n\n")
    for i, (title, text) in enumerate(passages, 1):
        content = fix_text(("Title: " + title + " Content: " + text if title else text).strip())
        context += f"[{i}] {replace_number(content[:100])}\n"
    context += (f"Search Query: {query}.\nRank the {num} passages above based on their relevance to the search query. All the passages "
                "should be included and listed using identifiers, in descending order of relevance. The format of the answer should be "
                "[] > [], e.g., [2] > [1].")
    system = ("You are RankLLM, an intelligent assistant that can rank passages based on their relevance to the query. Given a query and "
              "a passage list, you first thinks about the reasoning process in the mind and then provides the answer (i.e., the reranked "
              "passage list). The reasoning process and answer are enclosed within <think> </think> and <answer> </answer> tags, "
              "respectively, i.e., <think> reasoning process here </think> <answer> answer here </answer>.")
    return fix_text(tokenizer.apply_chat_template([{"role": "system", "content": system}, {"role": "user", "content": context}], False,
                                                  True))


def replace_number(text):
    import re
    return re.sub(r"\[(\d+)\]", r"(\1)", text)


def prompts(qwen3_template):
    def case(key, name, template, query, passages, prompt, context=4096):
        chat = {ZEPHYR: "zephyr", VICUNA: "vicuna", qwen3_template: "qwen3"}[template]
        return {key: name, "chat": chat, "context": context, "query": query,
                "passages": [{"title": title, "text": text, "score": 10.0 - i * 0.12345} for i, (title, text) in enumerate(passages)],
                "prompt": prompt, "tokens": len(prompt) + 1}

    def templates(chat, context, query, passages):
        for template in LISTWISE:
            agent, _ = rankllm(template, CharacterTokenizer(chat), context)
            prompt, _ = agent.create_prompt(result_of(query, passages), 0, len(passages))
            yield case("template", template, chat, query, passages, prompt, context)

    yield from templates(qwen3_template, 8000, *CASES[0])
    for query, passages in CASES:
        yield from templates(ZEPHYR, 4096, query, passages)
        for recipe, template in SHIPPED.items():
            chat = VICUNA if recipe == "rank-vicuna" else qwen3_template if recipe == "qwen-thinking" else ZEPHYR
            agent, _ = rankllm(template, CharacterTokenizer(chat), 16384, recipe == "qwen-thinking")
            prompt, _ = agent.create_prompt(result_of(query, passages), 0, len(passages))
            yield case("recipe", recipe, chat, query, passages, prompt, 16384)
        yield case("recipe", "first", ZEPHYR, query, passages, first_prompt(query, passages, ZEPHYR), 16384)
        yield case("recipe", "reason-rank", qwen3_template, query, passages, reason_prompt(query, passages, qwen3_template), 16384)


def answers():
    texts = ["", "[2] > [1] > [3]", "[2] > [1]", "[1] > [1] > [2]", "[3]>[2]>[1]", "The best is [2].", "[4] > [1] > [2]", "3 1 2",
             "<think>[3] is good</think>[1] > [2] > [3]", "[1] > [2] > [3] > [1]", "[\u2461] > [\uff11]", "\u00b2 \u2460 \u277c", "[1] > [2] > [3]\n",
             "a</think>b</think>[3] > [1] > [2]", "[PASSAGE2, PASSAGE1, PASSAGE3]", "[rankstart] [2] > [1] > [3] [rankend]",
             "[B] > [A] > [C]", "[B] > [A]", "A B C", "[C]>[A]", "B", "[Z] > [A] > [B]", "[b] > [a]", "[99999999999999999999999] > [1]"]
    for template in LISTWISE:
        agent, data = rankllm(template, None)
        analyzer = ResponseAnalyzer([], use_alpha=agent._use_alpha)
        letters = agent._use_alpha
        for text in texts + [" > ".join(f"[{chr(64 + i) if letters else i}]" for i in RNG.sample(range(1, 8), RNG.choice([3, 6, 7])))
                             for _ in range(20)]:
            for n in (3, 7):
                result = result_of("q", [("", str(i)) for i in range(n)])
                agent.receive_permutation(result, text, 0, n)
                counts = dict.fromkeys(["ok", "wrong_format", "repetition", "missing_documents"], 0)
                analyzer._process_response(text, n, False, counts, data["output_validation_regex"], data["output_extraction_regex"],
                                           letters)
                repair = next(name for name, count in counts.items() if count).replace("missing_documents", "missing")
                yield {"template": template, "n": n, "text": text, "order": [int(c.docid[1:]) for c in result.candidates],
                       "repair": repair}


def clean():
    texts = ["plain", "\u201ccurly\u201d \u2018quotes\u2019 \u02bc", "\ufb01ne o\ufb03ce \u0133 \u01c4 \u0149", "\uff21\uff22\uff13\u3000\uff76\uff9e",
             "a\r\nb\rc\u2028d\u2029e", "x\x1b[31mred\x1b[0m y\x1b[", "nul\x00 bell\x07 tab\t feed\x0c del\x7f bom\ufeff",
             "e\u0301 a\u030a \u1100\u1161", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308", "\u6f22\u5b57 \u304b\u3099",
             "it\u00e2\u0080\u0099s \u00c3\u00bcber 5\u00c2\u00b0", "it\u00e2\u20ac\u2122s caf\u00c3\u00a9 \u6f22", "voil\u00c3 le travail",
             "5 \u00c2 m and \u00e2\u0080\u009cthis\u00e2\u0080\u009d", "\u00ce\u00b1-helix \u0434", "\u201eDas macht Spa\u00df\u201c und \u00c9T\u00c9\u2026\u00bb",
             "S\u00e3o Paulo \u2013 5 \u00c5 \u00a9 caf\u00e9\u2122", "\u00c3\u0083\u00c2\u00a9 twice", "two\n\u00e2\u0080\u0093lines\n\u00e9",
             "\u00ad\u200b\u2060", "100\u00b0 \u00bd \u00b2", "\u0661\u0662"]
    for text in texts:
        yield {"text": text, "out": fix_text(text)}


def make_tokenizer(kind, texts):
    if kind == "gemma":
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
        tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
        tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
        special = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{i:02X}>" for i in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=560, special_tokens=special, show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)
        state = json.loads(tokenizer.to_str())
        state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
        tokenizer = Tokenizer.from_str(json.dumps(state))
        tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", pair="<bos> $A <bos>:1 $B:1",
                                                                 special_tokens=[("<bos>", tokenizer.token_to_id("<bos>"))])
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>",
                                       unk_token="<unk>", padding_side="left")
    if kind.startswith("llama2"):
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                               decoders.Strip(" ", 1, 0)])
        # Trained word by word; a tokenizer of this family has no pre-tokenizer when it is used.
        tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
        special = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
        tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=560, special_tokens=special, show_progress=False))
        state = json.loads(tokenizer.to_str())
        state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
        state["pre_tokenizer"] = None
        tokenizer = Tokenizer.from_str(json.dumps(state))
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1",
                                                                 special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=480, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in ("<think>", "</think>")])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", padding_side="left")


def make_model(kind, texts, name=None, positions=1024):
    folder = OUT / (name or kind)
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = make_tokenizer(kind, texts)
    torch.manual_seed(20261124)
    sizes = dict(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, head_dim=8, max_position_embeddings=positions, tie_word_embeddings=True, initializer_range=0.25,
                 bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    config, model = {"qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
                     "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
                     "gemma": (transformers.GemmaConfig, transformers.GemmaForCausalLM),
                     "llama2": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
                     "llama2_classifier": (transformers.LlamaConfig, transformers.LlamaForSequenceClassification)}[kind]
    if kind == "llama2_classifier":
        sizes.update(num_labels=1, tie_word_embeddings=False)
    if kind == "qwen2":
        sizes["num_attention_heads"], sizes["num_key_value_heads"] = 2, 1
        del sizes["head_dim"]
    model(config(**sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    return folder


def load(folder, kind=AutoModelForCausalLM, **extra):
    return kind.from_pretrained(folder, dtype=torch.float32, **extra).eval()


def card_text(title, text):
    return f"{title} {text}" if title else text


def qwen3_scores(folder, query, passages, instruction):
    """The model card's code, with `max_length` as the tiny model allows."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = load(folder)
    max_length = 1024
    prefix = ("<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. Note "
              "that the answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n")
    suffix = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    head, tail = (tokenizer.encode(part, add_special_tokens=False) for part in (prefix, suffix))
    task = instruction or "Given a web search query, retrieve relevant passages that answer the query"
    texts = [f"<Instruct>: {task}\n<Query>: {query}\n<Document>: {card_text(*passage)}" for passage in passages]
    inputs = tokenizer(texts, padding=False, truncation="longest_first", return_attention_mask=False,
                       max_length=max_length - len(head) - len(tail))
    ids = [head + part + tail for part in inputs["input_ids"]]
    batch = tokenizer.pad({"input_ids": ids}, padding=True, return_tensors="pt")
    logits = model(**batch).logits[:, -1, :]
    pair = torch.stack([logits[:, tokenizer.convert_tokens_to_ids("no")], logits[:, tokenizer.convert_tokens_to_ids("yes")]], dim=1)
    return ids, torch.nn.functional.log_softmax(pair, dim=1)[:, 1].exp().tolist()


def with_prepare_for_model(tokenizer):
    """mxbai-rerank calls what transformers 5 no longer has on fast tokenizers."""
    def prepare(first, second, truncation, max_length, **_):
        assert truncation == "only_second"
        over = len(first) + len(second) - max_length
        return {"input_ids": first + (second[:len(second) - over] if over > 0 else second)}

    tokenizer.prepare_for_model = prepare
    return tokenizer


def unpadded(batch):
    return [row[mask.bool()].tolist() for row, mask in zip(batch["input_ids"], batch["attention_mask"])]


def mxbai_scores(folder, query, passages, instruction):
    reranker = MxbaiRerankV2(str(folder), device="cpu", torch_dtype=torch.float32)
    with_prepare_for_model(reranker.tokenizer)
    texts = [card_text(*passage) for passage in passages]
    batch = reranker.prepare_inputs([query] * len(texts), texts, instruction=instruction)
    return unpadded(batch), reranker.predict([query] * len(texts), texts, instruction=instruction).tolist()


def bge_scores(folder, query, passages, _):
    reranker = BaseLLMReranker(str(folder), devices=["cpu"])
    seen = []
    forward = reranker.model.forward

    def record(**kwargs):
        seen.append(unpadded(kwargs))
        return forward(**kwargs)

    reranker.model.forward = record
    # One at a time, so that the rows come in order.
    ids, scores = [], []
    for passage in passages:
        pair = [("A: " + query, "B: " + card_text(*passage))]
        scores += reranker.compute_score_single_gpu(pair)
        ids.append(seen[-1][0])
    return ids, scores


def classifier():
    base = load(FLOWS / "base", AutoModelForSequenceClassification, num_labels=1)
    return peft.PeftModel.from_pretrained(base, FLOWS / "classifier").eval()


def flows_tokenizer():
    return PreTrainedTokenizerFast.from_pretrained(FLOWS / "base")


def classifier_of(folder):
    """Of Llama 2's family in a folder; null: DeAR's flow, a LoRA adapter over a base of Llama 3's."""
    if folder is None:
        return flows_tokenizer(), classifier()
    return PreTrainedTokenizerFast.from_pretrained(folder), load(folder, AutoModelForSequenceClassification)


def rankllama_scores(folder, query, passages, __):
    tokenizer, model = classifier_of(folder)
    rows = [tokenizer(f"query: {query}", f"document: {card_text(*passage)}", truncation=True, max_length=512, return_tensors="pt")
            for passage in passages]
    return [row["input_ids"][0].tolist() for row in rows], [model(input_ids=row["input_ids"]).logits.item() for row in rows]


def rankllama_text_scores(folder, query, passages, __):
    """tevatron.reranker: format_pair, RerankerInferenceCollator with append_eos_token."""
    tokenizer, model = classifier_of(folder)
    ids = []
    for passage in passages:
        text = f"query:  {query} document:  {card_text(*passage)}"
        ids.append(tokenizer(text, truncation=True, max_length=511)["input_ids"] + [tokenizer.eos_token_id])
    return ids, [model(input_ids=torch.tensor([row])).logits.item() for row in ids]


def dear_repo_scores(_, query, passages, __):
    """pointwise_reranker/ of DeAR's repository: its data.py, and modeling.py's pad_token_id = 0."""
    tokenizer, model = flows_tokenizer(), classifier()
    tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = model.base_model.model.config.pad_token_id = 0
    ids = []
    for title, text in passages:
        q = tokenizer.encode(f"query: {query}", add_special_tokens=False, max_length=32, truncation=True)
        d = tokenizer.encode(f"document: {title} {text}", add_special_tokens=False, max_length=193, truncation=True)
        ids.append([tokenizer.bos_token_id] + q + [tokenizer.bos_token_id] + d)
    batch = tokenizer.pad({"input_ids": ids}, padding="max_length", max_length=228, return_tensors="pt")
    assert batch["input_ids"].shape[1] == 228 and (batch["input_ids"][:, -1] == tokenizer.eos_token_id).all()
    return ids, model(**batch).logits[:, 0].tolist()


def yes_no_scores(folder, query, passages, _):
    tokenizer, model = PreTrainedTokenizerFast.from_pretrained(folder), load(folder)
    ids, scores = [], []
    before = tokenizer("\nAnswer:", add_special_tokens=False)["input_ids"]
    tokens = [tokenizer(f"\nAnswer: {word}", add_special_tokens=False)["input_ids"][len(before)] for word in ("Yes", "No")]
    assert tokens[0] != tokens[1]
    for passage in passages:
        text = " ".join(card_text(*passage).split()[:300])
        ids.append(tokenizer(f"Passage: {text}\nQuery: {query}\nDoes the passage answer the query?\nAnswer:")["input_ids"])
        logits = model(torch.tensor([ids[-1]])).logits[0, -1, tokens]
        scores.append(torch.softmax(logits, 0)[0].item())
    return ids, scores


def training_texts():
    return EDISON * 3 + [text for _, passages in CASES for _, text in passages] + ["yes no Yes No 0 1 " * 20] + \
        ["Judge whether the Document meets the requirements based on the Query and the Instruct provided.", "document: query: A: B: "]


def scored():
    qwen2, qwen3, gemma = (make_model(kind, training_texts()) for kind in ("qwen2", "qwen3", "gemma"))
    llama2 = make_model("llama2_classifier", training_texts())
    for recipe, folder, function in [
        ("qwen3-reranker", qwen3, qwen3_scores), ("mxbai-v2", qwen2, mxbai_scores), ("bge-gemma", gemma, bge_scores),
        ("rankllama", None, rankllama_scores), ("rankllama-text", None, rankllama_text_scores),
        ("rankllama", llama2, rankllama_scores), ("rankllama-text", llama2, rankllama_text_scores),
        ("dear-pointwise-repo", None, dear_repo_scores), ("yes-no", qwen3, yes_no_scores)]:
        for query, passages in CASES:
            for instruction in (None, "Find the inventor") if recipe in ("qwen3-reranker", "mxbai-v2") else (None,):
                ids, scores = function(folder, query, passages, instruction)
                yield {"recipe": recipe, "model": folder.name if folder else None, "query": query, "instruction": instruction or "",
                       "passages": [{"title": title, "text": text} for title, text in passages], "ids": ids, "scores": scores}


def in_other_chats(qwen3_template):
    """The recipes that need a chat of their own, a dozen tokens of each: RankLLM's prompt and parser, and ReasonRank's
    prompt (its parser is in no package)."""
    vicuna, qwen3 = (PreTrainedTokenizerFast.from_pretrained(make_model(kind, training_texts(), name, 4096))
                     for kind, name in (("llama2", "llama2"), ("qwen3", "qwen3_4k")))
    vicuna.chat_template, qwen3.chat_template = VICUNA, qwen3_template
    models = {f"recipes/{name}": load(OUT / name) for name in ("llama2", "qwen3_4k")}
    new = 12
    for query, passages in CASES[:1] + CASES[2:]:
        for recipe, model, chat, tokenizer in [("rank-vicuna", "recipes/llama2", "vicuna", vicuna),
                                               ("qwen-thinking", "recipes/qwen3_4k", "qwen3", qwen3),
                                               ("reason-rank", "recipes/qwen3_4k", "qwen3", qwen3)]:
            result = result_of(query, passages)
            if recipe == "reason-rank":
                prompt = reason_prompt(query, passages, tokenizer.chat_template)
            else:
                agent, _ = rankllm(SHIPPED[recipe], tokenizer, 4096, recipe == "qwen-thinking")
                prompt, _ = agent.create_prompt(result, 0, len(passages))
            ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
            written = models[model].generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False,
                                             pad_token_id=tokenizer.eos_token_id)[0, ids.shape[1]:]
            case = {"recipe": recipe, "model": model, "chat": chat, "max_new_tokens": new, "query": query,
                    "passages": [text for _, text in passages], "ids": ids[0].tolist(), "output_ids": written.tolist()}
            if recipe != "reason-rank":
                agent.receive_permutation(result, tokenizer.decode(written, skip_special_tokens=True), 0, len(passages))
                case["order"] = [int(c.docid[1:]) for c in result.candidates]
            yield case


def listwise():
    """RankLLM's prompt, parser and logit evaluation around transformers on the tiny Llama."""
    tokenizer = flows_tokenizer()
    model = load(FLOWS / "base")
    for query, passages in CASES[:1] + CASES[2:]:
        for recipe, template in [("rank-zephyr", "rank_zephyr_template.yaml"), ("rank-alpha", "rank_zephyr_alpha_template.yaml"),
                                 ("rank-gpt", "rank_gpt_template.yaml")]:
            agent, _ = rankllm(template, tokenizer)
            result = result_of(query, passages)
            prompt, _ = agent.create_prompt(result, 0, len(passages))
            ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
            new = agent.num_output_tokens(len(passages))
            written = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False,
                                     pad_token_id=tokenizer.eos_token_id)[0, ids.shape[1]:]
            agent.receive_permutation(result, tokenizer.decode(written, skip_special_tokens=True), 0, len(passages))
            yield {"recipe": recipe, "query": query, "passages": [text for _, text in passages], "ids": ids[0].tolist(),
                   "output_ids": written.tolist(), "order": [int(c.docid[1:]) for c in result.candidates]}
        agent, _ = rankllm("rank_zephyr_alpha_template.yaml", tokenizer)
        prompt = first_prompt(query, passages, tokenizer.chat_template).replace("<s>", tokenizer.bos_token)
        ids = tokenizer(prompt)["input_ids"]
        logits = model(torch.tensor([ids])).logits[0, -1]
        letters = {i: types.SimpleNamespace(decoded_token=tokenizer.decode([i]), logprob=logits[i].item()) for i in range(len(logits))}
        agent._window_size = len(passages)
        ranking, _ = agent._evaluate_logits(letters, (1, 9))
        yield {"recipe": "first", "query": query, "passages": [text for _, text in passages], "ids": ids, "output_ids": [],
               "order": [ord(part[1]) - 65 for part in ranking.split(">")],
               "logits": [logits[tokenizer.convert_tokens_to_ids(chr(65 + i))].item() for i in range(len(passages))]}


def write(name, cases):
    with open(OUT / name, "w", encoding="utf-8") as file:
        for case in cases:
            file.write(json.dumps(case, ensure_ascii=False) + "\n")


def main():
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "rankllm").mkdir(exist_ok=True)
    for template in sorted(TEMPLATES.glob("*.yaml")):
        shutil.copy(template, OUT / "rankllm" / template.name)
    with torch.no_grad():
        qwen3 = json.loads((OUT.parent / "chat" / "templates.json").read_text())["templates"]["qwen3"]
        (OUT / "chats.json").write_text(json.dumps({"zephyr": ZEPHYR, "vicuna": VICUNA, "qwen3": qwen3}) + "\n")
        write("prompts.jsonl", prompts(qwen3))
        write("answers.jsonl", answers())
        write("clean.jsonl", clean())
        cases = {"made_with": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
                               "rank-llm": "0.25.7", "FlagEmbedding": "1.4.2", "mxbai-rerank": "0.1.6", "ftfy": "6.3.1"},
                 "scored": list(scored()), "listwise": list(listwise()) + list(in_other_chats(qwen3))}
    (OUT / "scores.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
