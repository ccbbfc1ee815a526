#!/usr/bin/env python3
"""Writes tests/golden/model: tiny seeded random models and adapters with what transformers and peft
answer for them in f32 on the CPU (eager attention, models loaded freshly from the saved files).

Every case of cases.json names a base folder, an optional adapter folder and the file with ids,
logits of all positions and 64 greedy tokens (or scores). Run from anywhere:

  python tools/make_model_goldens.py
"""
import json
import math
import pathlib
import shutil
import sys
import warnings

import bitsandbytes as bnb
import gguf
import numpy as np
import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from safetensors.torch import save_file
from transformers import (AutoModelForCausalLM, AutoModelForSequenceClassification, BitsAndBytesConfig,
                          GemmaConfig, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config)

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/model"
BASES, ADAPTERS, EXPECTED = OUT / "bases", OUT / "adapters", OUT / "expected"
VOCAB = 131
PROMPT, GREEDY = 40, 64
warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(1)
cases = []


def seed_of(name):
    return sum((i + 1) * ord(c) for i, c in enumerate(name)) % 100003


def randomise(model, name):
    """Weights of the size that trained models have relative to their inputs, so that nothing is near 0."""
    generator = torch.Generator().manual_seed(seed_of(name))
    for key, p in model.named_parameters():
        normal = torch.randn(p.shape, generator=generator)
        if "norm" in key:
            center = 0.0 if model.config.model_type == "gemma" else 1.0
            p.data = (center + 0.2 * normal).to(p.dtype)
        elif p.dim() == 1:
            p.data = (0.3 * normal).to(p.dtype)
        elif "embed_tokens" in key:
            p.data = (0.4 * normal).to(p.dtype)
        else:
            p.data = (1.2 * normal / math.sqrt(p.shape[1])).to(p.dtype)
    return model


def sizes(**changes):
    values = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                  num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
                  bos_token_id=1, eos_token_id=2, pad_token_id=0, tie_word_embeddings=False)
    values.update(changes)
    return values


def prompt_of(name, vocab=VOCAB, length=PROMPT):
    generator = torch.Generator().manual_seed(seed_of(name) + 1)
    return torch.randint(3, vocab, (1, length), generator=generator)


def greedy_of(model, ids):
    tokens = ids
    for _ in range(GREEDY):
        logits = model(input_ids=tokens, use_cache=False).logits[0, -1]
        tokens = torch.cat([tokens, logits.argmax().view(1, 1)], dim=1)
    return tokens[0, ids.shape[1]:]


def add_case(name, base, model, adapter=None, weights=None, double_quant=False, length=PROMPT, vocab=VOCAB,
             checkpoint_labels=None):
    """Runs `model` and writes its answers."""
    model = model.eval()
    with torch.no_grad():
        ids = prompt_of(name, vocab, length)
        inner = model.get_base_model() if isinstance(model, peft.PeftModel) else model
        tensors = {"ids": ids[0].to(torch.int32)}
        classifier = hasattr(inner, "score")
        if classifier:
            hidden = inner.model(input_ids=ids).last_hidden_state
            tensors["logits"] = inner.score(hidden)[0].float().contiguous()
        else:
            tensors["logits"] = model(input_ids=ids, use_cache=False).logits[0].float().contiguous()
            tensors["greedy"] = greedy_of(model, ids).to(torch.int32).contiguous()
    EXPECTED.mkdir(parents=True, exist_ok=True)
    save_file(tensors, EXPECTED / f"{name}.safetensors")
    case = {"name": name, "base": base, "expected": f"expected/{name}.safetensors"}
    if adapter:
        case["adapter"] = f"adapters/{adapter}"
    if weights:
        case["weights"] = weights
    if double_quant:
        case["double_quant"] = True
    if checkpoint_labels:
        case["classifier_labels"] = checkpoint_labels
    cases.append(case)
    scale = tensors["logits"].abs().max().item()
    print(f"{name:34s} largest logit {scale:8.3f}")


