//! What a person should know of a model's files, and why a chat template cannot be used.

use super::{Localized, Message, sentences};

sentences! {
    /// What a person should know of a model's files: what is followed otherwise than they say, what is
    /// not known, what was chosen where they leave a choice.
    ModelNote {
        OwnTemplateUnusable { why: Message, names: Message } = "own_template_unusable":
            "The model's own chat template cannot be used: {why}. Name the template to put prompts in: {names}.",
            "모델 자체의 대화 템플릿을 쓸 수 없습니다: {why}. 프롬프트에 쓸 템플릿을 고르세요: {names}.";
        Or { one: Message, other: Message } = "one_or_other":
            "{one} or {other}", "{one} 또는 {other}";
        NoTemplate { name: String } = "model_without_template":
            "The model's files have no chat template; prompts are put in '{name}'.",
            "모델 파일에 대화 템플릿이 없어 프롬프트를 ‘{name}’에 넣습니다.";
        EmptyTemplate { file: String, name: String } = "model_with_empty_template":
            "The model's chat template ({file}) is empty; prompts are put in '{name}'.",
            "모델의 대화 템플릿({file})이 비어 있어 프롬프트를 ‘{name}’에 넣습니다.";
        OwnTemplate { file: String, name: String } = "own_template_followed":
            "Prompts follow the model's own chat template ({file}), which is none of the built-in ones; it is named '{name}'.",
            "프롬프트는 모델 자체의 대화 템플릿({file})을 따릅니다. 내장 템플릿과 다르며 이름은 ‘{name}’입니다.";
        GivenMarked { file: String } = "template_given_marked_text":
            "The chat template ({file}) does not place pictures itself: it was given the question as plain text with the picture's token before it, which transformers does not do.",
            "대화 템플릿({file})은 이미지 자리를 스스로 정하지 않습니다. 이미지 토큰을 앞에 둔 보통 글로 질문을 주었으며, transformers는 그렇게 하지 않습니다.";
        GivenPlain { file: String } = "template_given_plain_text":
            "The chat template ({file}) places the picture itself, but takes no list of parts: it was given the question as plain text, which transformers does not do.",
            "대화 템플릿({file})은 이미지 자리를 스스로 정하지만 목록을 받지 않습니다. 질문을 보통 글로 주었으며, transformers는 그렇게 하지 않습니다.";
        Dated { file: String } = "template_asks_for_date":
            "The chat template ({file}) asks for the day's date, which it is not given: prompts are the same every day.",
            "대화 템플릿({file})은 오늘 날짜를 요구하지만 주지 않습니다. 프롬프트는 날마다 같습니다.";
        OllamaWords { words: String, name: String } = "ollama_words_not_followed":
            "Ollama's own {words} of this model are not followed; prompts are put in '{name}'.",
            "이 모델에 대한 Ollama의 {words} 설정은 따르지 않습니다. 프롬프트는 ‘{name}’에 넣습니다.";

        UnknownSettings { file: String, names: Message } = "unknown_settings":
            "{file} has {names}, which this lab does not know.",
            "{file}: 이 랩이 모르는 설정 {names}이(가) 있습니다.";
        AndMoreNames { names: String, n: u64 } = "names_and_more":
            "{names} and {n} more", "{names} 외 {n}개";
        FirstCounts { file: String, one: String, other: String } = "two_settings_first_counts":
            "{file} has both {one} and {other}, which differ: the first counts, as in transformers 5.",
            "{file}: {one}와(과) {other}이(가) 서로 다릅니다. transformers 5처럼 앞의 것을 따릅니다.";
        SecondCounts { file: String, one: String, other: String } = "two_settings_second_counts":
            "{file} has both {one} and {other}: the second counts, as in transformers 5.",
            "{file}: {one}와(과) {other}이(가) 함께 있습니다. transformers 5처럼 뒤의 것을 따릅니다.";
        InsideCounts { file: String, name: String } = "setting_inside_counts":
            "{file} has {name} both outside and inside 'text_config', not the same: inside counts, as in transformers 5.",
            "{file}: {name}이(가) 'text_config' 안팎에 다르게 있습니다. transformers 5처럼 안의 것을 따릅니다.";
        AspectRatio { file: String, ratio: String } = "aspect_ratio_not_read":
            "{file} has {ratio}, which is the original LLaVA's and which transformers 5 does not read: pictures are prepared as the processor's file says.",
            "{file}: {ratio}은(는) 원래 LLaVA의 설정으로 transformers 5가 읽지 않습니다. 이미지는 프로세서 파일대로 준비합니다.";
        Wishes { wishes: String } = "generation_wishes":
            "generation_config.json asks for {wishes}; runs take the most probable token unless they are asked for a repetition penalty, a temperature or top-p.",
            "generation_config.json은 {wishes}을(를) 요구합니다. 실행은 반복 벌점, 온도 또는 top-p를 요청하지 않으면 가장 확률이 높은 토큰을 고릅니다.";
        Lengths { lengths: String, tokens: u64 } = "generation_lengths":
            "generation_config.json sets {lengths}; a run writes at most as many tokens as it is asked for, {tokens} where it is not.",
            "generation_config.json의 설정: {lengths}. 실행은 요청받은 수까지만 토큰을 쓰며, 요청이 없으면 {tokens}개까지 씁니다.";
        NoEnd = "generation_no_end":
            "generation_config.json has eos_token_id null, with which no token ends an answer: answers end at the tokens that config.json or the published models name.",
            "generation_config.json의 eos_token_id가 null이라 답을 끝내는 토큰이 없습니다. 답변은 config.json이나 공개된 모델이 정한 토큰에서 끝납니다.";

        Truncation = "tokenizer_truncation":
            "tokenizer.json asks to cut texts ('truncation'): prompts are never cut, as in transformers 5 where nobody asks for it.",
            "tokenizer.json은 글을 자르도록(‘truncation’) 요구하지만 프롬프트는 자르지 않습니다. 요청하지 않으면 transformers 5도 같습니다.";
        Dropout { share: String } = "tokenizer_dropout":
            "tokenizer.json asks to leave merges out at random ('dropout' {share}): none is left out, so that the same prompt has the same tokens every time.",
            "tokenizer.json은 병합을 무작위로 빼도록(‘dropout’ {share}) 요구하지만 빼지 않습니다. 같은 프롬프트는 언제나 같은 토큰이 됩니다.";
        CleanUpSpaces { file: String } = "tokenizer_clean_up_spaces":
            "{file} asks to clean up the spaces of decoded text: answers are shown as they were written.",
            "{file}은(는) 글의 공백 정리를 요구하지만 답변은 모델이 쓴 그대로 보여 줍니다.";
        AddsTokens { file: String, names: String } = "tokenizer_adds_tokens":
            "{file} adds tokens that tokenizer.json does not have ({names}): they are plain text here.",
            "{file}은(는) tokenizer.json에 없는 토큰({names})을 추가합니다. 여기서는 보통 글로 다룹니다.";

        Tiles { file: String, width: u64, height: u64 } = "picture_splitting_asked":
            "{file} has 'do_image_splitting' true: the lab shows a picture as one tile of {width} × {height} pixels, and cuts it into tiles where max_pixels asks for more.",
            "{file}의 'do_image_splitting'이 true이지만, 랩은 이미지를 {width} × {height} 픽셀 타일 하나로 보여 줍니다. max_pixels로 더 큰 크기를 요청하면 여러 타일로 나눕니다.";
        TilesAllowed { file: String, most: u64, width: u64, height: u64 } = "picture_tiles_allowed":
            "{file} allows {most} tiles: the lab shows a picture as one tile of {width} × {height} pixels, and cuts it into tiles where max_pixels asks for more.",
            "{file}은(는) 타일을 {most}개까지 허용하지만, 랩은 이미지를 {width} × {height} 픽셀 타일 하나로 보여 줍니다. max_pixels로 더 큰 크기를 요청하면 여러 타일로 나눕니다.";
        UnusedSettings { file: String, names: String } = "processor_settings_unused":
            "{file} has {names}, which this processor does not use.",
            "{file}: 이 프로세서가 쓰지 않는 설정 {names}이(가) 있습니다.";
        OtherFileSays { names: String } = "preprocessor_differs":
            "preprocessor_config.json says other things of {names} than processor_config.json, whose image processor counts, as in transformers 5.",
            "preprocessor_config.json과 processor_config.json의 {names}이(가) 다릅니다. transformers 5처럼 뒤의 파일을 따릅니다.";
        NoProcessor { old: String, new: String } = "no_image_processor":
            "There is no {old} and no image processor in {new}: pictures are prepared as the published models of this family do.",
            "{old}도 없고 {new}에 이미지 프로세서도 없습니다. 이미지는 이 계열의 공개된 모델처럼 준비합니다.";
        NoFeatureExtractor { old: String, new: String } = "no_feature_extractor":
            "There is no {old} and no feature extractor in {new}: sounds are prepared as the published models of this family do.",
            "{old}도 없고 {new}에 특징 추출기도 없습니다. 소리는 이 계열의 공개된 모델처럼 준비합니다.";
        UseFastFalse { file: String } = "processor_use_fast_false":
            "{file} says use_fast false, which is Pillow's resizing; transformers 5 takes torchvision's all the same, and so does the lab unless it is asked for pillow-13 or pillow-12.",
            "{file}의 use_fast가 false라서 Pillow의 크기 조정을 요구하지만, transformers 5는 그래도 torchvision의 방식을 씁니다. 랩도 pillow-13이나 pillow-12를 요청하지 않으면 그렇게 합니다.";
        NamedPil { name: String } = "processor_named_pil":
            "The image processor is named {name}, which is Pillow's resizing; transformers 5 takes torchvision's all the same, and so does the lab unless it is asked for pillow-13 or pillow-12.",
            "이미지 프로세서의 이름 {name}은(는) Pillow의 크기 조정을 뜻하지만, transformers 5는 그래도 torchvision의 방식을 씁니다. 랩도 pillow-13이나 pillow-12를 요청하지 않으면 그렇게 합니다.";

        BiasLeftOut { name: String } = "bias_left_out":
            "The weights have the bias {name}, which the model has not by its config.json: it is left out, as in transformers 5.",
            "가중치에 config.json에 없는 편향 {name}이(가) 있습니다. transformers 5처럼 쓰지 않습니다.";
        BiasesLeftOut { n: u64, name: String } = "biases_left_out":
            "The weights have {n} biases such as {name}, which the model has not by its config.json: they are left out, as in transformers 5.",
            "가중치에 config.json에 없는 편향이 {n}개 있습니다(예: {name}). transformers 5처럼 쓰지 않습니다.";
        OwnHead = "own_head_used":
            "config.json ties the output head to the embeddings, but the weights have a head of their own, which differs: the stored head is used, as in transformers 5.",
            "config.json은 출력 헤드를 임베딩과 묶지만 가중치에 다른 헤드가 저장되어 있습니다. transformers 5처럼 저장된 헤드를 씁니다.";
        NoPlaceFor { name: String } = "tensor_without_place":
            "The weights have {name}, which this model has no place for.",
            "가중치의 {name}은(는) 이 모델에 자리가 없습니다.";
        NoPlaceForSeveral { n: u64, name: String } = "tensors_without_place":
            "The weights have {n} tensors that this model has no place for, such as {name}.",
            "가중치에 이 모델에 자리가 없는 텐서가 {n}개 있습니다(예: {name}).";
    }
}

