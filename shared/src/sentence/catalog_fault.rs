//! Why a model is not to be had.

use super::{Message, sentences};

sentences! {
    /// Why a model is not to be had, by what a person calls it.
    CatalogFault {
        Unknown { name: String, known: Message } = "catalog_unknown":
            "there is no model named \"{name}\"; there is: {known}",
            "\"{name}\"(이)라는 모델이 없습니다. 있는 것: {known}";
        NoNames = "catalog_no_names": "none", "없음";
        NotPulled { name: String } = "catalog_not_pulled":
            "{name} is not on this machine yet; get it with `langoverrule models pull {name}`",
            "{name}이(가) 아직 이 컴퓨터에 없습니다. `langoverrule models pull {name}`로 받으세요";
        NotPulledOfSize { name: String, size: String } = "catalog_not_pulled_of_size":
            "{name} is not on this machine yet ({size} to fetch); get it with `langoverrule models pull {name}`",
            "{name}이(가) 아직 이 컴퓨터에 없습니다({size} 받아야 함). `langoverrule models pull {name}`로 받으세요";
        NotInPlace { name: String, what: Message } = "catalog_not_in_place":
            "{name} is not where models.toml says it lies: {what}; mend its source there, or put a folder in Hugging Face layout or llama.cpp's files in that place",
            "{name}이(가) models.toml에 적힌 곳에 없습니다: {what}. 그 파일의 source를 고치거나 Hugging Face 형식의 폴더나 llama.cpp의 파일을 그곳에 두세요";
        Registry { why: String } = "catalog_registry":
            "{why}", "레지스트리를 읽을 수 없습니다: {why}";
        NoFolder { folder: String, cause: String } = "catalog_no_folder":
            "there is no folder of models {folder}: {cause}", "모델 폴더 {folder}이(가) 없습니다: {cause}";
        NotAModel { name: String } = "catalog_not_a_model":
            "{name} is not a model folder: it has no config.json",
            "{name}은(는) 모델 폴더가 아닙니다. config.json이 없습니다";
        Nowhere { path: String } = "catalog_nowhere":
            "there is no folder or file {path}", "폴더나 파일 {path}이(가) 없습니다";
        NoModelIn { folder: String } = "catalog_no_model_in":
            "there is no model in {folder}: it has no config.json",
            "{folder}에 모델이 없습니다. config.json이 없습니다";
        NotAModelFile { path: String } = "catalog_not_a_model_file":
            "{path} is no model: name a folder with a config.json, or llama.cpp's .gguf files",
            "{path}은(는) 모델이 아닙니다. config.json이 있는 폴더나 llama.cpp의 .gguf 파일을 지정하세요";
        Files { what: Message } = "catalog_files":
            "model_unusable: {what}", "모델 파일을 쓸 수 없습니다: {what}";
    }
}