def load(name, classifier=False, **options):
    cls = AutoModelForSequenceClassification if classifier else AutoModelForCausalLM
    return cls.from_pretrained(BASES / name, dtype=torch.float32, attn_implementation="eager", **options)


def base(name, config, dtype=torch.float32, classifier=False, shard=None, length=PROMPT):
    """Saves a random model of `config` and its case."""
    cls = AutoModelForSequenceClassification if classifier else AutoModelForCausalLM
    model = randomise(cls.from_config(config), name).to(dtype)
    model.config.dtype = dtype
    options = {"max_shard_size": shard} if shard else {}
    model.save_pretrained(BASES / name, **options)
    add_case(name, f"bases/{name}", load(name, classifier), length=length, vocab=config.vocab_size)


def make_bases():
    base("llama", LlamaConfig(**sizes()))
    base("llama_tied", LlamaConfig(**sizes(tie_word_embeddings=True)))
    base("llama_biases", LlamaConfig(**sizes(attention_bias=True, mlp_bias=True)))
    base("llama_bf16", LlamaConfig(**sizes()), dtype=torch.bfloat16)
    base("llama_f16", LlamaConfig(**sizes()), dtype=torch.float16)
    base("llama_sharded", LlamaConfig(**sizes()), shard="40KB")
    base("llama_mha_odd", LlamaConfig(**sizes(hidden_size=36, num_attention_heads=6, num_key_value_heads=6,
                                              intermediate_size=50)))
    rope = dict(rope_theta=10000.0)
    base("llama3_rope", LlamaConfig(**sizes(head_dim=16, rope_parameters=dict(
        rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=64))), length=80)
    base("llama_linear_rope", LlamaConfig(**sizes(rope_parameters=dict(rope_type="linear", factor=4.0, **rope))))
    base("llama_yarn_rope", LlamaConfig(**sizes(head_dim=16, rope_parameters=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=64, **rope))), length=80)
    base("llama_yarn_mscale", LlamaConfig(**sizes(head_dim=16, rope_parameters=dict(
        rope_type="yarn", factor=8.0, original_max_position_embeddings=32, mscale=0.707, mscale_all_dim=1.2,
        beta_fast=16.0, beta_slow=2.0, truncate=False, **rope))))
    base("mistral_window", MistralConfig(**sizes(head_dim=12, sliding_window=16)), length=80)
    base("mistral_full", MistralConfig(**sizes(head_dim=12, sliding_window=None)))
    base("qwen2", Qwen2Config(**sizes(use_sliding_window=False)))
    base("qwen2_tied_window", Qwen2Config(**sizes(tie_word_embeddings=True, use_sliding_window=True,
                                                  sliding_window=12, max_window_layers=1)), length=60)
    base("qwen3", Qwen3Config(**sizes(head_dim=16)))
    base("qwen3_tied_bias", Qwen3Config(**sizes(head_dim=16, attention_bias=True, tie_word_embeddings=True)))
    base("gemma", GemmaConfig(**sizes(head_dim=16, num_key_value_heads=1, hidden_act="gelu_pytorch_tanh",
                                      hidden_activation="gelu_pytorch_tanh", tie_word_embeddings=True)))
    base("llama_gelu", LlamaConfig(**sizes(hidden_act="gelu")))
    for family, config in (("llama", LlamaConfig), ("qwen2", Qwen2Config), ("mistral", MistralConfig),
                           ("gemma", GemmaConfig), ("qwen3", Qwen3Config)):
        labels = 3 if family in ("llama", "qwen3") else 1
        own = {"head_dim": 16} if family in ("gemma", "qwen3") else {}
        base(f"{family}_classifier_{labels}", config(**sizes(num_labels=labels, **own)), classifier=True)
    base("llama_classifier_1", LlamaConfig(**sizes(num_labels=1)), classifier=True)


