"""What transformers makes of models' own chat templates: the text it renders, and the ids of the whole prompt.

Templates as they were published, and in the styles that fine-tunes use, each with the tokenizer of one of the
checkpoints beside this. Only texts without special tokens are asked: in transformers those become tokens.
"""

import copy
import json

from transformers import AutoProcessor

from common import HERE, TEXTS, open_rgb, setup, write_json
from make_interleave import JINJA as INTERLEAVE

QUESTIONS = ["Which animal is in the picture?", "", "  space around \n", "두 줄로\ndescribe it. 🙂", "{{ x }} {% y %} &<b>"]
assert all(q not in TEXTS or q == "" for q in QUESTIONS)

ASSISTANT = "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions."
LLAVA_HF = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}{# Render all "
    "images first #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{# Render all text next #}{% if message['role'] != 'assistant' %}{% for content in message['content'] | selectattr('type', "
    "'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}{% else %}{% for content in message['content'] | "
    "selectattr('type', 'equalto', 'text') %}{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
VICUNA = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] "
    "%}{% else %}{% set loop_messages = messages %}{% set system_message = '" + ASSISTANT.replace("'", "\\'") + "' %}{% endif %}"
    "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation "
    "roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 %}{{ system_message }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ ' USER: ' + message['content'].strip() }}{% elif message['role'] == 'assistant' %}"
    "{{ ' ASSISTANT: ' + message['content'].strip() + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ ' ASSISTANT:' }}{% endif %}"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] "
    "%}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}"
    "{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + "
    "'\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
