#!/usr/bin/env python3
"""Writes tests/golden/chat: conversations rendered by transformers' own chat template code.

One JSON a line: {"format", "template", "messages", "add_generation_prompt", "text"}, or "error" in
place of "text" where the template raises. The Jinja templates below are those of the models (facts
about them, needed to check the YAML descriptions in models/chat against).
Usage: make_chat_goldens.py TOKENIZER_FOLDERS SMOLLM2_GGUF OUT_FOLDER
"""
import json
import pathlib
import sys

import gguf
import jinja2
import transformers
from transformers.utils.chat_template_utils import render_jinja_template

LLAMA3_1 = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- This block extracts the system message, so we can slot it into the right place. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{#- System message + builtin tools #}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}

{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}")

MISTRAL = """{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('After the optional system message, conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- if message['role'] == 'user' %}
        {%- if loop.first and system_message is defined %}
            {{- ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}
        {%- else %}
            {{- ' [INST] ' + message['content'] + ' [/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + message['content'] + eos_token}}
    {%- else %}
        {{- raise_exception('Only user and assistant roles are supported, with the exception of an initial optional system message!') }}
    {%- endif %}
{%- endfor %}
"""

MISTRAL_V3 = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}

{#- This block checks for alternating user/assistant messages, skipping tool calling messages #}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, conversation roles must alternate user/assistant/user/assistant/...") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {{- "]" }}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, with the exception of an initial optional system message!") }}
    {%- endif %}
{%- endfor %}
"""

MISTRAL_LEGACY = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}")

ZEPHYR = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}")

# The models ship none; FastChat's vicuna_v1.1 conversation in Jinja.
VICUNA = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = \"A chat between a curious user and an artificial intelligence assistant. The assistant "
    "gives helpful, detailed, and polite answers to the user's questions.\" %}{% endif %}"
    "{{ bos_token + system_message + ' ' }}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ 'USER: ' + message['content'] + ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}")

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")

QWEN2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")

QWEN2_5 = """{%- if tools %}
    {{- '<|im_start|>system\\n# Tools' }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}")

EDISON = ["Lightning strike at Seoul National University", "Coffee is good for diet",
          "Thomas Edison invented the light bulb in 1879"]


def conversations():
    def talk(*turns):
        return [{"role": {"s": "system", "u": "user", "a": "assistant"}[role], "content": text} for role, text in turns]

    yield talk(("u", "Hello"))
    yield talk(("s", "You are RankLLM."), ("u", "Hello"))
    yield talk(("u", "  padded\n\n"), ("a", "\u3000 wide\t"), ("u", "\x1f odd \x85"))
    yield talk(("s", " padded system \n"), ("u", "\n a"), ("a", " b "), ("u", "c"))
    yield talk(("s", ""), ("u", ""))
    yield talk(("s", "only a system message"))
    yield talk(("u", "a"), ("a", "b"))
    yield talk(("s", "s"), ("u", "a"), ("a", "b"))
    yield talk(("u", "a"), ("u", "b"))
    yield talk(("a", "starts wrong"), ("u", "b"))
    yield talk(("s", "s"), ("a", "starts wrong"))
    yield talk(("u", "q1"), ("a", "<think>\nwhy\n</think>\n\nbecause"), ("u", "q2"))
    yield talk(("u", "q1"), ("a", "<think>\nwhy\n</think>\n\nbecause"))
    yield talk(("u", "q1"), ("a", "no tags"), ("a", "<think>\n\nx\n</think>y"), ("a", "z"))
    yield talk(("u", "q1"), ("a", "a</think>b</think>\n\nc"))
    yield talk(("u", "<tool_response>r</tool_response>"), ("a", "t</think>u"))
    yield talk(("u", "{{ not a template }} [INST] <|eot_id|> <s>"), ("a", "[/INST]"), ("u", "é 漢字 😀"))
    # The conversation of the recipe dear-repo.
    turns = [("s", "You are RankLLM, an assistant that ranks passages by relevance to the query."),
             ("u", "I will provide you with 3 passages, each indicated by number identifier [].\n"
                   "Rank the passages based on their relevance to query: light bulb."),
             ("a", "Okay, please provide the passages.")]
    for i, text in enumerate(EDISON, 1):
        turns += [("u", f"[{i}] {text}"), ("a", f"Received passage [{i}].")]
    turns.append(("u", "Search Query: light bulb.\nRank the 3 passages above."))
    yield talk(*turns)


def render(template, messages, generation_prompt, bos, eos):
    rendered, _ = render_jinja_template([messages], chat_template=template,
                                        add_generation_prompt=generation_prompt, bos_token=bos, eos_token=eos)
    return rendered[0]


def main():
    folders, smollm2, out = map(pathlib.Path, sys.argv[1:4])

    def own(name):
        return json.loads((folders / name / "tokenizer_config.json").read_text())["chat_template"]

    smollm2_template = gguf.GGUFReader(smollm2).fields["tokenizer.chat_template"].contents()
    formats = {
        "llama3": (own("llama3_1"), "<|begin_of_text|>", "<|eot_id|>"),
        "llama3_1": (LLAMA3_1, "<|begin_of_text|>", "<|eot_id|>"),
        "llama2": (LLAMA2, "<s>", "</s>"),
        "mistral": (MISTRAL, "<s>", "</s>"),
        "mistral_v3": (MISTRAL_V3, "<s>", "</s>"),
        "mistral_legacy": (MISTRAL_LEGACY, "<s>", "</s>"),
        "zephyr": (ZEPHYR, "<s>", "</s>"),
        "vicuna": (VICUNA, "<s>", "</s>"),
        "chatml": (CHATML, "<s>", "<|im_end|>"),
        "smollm2": (smollm2_template, "<|im_start|>", "<|im_end|>"),
        "qwen2": (QWEN2, None, "<|im_end|>"),
        "qwen2_5": (QWEN2_5, None, "<|im_end|>"),
        "qwen3": (own("qwen3"), None, "<|im_end|>"),
        "gemma": (GEMMA, "<bos>", "<eos>"),
        "gemma3": (own("gemma3"), "<bos>", "<eos>"),
    }
    with open(out / "templates.json", "w", encoding="utf-8") as file:
        json.dump({"made_with": {"transformers": transformers.__version__, "jinja2": jinja2.__version__},
                   "templates": {name: template for name, (template, _, _) in formats.items()}},
                  file, indent=1, ensure_ascii=True)
        file.write("\n")
    with open(out / "conversations.jsonl", "w", encoding="utf-8") as file:
        for name, (template, bos, eos) in formats.items():
            for messages in conversations():
                for generation_prompt in (False, True):
                    case = {"format": name, "messages": messages, "add_generation_prompt": generation_prompt}
                    try:
                        case["text"] = render(template, messages, generation_prompt, bos, eos)
                    except jinja2.exceptions.TemplateError as error:
                        case["error"] = str(error)
                    file.write(json.dumps(case, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