def fill_adapter(model, name):
    """Every trained number of an adapter random, B included."""
    generator = torch.Generator().manual_seed(seed_of(name) + 2)
    for key, p in model.named_parameters():
        normal = torch.randn(p.shape, generator=generator)
        if "lora_magnitude" in key:
            p.data = p.data * (1 + 0.2 * normal)
        elif "lora_B.bias" in key or ".lora_B." in key and p.dim() == 1:
            p.data = 0.3 * normal
        elif "lora_" in key:
            p.data = 0.25 * normal
        elif p.requires_grad:
            p.data = p.data + 0.2 * normal
    return model


def adapter(name, base_name, classifier=False, resize=None, binary=False, labels=None, save=None, quantised=None,
            **options):
    """Trains nothing: a random adapter of the given configuration, saved by peft and loaded again."""
    task = TaskType.SEQ_CLS if classifier else TaskType.CAUSAL_LM
    head = {"num_labels": labels} if labels else {}

    def fresh():
        model = load(base_name, classifier, **head)
        if resize:
            model.resize_token_embeddings(resize, mean_resizing=False)
            if resize > VOCAB:
                model.get_input_embeddings().weight.data[VOCAB:] = 0.1
        return model

    torch.manual_seed(seed_of(name))
    defaults = dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    defaults.update(options)
    model = get_peft_model(fresh(), LoraConfig(task_type=task, **defaults))
    fill_adapter(model, name)
    model.peft_config["default"].base_model_name_or_path = f"../../bases/{base_name}"
    model.save_pretrained(ADAPTERS / name, safe_serialization=not binary, **(save or {}))
    (ADAPTERS / name / "README.md").unlink(missing_ok=True)
    torch.manual_seed(0)
    loaded = PeftModel.from_pretrained(fresh(), ADAPTERS / name)
    add_case(name, f"bases/{base_name}", loaded, adapter=name, vocab=resize or VOCAB,
             checkpoint_labels=labels if classifier else None)


def make_adapters():
    every = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    adapter("lora_qv", "llama")
    adapter("lora_all_linear", "llama", target_modules="all-linear", r=3, lora_alpha=5)
    adapter("lora_regex", "llama", target_modules=r".*layers\.1\.(self_attn\.(q|o)|mlp\.up)_proj")
    adapter("lora_layers", "llama", target_modules=every, layers_to_transform=[1], r=2)
    adapter("lora_exclude", "llama", target_modules="all-linear", exclude_modules=["o_proj", "up_proj"], r=2)
    adapter("lora_rslora", "llama", use_rslora=True)
    adapter("lora_fan_in_fan_out", "llama", fan_in_fan_out=True)
    adapter("lora_patterns", "llama", target_modules=every, rank_pattern={"q_proj": 2, r"layers\.1\.mlp\.up_proj": 5},
            alpha_pattern={"down_proj": 3, r"^model\.layers\.0\.self_attn\.v_proj": 1})
    adapter("lora_dora", "llama", use_dora=True, target_modules=every)
    adapter("lora_dora_biases", "llama_biases", use_dora=True, target_modules=every, use_rslora=True)
    adapter("lora_bias", "llama", lora_bias=True, target_modules=every, r=2)
    adapter("lora_bias_all", "llama_biases", bias="all")
    adapter("lora_bias_lora_only", "llama_biases", bias="lora_only", target_modules=["k_proj", "down_proj"])
    adapter("lora_bin", "llama", binary=True, target_modules=every)
    adapter("lora_save_norms", "llama", modules_to_save=["norm", "input_layernorm"])
    adapter("lora_save_lm_head", "llama", modules_to_save=["lm_head"])
    adapter("lora_save_embed", "llama", modules_to_save=["embed_tokens"])
    adapter("lora_save_both", "llama", modules_to_save=["embed_tokens", "lm_head"])
    adapter("lora_save_projection", "llama_biases", modules_to_save=["o_proj"])
    adapter("lora_save_embed_tied", "llama_tied", modules_to_save=["embed_tokens"])
    adapter("lora_save_lm_head_tied", "llama_tied", modules_to_save=["lm_head"])
    adapter("lora_save_both_tied", "llama_tied", modules_to_save=["embed_tokens", "lm_head"])
    adapter("lora_embed", "llama", target_modules=["embed_tokens", "q_proj"])
    adapter("lora_embed_tied", "llama_tied", target_modules=["embed_tokens", "q_proj"])
    adapter("lora_embed_dora", "llama", target_modules=["embed_tokens", "q_proj"], use_dora=True)
    adapter("lora_embed_gemma", "gemma", target_modules=["embed_tokens", "q_proj"])
    adapter("lora_embed_dora_gemma", "gemma", target_modules=["embed_tokens", "o_proj"], use_dora=True)
    adapter("lora_lm_head", "llama", target_modules=["lm_head", "q_proj"])
    adapter("lora_lm_head_dora", "llama", target_modules=["lm_head", "q_proj"], use_dora=True)
    adapter("lora_lm_head_tied", "llama_tied", target_modules=["lm_head", "q_proj"])
    adapter("lora_both_tied", "llama_tied", target_modules=["lm_head", "embed_tokens"])
    # peft saves embeddings that no longer have the base's size; here it cannot look the base up.
    saving = {"save_embedding_layers": True}
    adapter("lora_resized", "llama", resize=VOCAB + 5, save=saving)
    adapter("lora_resized_tied", "llama_tied", resize=VOCAB + 5, save=saving)
    adapter("lora_resized_embed", "llama", resize=VOCAB + 3, target_modules=["embed_tokens", "lm_head"])
    adapter("lora_resized_saved", "llama_tied", resize=VOCAB + 3, modules_to_save=["embed_tokens", "lm_head"])
    adapter("lora_classifier", "llama", classifier=True, labels=1, target_modules=every)
    adapter("lora_classifier_3", "llama", classifier=True, labels=3)
    adapter("lora_classifier_own", "llama_classifier_1", classifier=True, labels=1)
    adapter("lora_mistral", "mistral_window", target_modules="all-linear", r=2)
    adapter("lora_qwen2", "qwen2", target_modules="all-linear", r=2)
    adapter("lora_qwen3", "qwen3", target_modules="all-linear", r=2)
    adapter("lora_gemma", "gemma", target_modules="all-linear", r=2)
    adapter("lora_sharded_dora", "llama_bf16", target_modules="all-linear", use_dora=True, r=2)


PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def dequantised_onto(model, kind, double_quant, dtype):
    """The f32 model with the values that bitsandbytes' 4-bit weights stand for."""
    for name, module in model.named_modules():
        if name.split(".")[-1] not in PROJECTIONS:
            continue
        packed, state = bnb.functional.quantize_4bit(module.weight.data.to(dtype), quant_type=kind,
                                                     compress_statistics=double_quant, blocksize=64)
        module.weight.data = bnb.functional.dequantize_4bit(packed, state).float()
    return model


def make_4bit():
    # Rows of whole blocks of 64: on a CPU bitsandbytes' dequantize_4bit is wrong for others.
    wide = dict(hidden_size=64, intermediate_size=64, vocab_size=67)
    base("llama_64_f32", LlamaConfig(**sizes(num_hidden_layers=1, **wide)))
    base("llama_64_bf16", LlamaConfig(**sizes(**wide)), dtype=torch.bfloat16)
    for base_name, dtype in (("llama_64_f32", torch.float32), ("llama_64_bf16", torch.bfloat16)):
        for kind in ("nf4", "fp4"):
            for double_quant in (False, True):
                name = f"{base_name}_{kind}{'_double' if double_quant else ''}_on_the_fly"
                add_case(name, f"bases/{base_name}", dequantised_onto(load(base_name), kind, double_quant, dtype),
                         weights=kind, double_quant=double_quant, vocab=67)
    for kind, double_quant in (("nf4", True), ("fp4", False)):
        name = f"llama_{kind}{'_double' if double_quant else ''}_prequantised"
        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=kind,
                                    bnb_4bit_use_double_quant=double_quant, bnb_4bit_compute_dtype=torch.float32)
        quantised = AutoModelForCausalLM.from_pretrained(BASES / "llama_64_bf16", quantization_config=config,
                                                         dtype=torch.bfloat16, device_map="cpu")
        quantised.save_pretrained(BASES / name)
        add_case(name, f"bases/{name}",
                 dequantised_onto(load("llama_64_bf16"), kind, double_quant, torch.bfloat16), vocab=67)
    for name, options in (("lora", {}), ("dora", {"use_dora": True})):
        name += "_beside_nf4"
        config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, lora_alpha=8, target_modules="all-linear", **options)
        torch.manual_seed(0)
        quantised = dequantised_onto(load("llama_64_bf16"), "nf4", True, torch.bfloat16)
        model = fill_adapter(get_peft_model(quantised, config), name)
        model.peft_config["default"].base_model_name_or_path = "../../bases/llama_64_bf16"
        model.save_pretrained(ADAPTERS / name)
        (ADAPTERS / name / "README.md").unlink(missing_ok=True)
        quantised = dequantised_onto(load("llama_64_bf16"), "nf4", True, torch.bfloat16)
        add_case(name, "bases/llama_64_bf16", PeftModel.from_pretrained(quantised, ADAPTERS / name), adapter=name,
                 weights="nf4", double_quant=True, vocab=67)
    int8 = load("llama")
    for name, module in int8.named_modules():
        if name.split(".")[-1] in PROJECTIONS:
            q, scale, _ = bnb.functional.int8_vectorwise_quant(module.weight.data.to(torch.float16))
            module.weight.data = bnb.functional.int8_vectorwise_dequant(q, scale).float()
    add_case("llama_int8_on_the_fly", "bases/llama", int8, weights="int8")