ALPACA = (
    "Below is an instruction that describes a task, paired with a picture. Write a response.\n\n"
    "{% for message in messages %}\n{% if message.role == 'user' %}\n### Instruction:\n"
    "{% for part in message.content %}{% if part.type == 'image' %}<image>\n{% else %}{{ part.text | trim }}{% endif %}{% endfor %}\n\n"
    "{% elif message.role == 'assistant' %}\n### Response:\n{{ message.content[0].text }}\n\n{% endif %}\n{% endfor %}\n"
    "{% if add_generation_prompt %}\n### Response:\n{% endif %}\n"
)
SMOL = (
    "<s>{% for message in messages %}{{message['role'] | capitalize}}{% if message['content'][0]['type'] == 'image' %}{{':'}}"
    "{% else %}{{': '}}{% endif %}{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
PIXTRAL = (
    "{%- if messages[0][\"role\"] == \"system\" %}\n    {%- set system_message = messages[0][\"content\"] %}\n    {%- set loop_messages "
    "= messages[1:] %}\n{%- else %}\n    {%- set loop_messages = messages %}\n{%- endif %}\n\n{{- bos_token }}\n"
    "{%- for message in loop_messages %}\n    {%- if message[\"role\"] == \"user\" %}\n        {%- if loop.last and system_message is "
    "defined %}\n            {{- \"[INST]\" + system_message + \"\\n\\n\" }}\n        {%- else %}\n            {{- \"[INST]\" }}\n"
    "        {%- endif %}\n        {%- if message[\"content\"] is not string %}\n            {%- for chunk in message[\"content\"] %}\n"
    "                {%- if chunk[\"type\"] == \"text\" %}\n                    {{- chunk[\"text\"] }}\n                {%- elif "
    "chunk[\"type\"] == \"image\" %}\n                    {{- \"<image>\" }}\n                {%- else %}\n                    {{- "
    "raise_exception(\"Unrecognized content type!\") }}\n                {%- endif %}\n            {%- endfor %}\n        {%- else %}\n"
    "            {{- message[\"content\"] }}\n        {%- endif %}\n        {{- \"[/INST]\" }}\n    {%- elif message[\"role\"] == "
    "\"assistant\" %}\n        {{- message[\"content\"] + eos_token}}\n    {%- endif %}\n{%- endfor %}"
)
DATED = (
    "{%- if strftime_now is defined and false %}{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}"
    "{%- set date_string = '26 Jul 2024' %}{%- endif %}{{- bos_token }}{{- '### System:\\n' }}"
    "{{- 'Cutting Knowledge Date: December 2023\\n' }}{{- 'Today Date: ' + date_string + '\\n\\n' }}"
    "{%- macro part(c) %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}{% endmacro %}"
    "{%- for m in messages if m.role != 'system' %}{{- '### ' + m.role | title + ':\\n' }}"
    "{%- for c in m.content %}{{ part(c) }}{% endfor %}{{ '\\n\\n' }}{% endfor %}{{ '### Assistant:\\n' }}"
)
QWEN = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
    "<|im_end|>\n{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in "
    "content or 'image_url' in content %}{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}"
    "Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] "
    "== 'video' or 'video' in content %}{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}"
    "Video {{ video_count.value }}: {% endif %}<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content "
    "%}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}"
    "<|im_start|>assistant\n{% endif %}"
)
QWEN3 = (
    "{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n    {%- for tool in tools %}\n        {{- \"\\n\" }}\n        {{- tool | "
    "tojson }}\n    {%- endfor %}\n    {{- '<|im_end|>\\n' }}\n{%- else %}\n    {%- if messages[0].role == 'system' %}\n        {{- "
    "'<|im_start|>system\\n' }}\n        {%- if messages[0].content is string %}\n            {{- messages[0].content }}\n"
    "        {%- else %}\n            {%- for content in messages[0].content %}\n                {%- if 'text' in content %}\n"
    "                    {{- content.text }}\n                {%- endif %}\n            {%- endfor %}\n        {%- endif %}\n        "
    "{{- '<|im_end|>\\n' }}\n    {%- endif %}\n{%- endif %}\n{%- set image_count = namespace(value=0) %}\n{%- for message in messages "
    "%}\n    {%- if message.role == \"user\" %}\n        {{- '<|im_start|>' + message.role + '\\n' }}\n        {%- if "
    "message.content is string %}\n            {{- message.content }}\n        {%- else %}\n            {%- for content in "
    "message.content %}\n                {%- if content.type == 'image' or 'image' in content or 'image_url' in content %}\n"
    "                    {%- set image_count.value = image_count.value + 1 %}\n                    {%- if add_vision_id %}Picture "
    "{{ image_count.value }}: {% endif -%}\n                    <|vision_start|><|image_pad|><|vision_end|>\n                {%- "
    "elif 'text' in content %}\n                    {{- content.text }}\n                {%- endif %}\n            {%- endfor %}\n"
    "        {%- endif %}\n        {{- '<|im_end|>\\n' }}\n    {%- elif message.role == \"assistant\" %}\n        {{- "
    "'<|im_start|>' + message.role + '\\n' }}\n        {%- for item in message.content %}{{- item.text }}{%- endfor %}\n        "
    "{{- '<|im_end|>\\n' }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- "
    "'<|im_start|>assistant\\n' }}\n{%- endif %}\n"
)
CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou answer in one word.<|im_end|>\\n' }}{% endif %}"
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# Checkpoint, template, what a turn holds, the system's words, and the built-in template that is the same.
CASES = {
    "llava-hf": ("llava-mha", LLAVA_HF, "items", "", "llava-hf"),
    "llava-hf, old tokenizer": ("llava-gqa", LLAVA_HF, "items", "", "llava-hf"),
    "llava-hf that writes <s> itself": ("llava-mha", "{{ bos_token }}" + LLAVA_HF, "items", "", None),
    "vicuna of parts": (
        "llava-mha", ASSISTANT + " " + LLAVA_HF, "items", ASSISTANT, "vicuna-v1"),
    "vicuna": ("llava-mha", VICUNA, "text", ASSISTANT, None),
    "llama 2": ("llava-gqa", LLAMA2, "text", "", None),
    "llama 3": ("llava-mha", LLAMA3, "text", "", None),
    "alpaca": ("llava-gqa", ALPACA, "items",
               "Below is an instruction that describes a task, paired with a picture. Write a response.", None),
    "smolvlm": ("llava-mha", SMOL, "items", "", None),
    "pixtral": ("llava-gqa", PIXTRAL, "items", "", None),
    "a date of its own": ("llava-mha", DATED, "items", "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024", None),
    "human and assistant": (
        "llava-mha", "{% for m in messages %}### Human: {% for c in m['content'] %}{% if c['type']=='image' %}<image>\n{% endif %}"
        "{% endfor %}{% for c in m['content'] %}{% if c['type']=='text' %}{{ c['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
        "### Assistant:", "items", "", None),
    "the picture last": (
        "llava-gqa", "{% for m in messages %}{{ m.role }}: {% for c in m.content | reverse %}{{ c.text if c.type == 'text' else "
        "'<image>' }}{% endfor %}\n{% endfor %}assistant:", "items", "", None),
    "llava-interleave": ("interleave-full", INTERLEAVE, "items", "", "llava-interleave"),
    "qwen2.5-vl": ("qwen-square", QWEN, "items", "You are a helpful assistant.", "qwen2.5-vl"),
    "qwen with another system": (
        "qwen-square", QWEN.replace("a helpful assistant", "a careful radiologist"), "items",
        "You are a careful radiologist.", None),
    "qwen3-vl": ("qwen-square", QWEN3, "items", "", None),
    "chatml": ("qwen-wide", CHATML, "text", "You answer in one word.", None),
    "qwen that trims": ("qwen-square", QWEN.replace("content['text'] }}", "content['text'] | trim }}"), "items",
                        "You are a helpful assistant.", None),
}
MARKED = {"llava": ("", "<image>", "\n"), "qwen": ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>")}


def prompt(processor, form, family, question, picture):
    """The rendered text and its ids, the image token repeated as the processor does."""
    if form == "items":
        content = [{"type": "image", "image": picture}] if picture is not None else []
        content.append({"type": "text", "text": question})
    else:
        content = ("".join(MARKED[family]) if picture is not None else "") + question
    turns = [{"role": "user", "content": content}]
    text = processor.apply_chat_template(copy.deepcopy(turns), add_generation_prompt=True, tokenize=False)
    bos = processor.tokenizer.bos_token
    more = {"add_special_tokens": False} if bos is not None and text.startswith(bos) else {}
    ids = list(processor(text=text, images=picture, **more)["input_ids"][0])
    if form == "items":
        whole = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=True)
        whole = whole["input_ids"]
        assert ids == list(whole[0] if isinstance(whole[0], list) else whole), text
    return text, ids


def make():
    out = []
    for name, (checkpoint, template, form, system, same) in CASES.items():
        folder = HERE / checkpoint
        family = checkpoint.split("-")[0]
        processor = AutoProcessor.from_pretrained(folder, **({"backend": "pil"} if family in ("llava", "interleave") else {}))
        processor.chat_template = template
        picture = open_rgb(HERE / "images" / json.loads((folder / "golden.json").read_text())["picture"])
        prompts = []
        for question in QUESTIONS:
            for with_picture in (True, False):
                text, ids = prompt(processor, form, family, question, picture if with_picture else None)
                prompts.append({"question": question, "picture": with_picture, "text": text, "ids": ids})
        out.append({"name": name, "checkpoint": checkpoint, "template": template, "system": system, "same": same,
                    "prompts": prompts})
    (HERE / "chat").mkdir(exist_ok=True)
    write_json(HERE / "chat" / "cases.json", out)


if __name__ == "__main__":
    setup()
    make()
