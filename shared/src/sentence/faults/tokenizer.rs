//! What is wrong with a tokenizer.

use super::{Localized, sentences};

sentences! {
    /// What is wrong with a tokenizer, in `tokenizer.json` or in a GGUF file's metadata.
    TokenizerFault {
        OfGguf { what: Localized } = "tokenizer_of_gguf":
            "tokenizer: {what}", "토크나이저: {what}";
        NoObject = "tokenizer_no_object":
            "does not hold a tokenizer: it is no JSON object",
            "토크나이저가 들어 있지 않습니다. JSON 객체가 아닙니다";
        NoModel = "tokenizer_no_model":
            "has no 'model': it holds no tokenizer", "'model'이 없습니다. 토크나이저가 들어 있지 않습니다";
        Version { version: String } = "tokenizer_version":
            "is of version {version}; 1.0 is needed", "버전이 {version}입니다. 1.0이 필요합니다";
        Part { part: String } = "tokenizer_part":
            "'{part}' cannot be used", "'{part}'을(를) 쓸 수 없습니다";
        PartOfType { part: String, kind: String } = "tokenizer_part_of_type":
            "'{part}' of type '{kind}' cannot be used", "종류가 '{kind}'인 '{part}'을(를) 쓸 수 없습니다";
        PartsDoNotFit = "tokenizer_parts_do_not_fit":
            "cannot be used: its parts do not fit each other", "쓸 수 없습니다. 부분들이 서로 맞지 않습니다";
        PutsIn { token: String } = "tokenizer_puts_in":
            "'post_processor' puts in '{token}', which its 'special_tokens' do not have",
            "'post_processor'가 넣는 '{token}'이(가) 'special_tokens'에 없습니다";
        CannotBegin { words: String } = "tokenizer_cannot_begin":
            "cannot begin a prompt: {words}", "프롬프트를 시작할 수 없습니다: {words}";
        CannotTokenize { words: String } = "tokenizer_cannot_tokenize":
            "cannot tokenize text: {words}", "글을 토큰으로 나눌 수 없습니다: {words}";
        Prompt { words: String } = "tokenizer_prompt":
            "the prompt cannot be tokenized: {words}", "프롬프트를 토큰으로 나눌 수 없습니다: {words}";
        Template { words: String } = "tokenizer_template":
            "the template cannot be tokenized: {words}", "템플릿을 토큰으로 나눌 수 없습니다: {words}";

        OtherModels { token: String, id: u32, vocab: usize } = "tokenizer_other_models":
            "token '{token}' has the id {id}, the model only has {vocab}: this is another model's tokenizer",
            "토큰 '{token}'의 번호가 {id}인데 모델의 토큰은 {vocab}개뿐입니다. 다른 모델의 토크나이저입니다";
        Begins { id: u32, vocab: usize } = "tokenizer_begins":
            "'post_processor' begins a prompt with the id {id}, the model only has {vocab}",
            "'post_processor'가 번호 {id}인 토큰으로 프롬프트를 시작하는데 모델의 토큰은 {vocab}개뿐입니다";
        ImageToken { name: String, found: u32, wanted: u32 } = "tokenizer_image_token":
            "'{name}' has the id {found}, and config.json says that {wanted} stands for the picture",
            "'{name}'의 번호는 {found}인데 config.json에 따르면 이미지를 뜻하는 번호는 {wanted}입니다";
        NoToken { token: String } = "tokenizer_no_token":
            "has no token '{token}', which every prompt needs",
            "모든 프롬프트에 필요한 토큰 '{token}'이(가) 없습니다";
        NoTokenOfTemplate { token: String, template: String } = "tokenizer_no_token_of_template":
            "the tokenizer has no token '{token}', which template '{template}' needs",
            "템플릿 '{template}'에 필요한 토큰 '{token}'이(가) 토크나이저에 없습니다";
        NotInVocabulary { token: String } = "tokenizer_not_in_vocabulary":
            "has no '{token}'", "'{token}'이(가) 없습니다";
        Entries { n: usize, tokens: usize } = "tokenizer_entries":
            "has {n} entries for {tokens} tokens", "토큰은 {tokens}개인데 항목은 {n}개입니다";
        Merge { merge: String } = "tokenizer_merge":
            "has '{merge}', which the vocabulary does not", "어휘에 없는 '{merge}'이(가) 있습니다";
    }
}