def permuted(weight, heads):
    """Rows of q and k as GGUF's llama architecture stores them."""
    rows, cols = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, cols).swapaxes(1, 2).reshape(rows, cols)


def restored(weight, heads):
    rows, cols = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def random_blocks(kind, shape, rng):
    """Random bytes of a block type, with scales of a useful size: gguf-py cannot quantise to these."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    rows, blocks = shape[0], shape[1] // block
    data = rng.integers(0, 256, size=(rows * blocks, size), dtype=np.uint8)
    half = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,),
            "IQ4_NL": (0,), "IQ4_XS": (0,)}[kind.name]
    width = {"Q2_K": 1.5, "Q3_K": 40, "Q4_K": 300, "Q5_K": 600, "Q6_K": 1200, "IQ4_NL": 80, "IQ4_XS": 900}[kind.name]
    for place in half:
        scale = (rng.uniform(0.5, 1.5, size=rows * blocks) / width / math.sqrt(shape[1]) * 3).astype(np.float16)
        data[:, place:place + 2] = scale.view(np.uint8).reshape(-1, 2)
    return data.reshape(rows, blocks * size)


def make_gguf(name, config, type_of, arch="llama", extra=None):
    cls = AutoModelForCausalLM
    torch.manual_seed(0)
    model = randomise(cls.from_config(config, attn_implementation="eager"), name)
    rng = np.random.default_rng(seed_of(name))
    BASES.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(BASES / f"{name}.gguf", arch)
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    if extra is not None:
        writer.add_tensor("rope_freqs.weight", extra)
    names = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output", "q_proj": "attn_q",
             "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "gate_proj": "ffn_gate",
             "up_proj": "ffn_up", "down_proj": "ffn_down", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm", "q_norm": "attn_q_norm", "k_norm": "attn_k_norm"}
    tied = config.tie_word_embeddings
    for key, p in model.named_parameters():
        parts = key.split(".")
        module, kind = parts[-2], parts[-1]
        to = names[module] + "." + kind
        if "layers" in parts:
            to = f"blk.{parts[parts.index('layers') + 1]}.{to}"
        values = p.data.numpy()
        turns = heads if module == "q_proj" else kv_heads if module == "k_proj" else 0
        turns = turns if arch == "llama" else 0
        if values.ndim == 1:
            if arch == "gemma" and "norm" in module:
                values = values + 1
            writer.add_tensor(to, permuted(values[:, None], turns)[:, 0] if turns else values)
            continue
        stored = permuted(values, turns) if turns else values
        quant = type_of(key)
        if quant.name in ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"):
            data = random_blocks(quant, stored.shape, rng)
        else:
            data = gguf.quants.quantize(np.ascontiguousarray(stored), quant)
        writer.add_tensor(to, data, raw_dtype=quant)
        plain = gguf.quants.dequantize(data, quant).reshape(stored.shape).astype(np.float32)
        p.data = torch.from_numpy(np.ascontiguousarray(restored(plain, turns) if turns else plain))
    if extra is not None:
        model.model.rotary_emb.inv_freq = model.model.rotary_emb.inv_freq / torch.from_numpy(extra)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert tied == (model.lm_head.weight is model.model.embed_tokens.weight)
    add_case(name, f"bases/{name}.gguf", model)


def make_ggufs():
    kinds = gguf.GGMLQuantizationType
    plain = [kinds.Q4_0, kinds.Q4_1, kinds.Q5_0, kinds.Q5_1, kinds.Q8_0, kinds.F16, kinds.BF16, kinds.F32]

    def rotating(choices):
        state = {"next": 0}

        def pick(_key):
            state["next"] += 1
            return choices[state["next"] % len(choices)]
        return pick

    llama = dict(sizes(), hidden_size=64, intermediate_size=64)
    make_gguf("gguf_llama_mixed", LlamaConfig(**llama), rotating(plain))
    make_gguf("gguf_llama_q8_0_tied", LlamaConfig(**dict(llama, hidden_size=32, tie_word_embeddings=True)),
              lambda key: kinds.Q8_0)
    wide = dict(sizes(), hidden_size=32, num_hidden_layers=4, num_attention_heads=16, num_key_value_heads=4,
                head_dim=16, intermediate_size=256, vocab_size=VOCAB)
    supers = [kinds.Q2_K, kinds.Q3_K, kinds.Q4_K, kinds.Q5_K, kinds.Q6_K, kinds.IQ4_XS, kinds.IQ4_NL, kinds.Q4_K]
    by_super = rotating(supers)
    make_gguf("gguf_llama_k", LlamaConfig(**wide),
              lambda key: by_super(key) if "o_proj" in key or "down_proj" in key else kinds.Q4_0)
    divisors = np.array([1.0, 1.0, 1.5, 4.0, 8.0, 8.0, 8.0, 8.0], dtype=np.float32)
    make_gguf("gguf_llama_rope_freqs", LlamaConfig(**sizes(head_dim=16)),
              lambda key: kinds.F16 if "down" in key else kinds.Q4_0, extra=divisors)
    make_gguf("gguf_qwen2", Qwen2Config(**sizes()), lambda key: kinds.Q5_1 if "proj" in key and "down" not in key else kinds.F16, arch="qwen2")
    make_gguf("gguf_qwen3", Qwen3Config(**sizes(head_dim=16)), lambda key: kinds.F32 if "down" in key else kinds.Q5_0, arch="qwen3")
    make_gguf("gguf_gemma", GemmaConfig(**sizes(head_dim=16, num_key_value_heads=1, tie_word_embeddings=True,
                                                hidden_activation="gelu_pytorch_tanh")),
              lambda key: kinds.BF16 if "down" in key else kinds.Q4_1, arch="gemma")


def main():
    for folder in (BASES, ADAPTERS, EXPECTED):
        shutil.rmtree(folder, ignore_errors=True)
    make_bases()
    make_adapters()
    make_4bit()
    make_ggufs()
    versions = {m.__name__: m.__version__ for m in (torch, transformers, peft, bnb)}
    text = json.dumps({"versions": versions, "cases": cases}).replace('{"name"', '\n{"name"')
    (OUT / "cases.json").write_text(text + "\n")
    for path in OUT.rglob("generation_config.json"):
        path.unlink()
    total = sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())
    print(len(cases), "cases", total, "bytes")


if __name__ == "__main__":
    sys.exit(main())