sentences! {
    /// Why a model's own chat template cannot be used.
    TemplateProblem {
        OfTemplate { name: String, why: Message } = "template_cannot_be_filled":
            "The template '{name}' {why}. Choose another one.",
            "템플릿 ‘{name}’ 오류: {why}. 다른 템플릿을 고르세요.";
        InFile { file: String, why: Message } = "template_in_file":
            "{file}: the template {why}", "{file}: 템플릿 오류: {why}";
        FileUnusable { file: String, why: Localized } = "template_file_unusable":
            "{file}: {why}", "{file}: {why}";
        NoDefault { file: String } = "template_no_default":
            "{file}: 'chat_template' holds no template named 'default'",
            "{file}: 'chat_template'에 'default'라는 템플릿이 없습니다";
        NotTogether { old: String, more: String } = "templates_not_together":
            "'{old}' and the folder '{more}' do not go together: transformers reads neither",
            "'{old}'와(과) '{more}' 폴더는 함께 쓸 수 없습니다. transformers는 둘 다 읽지 않습니다";
        NoDefaultFile { more: String, file: String } = "templates_without_default":
            "the folder '{more}' has templates by name, and none of them is the default: '{file}' is missing",
            "'{more}' 폴더의 템플릿 중 기본 템플릿이 없습니다('{file}' 파일 없음)";
        TooLarge { kib: u64 } = "template_too_large":
            "is larger than {kib} KiB", "{kib} KiB보다 큽니다";
        TooManySteps = "template_too_many_steps":
            "takes more steps than a prompt may cost", "프롬프트에 허용된 것보다 많은 단계를 씁니다";
        FailsInLine { line: u64, what: String } = "template_fails_in_line":
            "fails in line {line}: {what}", "{line}번째 줄에서 실패합니다: {what}";
        Fails { what: String } = "template_fails":
            "fails: {what}", "실패합니다: {what}";
        WritesSomethingElse = "template_writes_something_else":
            "writes something else for this question than was asked", "이 질문을 입력한 것과 다르게 씁니다";
        WritesTheList = "template_writes_the_list":
            "writes out the list of a turn's parts: it takes plain text",
            "대화 한 차례의 목록을 그대로 씁니다. 보통 글만 받는 템플릿입니다";
        NoPlace { token: String } = "template_no_place":
            "has no place for the picture: it writes no {token}", "이미지 자리가 없습니다({token} 없음)";
        WritesToken { token: String } = "template_writes_token":
            "writes {token} even where there is no picture", "이미지가 없을 때도 {token}을(를) 씁니다";
        PlacesAgain { n: u64 } = "template_places_again":
            "places the picture {n} times where once is needed", "이미지를 한 번이 아니라 {n}번 놓습니다";
        OtherPlaces { found: u64, wanted: u64 } = "template_other_places":
            "has places for {found} pictures where there are {wanted}",
            "이미지 자리가 {found}개인데 이미지는 {wanted}장입니다";
        QuestionChanged = "template_question_changed":
            "does not write the question as it was typed", "질문을 입력한 그대로 쓰지 않습니다";
        QuestionAgain { n: u64 } = "template_question_again":
            "writes the question {n} times", "질문을 {n}번 씁니다";
        NoQuestion = "template_no_question":
            "does not write the question", "질문을 쓰지 않습니다";
    }
}
