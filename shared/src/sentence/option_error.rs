//! Why options of a run or of an experiment cannot be.

use super::{Message, sentences};

sentences! {
    /// Why options of a run or of an experiment cannot be.
    OptionError {
        PromptEmpty = "prompt_empty":
            "Type a question about the picture.", "이미지에 대한 질문을 입력하세요.";
        PromptTooLong { chars: u64, most: u64 } = "prompt_too_long":
            "The prompt has {chars} characters; at most {most} are allowed.",
            "프롬프트가 {chars}자입니다. {most}자까지 입력할 수 있습니다.";
        ControlCharacter { code: String, at: u64 } = "control_character":
            "The prompt contains the control character U+{code} (character {at}); remove it.",
            "프롬프트에 제어 문자 U+{code}이(가) 있습니다({at}번째 글자). 지우세요.";
        NoTemplate { name: String, has: String } = "no_template":
            "There is no template '{name}'; this model has {has}.",
            "‘{name}’ 템플릿은 없습니다. 이 모델의 템플릿: {has}.";
        NoTemplateAnywhere { name: String, has: Message } = "no_template_anywhere":
            "There is no template '{name}': {has}.", "‘{name}’ 템플릿은 없습니다: {has}.";
        ModelHasTemplates { model: String, has: String } = "model_has_templates":
            "{model} has {has}", "{model}의 템플릿은 {has}";
        ThatAndThis { that: Message, this: Message } = "that_and_this":
            "{that}; {this}", "{that}; {this}";
        RegistryTemplate { model: String, name: String, has: String } = "registry_template":
            "The registry's entry of {model} asks for the template '{name}'; the model has {has}. Correct the entry in models.toml, or ask for one of these.",
            "레지스트리의 {model} 항목이 ‘{name}’ 템플릿을 요구하지만 모델의 템플릿은 {has}입니다. models.toml의 항목을 고치거나 이 중 하나를 고르세요.";
        MaxPixelsOneSize = "max_pixels_one_size":
            "max_pixels is for models that read any size; this one sees every picture at one size. Leave the option out.",
            "max_pixels는 어떤 크기든 읽는 모델에 쓰입니다. 이 모델은 모든 이미지를 한 크기로 봅니다. 이 옵션을 빼세요.";
        MaxPixelsTooSmall { asked: u64, least: u64 } = "max_pixels_too_small":
            "max_pixels is {asked}; this model needs at least {least}.",
            "max_pixels가 {asked}입니다. 이 모델에는 {least} 이상이 필요합니다.";
        MaxPixelsOutside { asked: u64, model: String, least: u64, most: u64 } = "max_pixels_outside":
            "max_pixels is {asked}; {model} reads pictures of {least} to {most} pixels.",
            "max_pixels가 {asked}입니다. {model} 모델은 {least}~{most}픽셀의 이미지를 읽습니다.";
        FilmRate { value: String, most: u64 } = "film_rate":
            "film.fps, the frames a second that are taken of a film, must be above 0 and at most {most}, not {value}.",
            "영상에서 초당 고를 프레임 수(film.fps)는 0보다 크고 {most} 이하여야 합니다. 지금 값: {value}.";
        MaxPixelsZero = "max_pixels_zero":
            "max_pixels must be at least 1.", "max_pixels는 1 이상이어야 합니다.";
        PruneRange { value: String } = "prune_range":
            "prune must be at least 0 and below 1, not {value}.",
            "prune은 0 이상 1 미만이어야 합니다. 지금 값: {value}.";
        WholeRange { name: String, most: u64, value: u64 } = "whole_range":
            "{name} must be from 1 to {most}, not {value}.",
            "{name} 값은 1부터 {most}까지여야 합니다. 지금 값: {value}.";
        NoPictureTokens = "no_picture_tokens":
            "Without a picture (picture is none) there are no picture tokens to drop or repeat: prune must be 0 and replicate 1.",
            "이미지가 없으면(picture가 none) 제거하거나 복제할 이미지 토큰이 없습니다. prune은 0, replicate는 1이어야 합니다.";
        KnockoutFrom = "knockout_from":
            "knockout needs groups whose attention is blocked (from).",
            "knockout에는 어텐션을 차단할 그룹(from)이 필요합니다.";
        KnockoutTo = "knockout_to":
            "knockout needs groups that are not to be seen (to).",
            "knockout에는 보이지 않을 그룹(to)이 필요합니다.";
        KnockoutBand { first: u64, last: u64 } = "knockout_band":
            "knockout's first layer, {first}, comes after its last, {last}.",
            "knockout의 첫 레이어 {first}이(가) 마지막 레이어 {last}보다 뒤에 있습니다.";
        KnockoutLayer { layer: u64, most: u64 } = "knockout_layer":
            "knockout names layer {layer}; this model's layers are 0 to {most}.",
            "knockout이 레이어 {layer}을(를) 지정했습니다. 이 모델의 레이어는 0부터 {most}까지입니다.";
        KnockoutHead { head: u64, most: u64 } = "knockout_head":
            "knockout names head {head}; this model's heads are 0 to {most}.",
            "knockout이 헤드 {head}을(를) 지정했습니다. 이 모델의 헤드는 0부터 {most}까지입니다.";
        KnockoutNone { knockout: String, groups: String } = "knockout_none":
            "A knockout of {knockout} blocks nothing: there are no {groups} tokens.",
            "{knockout} knockout은 아무것도 막지 않습니다. {groups} 토큰이 없습니다.";
        KnockoutBefore { knockout: String, from: String, to: String } = "knockout_before":
            "A knockout of {knockout} blocks nothing: no {from} token comes after {to} tokens, and a row sees only what comes before it.",
            "{knockout} knockout은 아무것도 막지 않습니다. {to} 토큰 뒤에 오는 {from} 토큰이 없으며, 각 행은 앞에 있는 것만 봅니다.";
        PenaltyRange { value: String } = "penalty_range":
            "repetition_penalty must be from 0.1 to 10, not {value}.",
            "repetition_penalty는 0.1부터 10까지여야 합니다. 지금 값: {value}.";
        TemperatureRange { value: String } = "temperature_range":
            "temperature must be 0 or from 0.01 to 10, not {value}.",
            "temperature는 0이거나 0.01부터 10까지여야 합니다. 지금 값: {value}.";
        TopPRange { value: String } = "top_p_range":
            "top_p must be above 0 and at most 1, not {value}.",
            "top_p는 0보다 크고 1 이하여야 합니다. 지금 값: {value}.";
        NothingDrawn = "nothing_drawn":
            "top_p and seed are for drawn tokens, and at temperature 0 the most probable one is taken: ask for a temperature above 0, or leave them out.",
            "top_p와 seed는 토큰을 뽑을 때 쓰이는데, temperature가 0이면 가장 확률이 높은 토큰을 고릅니다. 0보다 큰 temperature를 쓰거나 이들을 빼세요.";
        RepeatTimes { value: u64, least: u64, most: u64 } = "repeat_times":
            "A question can be asked {least} to {most} times in one request, not {value}: change repeat.times, or leave repeat out to ask once.",
            "한 번의 요청으로 질문을 {least}~{most}번 물을 수 있습니다. 지금 값: {value}. repeat.times를 바꾸거나, 한 번만 물으려면 repeat을 빼세요.";
        ClaimTooLong { most: u64 } = "claim_too_long":
            "What the words claim (repeat.claim) must be one line of at most {most} characters.",
            "텍스트의 주장(repeat.claim)은 {most}자 이하의 한 줄이어야 합니다.";
        NameTooLong { chars: u64, most: u64 } = "name_too_long":
            "The name has {chars} characters and may have {most}; shorten it and save again.",
            "이름이 {chars}자입니다. {most}자까지 쓸 수 있습니다. 줄여서 다시 저장하세요.";
        NoteTooLong { chars: u64, most: u64 } = "note_too_long":
            "The note has {chars} characters and may have {most}; shorten it and save again.",
            "메모가 {chars}자입니다. {most}자까지 쓸 수 있습니다. 줄여서 다시 저장하세요.";
        LessonNameTooLong { most: u64 } = "lesson_name_too_long":
            "The lesson's name is longer than {most} bytes.", "레슨 이름이 {most}바이트보다 깁니다.";
        LessonTextTooLong { most: u64 } = "lesson_text_too_long":
            "A text of the lesson's step is longer than {most} characters.", "레슨 단계의 글이 {most}자보다 깁니다.";
        QuestionChoices { most: u64, chars: u64 } = "question_choices":
            "A question has two to {most} choices, each of 1 to {chars} characters.",
            "질문의 보기는 2~{most}개이고 각각 1~{chars}자여야 합니다.";
        ListEmpty { name: String } = "list_empty":
            "{name} is empty: name at least one.", "{name} 목록이 비어 있습니다. 하나 이상 고르세요.";
        MoreThanRuns { most: u64 } = "more_than_runs":
            "That is more than {most} runs: draw fewer samples or shorten a list.",
            "실행이 {most}회를 넘습니다. 샘플을 줄이거나 목록을 줄이세요.";
    }
}
