//! What is wrong with a GGUF file as such: its header, its keys and where its tensors lie.

use super::{Localized, sentences};

sentences! {
    /// What is wrong with a GGUF file as such: its header, its keys and where its tensors lie.
    GgufFault {
        OfKey { key: String, what: Localized } = "gguf_of_key":
            "'{key}' {what}", "'{key}': {what}";
        TooShort = "gguf_too_short":
            "is too short for a GGUF file", "GGUF 파일이라기에는 너무 짧습니다";
        NoGguf = "gguf_no_gguf":
            "is not a GGUF file", "GGUF 파일이 아닙니다";
        BigEndian = "gguf_big_endian":
            "was written for big-endian machines", "빅 엔디언 기계용으로 쓰인 파일입니다";
        Version { version: u32 } = "gguf_version":
            "is GGUF version {version}; versions 2 and 3 can be read",
            "GGUF 버전 {version}입니다. 버전 2와 3을 읽을 수 있습니다";
        HeaderCut = "gguf_header_cut":
            "is damaged or was cut off: its header ends after the file",
            "손상되었거나 잘렸습니다. 헤더가 파일보다 뒤에서 끝납니다";
        HeaderTooLarge { mib: u64 } = "gguf_header_too_large":
            "has a header of more than {mib} MiB", "헤더가 {mib} MiB를 넘습니다";
        NameTooLong { what: Localized, bytes: u64 } = "gguf_name_too_long":
            "is damaged: {what} has {bytes} bytes", "손상되었습니다. {what}이(가) {bytes}바이트입니다";
        NameNoText { what: Localized } = "gguf_name_no_text":
            "is damaged: {what} is no text", "손상되었습니다. {what}이(가) 텍스트가 아닙니다";
        AKey = "gguf_a_key": "a key", "키";
        ATensorsName = "gguf_a_tensors_name": "a tensor's name", "텐서의 이름";
        TooManyTensors { n: u64 } = "gguf_too_many_tensors":
            "is damaged: it claims to have {n} tensors", "손상되었습니다. 텐서가 {n}개라고 합니다";
        TooManyKeys { n: u64 } = "gguf_too_many_keys":
            "is damaged: it claims to have {n} keys", "손상되었습니다. 키가 {n}개라고 합니다";
        KeyTwice { key: String } = "gguf_key_twice":
            "has the key '{key}' twice", "키 '{key}'이(가) 두 번 있습니다";
        TensorTwice { name: String } = "gguf_tensor_twice":
            "has the tensor '{name}' twice", "텐서 '{name}'이(가) 두 번 있습니다";
        UnknownType { key: String, kind: u32 } = "gguf_unknown_type":
            "is damaged: '{key}' is of the unknown type {kind}",
            "손상되었습니다. '{key}'의 자료형 {kind}은(는) 알 수 없는 것입니다";
        UnknownList { key: String, kind: u32 } = "gguf_unknown_list":
            "is damaged: '{key}' is a list of the unknown type {kind}",
            "손상되었습니다. '{key}' 목록의 자료형 {kind}은(는) 알 수 없는 것입니다";
        TooManyElements { key: String, n: u64 } = "gguf_too_many_elements":
            "is damaged: '{key}' has {n} elements", "손상되었습니다. '{key}'의 원소가 {n}개입니다";
        NoPowerOfTwo = "gguf_no_power_of_two":
            "is no power of two", "2의 거듭제곱이 아닙니다";

        Dimensions { n: u32 } = "gguf_dimensions":
            "has {n} dimensions", "{n}차원입니다";
        Dimension { size: u64 } = "gguf_dimension":
            "has a dimension of {size}", "크기가 {size}인 차원이 있습니다";
        Rows { row: usize, kind: String, size: usize } = "gguf_rows":
            "has rows of {row} values; {kind} needs a multiple of {size}",
            "행의 값이 {row}개입니다. {kind}에는 {size}의 배수가 필요합니다";
        TooLarge = "gguf_tensor_too_large":
            "is too large", "너무 큽니다";
        NotAligned { to: u64 } = "gguf_not_aligned":
            "does not begin at a multiple of {to}", "{to}의 배수인 위치에서 시작하지 않습니다";
        Beyond { size: u64 } = "gguf_beyond":
            "reaches beyond the file's end at byte {size}", "파일의 끝({size}번째 바이트)을 넘어갑니다";
        ForeignType { kind: String, known: String } = "gguf_foreign_type":
            "is of {kind}, which cannot be read; {known} can",
            "자료형 {kind}은(는) 읽을 수 없습니다. 읽을 수 있는 것: {known}";
        ForeignNumber { number: u32, known: String } = "gguf_foreign_number":
            "is of type {number}, which cannot be read; {known} can",
            "{number}번 자료형은 읽을 수 없습니다. 읽을 수 있는 것: {known}";

        NoSize = "gguf_no_size":
            "is not a usable size", "쓸 수 있는 크기가 아닙니다";
        NoNumber = "gguf_no_number":
            "is not a number", "수가 아닙니다";
        NotThreeNumbers = "gguf_not_three_numbers":
            "is not three numbers", "수 세 개가 아닙니다";
        OutOfRange = "gguf_out_of_range":
            "is out of range", "범위를 벗어났습니다";
    }
}
