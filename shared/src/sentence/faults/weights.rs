//! What is wrong with weights: safetensors files, and tensors of any files.

use super::{Localized, sentences};

sentences! {
    /// What is wrong with weights: safetensors files, and tensors of any files.
    WeightFault {
        OfTensor { name: String, what: Localized } = "weights_of_tensor":
            "tensor '{name}' {what}", "텐서 '{name}': {what}";
        OthersAreThere = "weights_others_are_there":
            "is missing; others like it are there", "없습니다. 같은 종류의 다른 텐서는 있습니다";
        Shape { found: String, wanted: String } = "weights_shape":
            "has shape {found}, the configuration asks for {wanted}",
            "모양이 {found}인데 설정은 {wanted}을(를) 요구합니다";
        Type { found: String } = "weights_type":
            "is of type {found}; f32, f16 or bf16 is needed",
            "자료형이 {found}입니다. f32, f16 또는 bf16이어야 합니다";
        NotFinite { at: usize } = "weights_not_finite":
            "holds a value that is not finite, at {at}", "{at}번째에 유한하지 않은 값이 있습니다";
        InBoth { name: String, one: String, other: String } = "weights_in_both":
            "tensor '{name}' is in both {one} and {other}",
            "텐서 '{name}'이(가) {one}와(과) {other}에 모두 있습니다";
        Layers { key: String, said: usize, of: Localized, there: usize } = "weights_layers":
            "'{key}' says {said} {of} layers, the weights have {there}",
            "'{key}'에 따르면 {of} 레이어가 {said}개인데 가중치에는 {there}개가 있습니다";
        OfDecoder = "weights_of_decoder": "decoder", "디코더";
        OfVision = "weights_of_vision": "vision", "비전";
        OfAudio = "weights_of_audio": "audio", "오디오";
        OfDeepstack = "weights_of_deepstack": "deepstack", "딥스택";

        NoFiles = "weights_no_files":
            "there is no safetensors file in this folder", "이 폴더에 safetensors 파일이 없습니다";
        SeveralFiles = "weights_several_files":
            "there are several safetensors files and no model.safetensors.index.json",
            "safetensors 파일이 여러 개인데 model.safetensors.index.json이 없습니다";
        NoWeightMap = "weights_no_map":
            "has no 'weight_map' that says which tensor is in which file",
            "어느 텐서가 어느 파일에 있는지 알려 주는 'weight_map'이 없습니다";
        NoFileFor { tensor: String } = "weights_no_file_for":
            "'weight_map' names no file for tensor '{tensor}'",
            "'weight_map'에 텐서 '{tensor}'의 파일이 없습니다";
        NoFileName { name: String } = "weights_no_file_name":
            "'{name}' is not a file name", "'{name}'은(는) 파일 이름이 아닙니다";
        NoShard { tensor: String } = "weights_no_shard":
            "there is no such file; tensor '{tensor}' is said to be in it",
            "그런 파일이 없습니다. 텐서 '{tensor}'이(가) 들어 있어야 할 파일입니다";

        TooShort = "safetensors_too_short":
            "is too short for a safetensors file", "safetensors 파일이라기에는 너무 짧습니다";
        NoHeader = "safetensors_no_header":
            "is not a safetensors file, or was cut off in its header",
            "safetensors 파일이 아니거나 헤더에서 잘렸습니다";
        HeaderTooLarge { mib: u64 } = "safetensors_header_too_large":
            "is not a safetensors file of a model: its header would take {mib} MiB",
            "모델의 safetensors 파일이 아닙니다. 헤더가 {mib} MiB를 차지한다고 합니다";
        Header { what: Localized } = "safetensors_header":
            "has a damaged header: {what}", "헤더가 손상되었습니다: {what}";
        HeaderNoJson { at: usize } = "safetensors_header_no_json":
            "it is no JSON object at byte {at}", "{at}번째 바이트에서 JSON 객체가 아닙니다";
        NotUsable { key: String, value: String } = "safetensors_not_usable":
            "has no usable '{key}': {value}", "'{key}'을(를) 쓸 수 없습니다: {value}";
        CannotTake { shape: String, dtype: String, bytes: usize } = "safetensors_cannot_take":
            "of shape {shape} and type {dtype} cannot take {bytes} bytes",
            "모양 {shape}, 자료형 {dtype}으로는 {bytes}바이트가 될 수 없습니다";
        Begins { at: u64, end: u64 } = "safetensors_begins":
            "begins at byte {at}, the one before it ends at {end}",
            "{at}번째 바이트에서 시작하는데 앞의 텐서는 {end}번째에서 끝납니다";
        CutOff { name: String, end: u64, size: u64 } = "safetensors_cut_off":
            "was cut off: tensor '{name}' ends at byte {end}, the file at {size}",
            "잘렸습니다. 텐서 '{name}'은(는) {end}번째 바이트에서 끝나야 하는데 파일이 {size}번째에서 끝납니다";
        More { end: u64, size: u64 } = "safetensors_more":
            "is damaged: its last tensor ends at byte {end}, the file at {size}",
            "손상되었습니다. 마지막 텐서는 {end}번째 바이트에서 끝나는데 파일은 {size}번째에서 끝납니다";
    }
}
