//! What is wrong with the model that GGUF files hold, and with the two files together.

use super::{Localized, sentences};

sentences! {
    /// What is wrong with the model that GGUF files hold, and with the two files together.
    GgufModelFault {
        NoLanguageModel = "gguf_no_language_model":
            "there is an mmproj file but no language model beside it",
            "mmproj 파일은 있지만 언어 모델이 옆에 없습니다";
        SeveralFiles = "gguf_several_files":
            "there are several GGUF files; name one", "GGUF 파일이 여러 개입니다. 하나를 지정하세요";
        OnlyMmproj = "gguf_only_mmproj":
            "this is an mmproj; name the language model it belongs to as well: FILE.gguf,MMPROJ.gguf",
            "mmproj 파일입니다. 이 파일이 속한 언어 모델도 지정하세요: FILE.gguf,MMPROJ.gguf";
        NoMmproj = "gguf_no_mmproj":
            "the vision tower is missing; name the mmproj file that belongs to this language model as well: FILE.gguf,MMPROJ.gguf",
            "비전 타워가 없습니다. 이 언어 모델에 속한 mmproj 파일도 지정하세요: FILE.gguf,MMPROJ.gguf";
        SeveralMmproj { n: usize } = "gguf_several_mmproj":
            "there are {n} mmproj files beside it; name one: FILE.gguf,MMPROJ.gguf",
            "옆에 mmproj 파일이 {n}개 있습니다. 하나를 지정하세요: FILE.gguf,MMPROJ.gguf";
        Architecture { name: String, known: Localized } = "gguf_architecture":
            "general.architecture is '{name}', which is not supported; {known} are",
            "general.architecture '{name}'은(는) 지원되지 않습니다. 지원되는 것: {known}";
        Unsupported { found: String, known: Localized } = "gguf_unsupported":
            "is '{found}', which is not supported; {known} are",
            "'{found}'은(는) 지원되지 않습니다. 지원되는 것: {known}";
        UnsupportedButOne { found: String, known: String } = "gguf_unsupported_but_one":
            "is '{found}', which is not supported; {known} is",
            "'{found}'은(는) 지원되지 않습니다. 지원되는 것: {known}";
        SafetensorsOnly = "gguf_safetensors_only":
            "holds a model of which only safetensors are read",
            "safetensors로만 읽을 수 있는 모델이 들어 있습니다";
        NotClip = "gguf_not_clip":
            "is not 'clip': this is no mmproj file", "'clip'이 아닙니다. mmproj 파일이 아닙니다";
        NoVisionEncoder = "gguf_no_vision_encoder":
            "has no vision encoder", "비전 인코더가 없습니다";
        OtherFamily { arch: String, mmproj: String, wanted: Localized } = "gguf_other_family":
            "is a '{arch}' model, but {mmproj} belongs to a {wanted} one",
            "'{arch}' 모델인데 {mmproj}은(는) {wanted} 모델에 속합니다";
        NotTogether { rows: usize, text: String, hidden: usize } = "gguf_not_together":
            "gives {rows} values a token, {text} takes {hidden}: the two do not belong together",
            "토큰마다 값 {rows}개를 내는데 {text}은(는) {hidden}개를 받습니다. 두 파일은 서로 맞지 않습니다";
        OneOfSeveral = "gguf_one_of_several":
            "is one part of several; join them with llama.cpp's `llama-gguf-split --merge`",
            "여러 부분 중 하나입니다. llama.cpp의 `llama-gguf-split --merge`로 합치세요";

        Experts = "gguf_experts":
            "is set; mixtures of experts are not supported",
            "설정되어 있습니다. 전문가 혼합(MoE) 모델은 지원되지 않습니다";
        Heads { heads: usize, width: usize, kv_heads: usize } = "gguf_heads":
            "{heads} heads of {width} over {kv_heads} key heads do not fit",
            "너비 {width}인 헤드 {heads}개와 키 헤드 {kv_heads}개가 맞지 않습니다";
        TurnedInPart { turned: usize, width: usize } = "gguf_turned_in_part":
            "is {turned}; heads of {width} are turned as a whole or not at all",
            "{turned}입니다. 너비 {width}인 헤드는 전체를 회전하거나 전혀 회전하지 않습니다";
        ScalesPositions = "gguf_scales_positions":
            "scales rotary positions in an unsupported way",
            "지원되지 않는 방식으로 회전 위치를 스케일링합니다";
        NoTable = "gguf_no_table":
            "is missing or is no table", "없거나 표가 아닙니다";
        NoMatrix = "gguf_no_matrix":
            "is missing or is no matrix", "없거나 행렬이 아닙니다";
        MoreTokens { tokens: usize, rows: usize } = "gguf_more_tokens":
            "has {tokens} tokens, but token_embd.weight {rows} rows",
            "토큰이 {tokens}개인데 token_embd.weight의 행은 {rows}개입니다";
        Blocks { said: usize, there: usize } = "gguf_blocks":
            "is {said}, but the file has {there} blocks", "{said}인데 파일의 블록은 {there}개입니다";
        AxesDoNotFill { list: String, width: usize } = "gguf_axes_do_not_fill":
            "is {list}, which does not fill half a head of {width}",
            "{list}입니다. 너비 {width}인 헤드의 절반을 채우지 않습니다";

        Set { family: String } = "gguf_set":
            "is set, which {family} does not use", "설정되어 있지만 {family}은(는) 쓰지 않습니다";
        TowerSizes = "gguf_tower_sizes":
            "the vision tower's sizes do not fit together", "비전 타워의 크기들이 서로 맞지 않습니다";
        TowerPart { name: String, needed: Localized } = "gguf_tower_part":
            "the vision tower's {name} does not fit: it needs {needed}",
            "비전 타워의 {name}이(가) 맞지 않습니다. 필요한 값: {needed}";
        NotTogetherFor { what: Localized } = "gguf_not_together_for":
            "does not fit together: {what}", "서로 맞지 않습니다: {what}";
        NotWide { shape: String, width: usize } = "gguf_not_wide":
            "has shape {shape}, not {width} wide", "모양이 {shape}이고 너비가 {width}이(가) 아닙니다";
        AboveLargest = "gguf_above_largest":
            "is above the largest", "최댓값보다 큽니다";
        MoreThanOne = "gguf_more_than_one":
            "is more than 1", "1보다 큽니다";
        FromOneTo { found: usize, most: usize } = "gguf_from_one_to":
            "is {found}; from 1 to {most} are supported", "{found}입니다. 1부터 {most}까지 지원됩니다";
        AtMost { found: usize, most: u32 } = "gguf_at_most":
            "is {found}; at most {most} is supported", "{found}입니다. {most}까지 지원됩니다";
        MustBe { found: usize, needed: Localized } = "gguf_must_be":
            "is {found}; it must be {needed}", "{found}입니다. 필요한 값: {needed}";
        TwoFrames = "gguf_two_frames":
            "is not a patch of two frames", "두 프레임의 패치가 아닙니다";
        FeatureLayer { layer: String, there: usize } = "gguf_feature_layer":
            "is {layer}; the file has {there} blocks", "{layer}입니다. 파일의 블록은 {there}개입니다";
        SeveralLayers = "gguf_several_layers":
            "names several layers; one is supported", "여러 레이어를 지정합니다. 하나만 지원됩니다";
        Llava16 = "gguf_llava_1_6":
            "means LLaVA-1.6, which cuts pictures into tiles; LLaVA-1.5 is supported",
            "이미지를 타일로 나누는 LLaVA-1.6을 뜻합니다. LLaVA-1.5가 지원됩니다";
        OneVision = "gguf_onevision":
            "means LLaVA-OneVision, whose line-end features (image_newline) llama.cpp's files do not keep: take its safetensors, such as llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
            "LLaVA-OneVision을 뜻합니다. 이 모델의 줄 끝 특징(image_newline)은 llama.cpp 파일에 남지 않으니 llava-hf/llava-onevision-qwen2-0.5b-ov-hf 같은 safetensors를 쓰세요";
        ClassToken = "gguf_class_token":
            "is CLIP's class token; with Qwen2 a SigLIP tower is supported",
            "CLIP의 클래스 토큰입니다. Qwen2와는 SigLIP 타워가 지원됩니다";
        FollowsNoBlock { layers: usize } = "gguf_follows_no_block":
            "follows no block: there are {layers}", "뒤따르는 블록이 없습니다. 블록은 {layers}개입니다";
        OtherMergers { blocks: String } = "gguf_other_mergers":
            "is not of the blocks {blocks}, which the file has mergers of",
            "파일에 병합기가 있는 블록 {blocks}와(과) 다릅니다";
        MergerCount { said: String, mmproj: String, there: usize } = "gguf_merger_count":
            "is {said}, but {mmproj} has {there} such mergers",
            "{said}인데 {mmproj}에는 그런 병합기가 {there}개 있습니다";
    }
}
