//! What looks like a model and is something else.

use super::{Localized, sentences};

sentences! {
    /// What looks like a model that can be read and is something else, with what to take instead: the
    /// end of a sentence about its files.
    ModelVariant {
        Adapter = "variant_adapter":
            "it is an adapter (LoRA), not a whole model: merge it into the model it was made for (in Python, peft's merge_and_unload and save_pretrained) and take that folder",
            "온전한 모델이 아니라 어댑터(LoRA)입니다. 원래 모델에 병합해(Python에서 peft의 merge_and_unload와 save_pretrained) 그 폴더를 쓰세요";
        TakeWhole = "variant_take_whole":
            "take the model it was made from (weights in f32, f16 or bf16), which this lab quantizes itself (--quant q4k), or a GGUF file of it with its mmproj",
            "원래 모델(f32, f16 또는 bf16 가중치)을 쓰면 랩이 스스로 양자화합니다(--quant q4k). 또는 그 모델의 GGUF 파일과 mmproj를 쓰세요";
        Quantized { kind: String, instead: Localized } = "variant_quantized":
            "its weights are quantized with {kind}: {instead}",
            "가중치가 {kind}(으)로 양자화되어 있습니다. {instead}";
        QuantizedUnnamed { instead: Localized } = "variant_quantized_unnamed":
            "its weights are quantized with an unnamed method: {instead}",
            "가중치가 이름 없는 방법으로 양자화되어 있습니다. {instead}";
        QuantizedMlx { instead: Localized } = "variant_quantized_mlx":
            "its weights are quantized for MLX: {instead}",
            "가중치가 MLX용으로 양자화되어 있습니다. {instead}";
        QuantizedTensor { name: String, instead: Localized } = "variant_quantized_tensor":
            "holds weights that another library quantized (tensor '{name}'): {instead}",
            "다른 라이브러리가 양자화한 가중치가 있습니다(텐서 '{name}'). {instead}";
        OriginalLlava = "variant_original_llava":
            "it is in the original LLaVA's own layout (llava_llama, mm_projector.bin), which transformers does not read either: take its conversion, such as llava-hf/llava-1.5-7b-hf",
            "원래 LLaVA의 자체 형식(llava_llama, mm_projector.bin)이며 transformers도 읽지 않습니다. llava-hf/llava-1.5-7b-hf 같은 변환본을 쓰세요";
        OwnInternVl = "variant_own_internvl":
            "it is in InternVL's own layout (internvl_chat), which transformers reads with code of its own alone: take the conversion whose name ends in -hf, such as OpenGVLab/InternVL3-1B-hf",
            "InternVL의 자체 형식(internvl_chat)이며 transformers는 그 자체 코드로만 읽습니다. OpenGVLab/InternVL3-1B-hf처럼 이름이 -hf로 끝나는 변환본을 쓰세요";
        WeightsOnly { kind: Localized } = "variant_weights_only":
            "it has its weights as {kind} only; the lab reads safetensors: take a revision that has them, or save it anew with transformers' save_pretrained",
            "가중치가 {kind}(으)로만 있습니다. 랩은 safetensors를 읽으니 그것이 있는 리비전을 쓰거나 transformers의 save_pretrained로 다시 저장하세요";
        PyTorch = "variant_pytorch":
            "PyTorch .bin or .pt files", "PyTorch의 .bin이나 .pt 파일";
        Onnx = "variant_onnx":
            "ONNX", "ONNX 파일";
        Flax = "variant_flax":
            "files of Flax or TensorFlow", "Flax나 TensorFlow 파일";
        OtherFramework = "variant_other_framework":
            "files of another framework", "다른 프레임워크의 파일";
        NoTokenizerJson = "variant_no_tokenizer_json":
            "its tokenizer is there as tokenizer.model or vocab.json only: write its tokenizer.json (in Python, AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)), or take a revision that has one",
            "토크나이저가 tokenizer.model이나 vocab.json으로만 있습니다. tokenizer.json을 만들거나(Python에서 AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)) 그것이 있는 리비전을 쓰세요";
    }
}
