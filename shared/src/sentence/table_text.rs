//! What tables of experiments say: titles, names of conditions, findings, footnotes.

use super::{Message, sentences};
use crate::experiment::paper::Doubt;
use crate::measure::Undefined;
use crate::sampling::Sampling;
use crate::stage::Stage;

sentences! {
    /// What tables of experiments say: titles, names of conditions, findings, footnotes.
    TableText {
        Beside { one: Message, other: Message } = "beside":
            "{one} · {other}", "{one} · {other}";
        OwnTemplate = "own_template": "own template", "모델의 템플릿";
        FullSize = "full_size": "full size", "원래 크기";
        Dropped { share: String } = "dropped": "{share} dropped", "{share} 제거";
        AtRandom = "at_random": "at random", "무작위";
        OwnPicture = "own_picture": "own picture", "원래 이미지";
        BlankPicture = "blank_picture": "blank picture", "빈 이미지";
        Noise { seed: u64 } = "noise_picture": "noise (seed {seed})", "잡음(시드 {seed})";
        QuestionAlone = "question_alone": "question alone", "질문만";

        NumberedTable { n: u64, what: Message } = "numbered_table":
            "Table {n}. {what}", "표 {n}. {what}";
        ByStage { subject: Message } = "table_by_stage":
            "MDI and AEI by stage, {subject}", "단계별 MDI와 AEI, {subject}";
        AsDropped { subject: Message } = "table_as_dropped":
            "MDI and AEI as picture tokens are dropped, {subject}",
            "이미지 토큰을 제거할 때의 MDI와 AEI, {subject}";
        AsRepeated { subject: Message } = "table_as_repeated":
            "MDI and AEI as picture tokens are repeated, {subject}",
            "이미지 토큰을 복제할 때의 MDI와 AEI, {subject}";
        Answers { subject: Message } = "table_answers":
            "Answers, {subject}", "답변, {subject}";
        Changes { subject: Message } = "table_changes":
            "Changes, on the same samples, {subject}", "변화, 같은 샘플에서, {subject}";
        UnderDefinitions { label: Message, subject: Message } = "table_under_definitions":
            "The same samples under every definition, {label}, {subject}",
            "같은 샘플을 모든 정의로 계산, {label}, {subject}";
        OnDataset { dataset: Message } = "on_dataset": "on {dataset}", "{dataset} 데이터셋";
        DemoModelsOn { dataset: Message } = "demo_models_on":
            "demo models on {dataset}", "데모 모델, {dataset} 데이터셋";
        MixedModelsOn { dataset: Message } = "mixed_models_on":
            "demo and other models on {dataset}", "데모 모델과 다른 모델, {dataset} 데이터셋";
        TheDemoSet = "the_demo_set": "the demo set", "데모";
        ShownBlank { subject: Message } = "subject_shown_blank":
            "{subject}, shown a blank picture", "{subject}, 빈 이미지를 보여 줌";
        ShownNoise { subject: Message, seed: u64 } = "subject_shown_noise":
            "{subject}, shown noise (seed {seed})", "{subject}, 잡음을 보여 줌(시드 {seed})";
        ShownNothing { subject: Message } = "subject_shown_nothing":
            "{subject}, shown no picture", "{subject}, 이미지를 보여 주지 않음";
        KnockedOut { subject: Message, knockout: String } = "subject_knocked_out":
            "{subject}, attention {knockout} knocked out", "{subject}, 어텐션 {knockout} 차단";
        TokensChosen { subject: Message, how: Vec<Message> } = "subject_tokens_chosen":
            "{subject}, tokens chosen: {how}", "{subject}, 토큰 선택: {how}";
        DrawnAt { temperature: String, top_p: String, seed: u64 } = "tokens_drawn_at":
            "drawn at temperature {temperature}, top-p {top_p}, seed {seed}",
            "온도 {temperature}, top-p {top_p}, 시드 {seed}로 뽑음";
        MostProbable = "tokens_most_probable":
            "most probable token", "가장 확률이 높은 토큰";
        Penalty { value: String } = "tokens_penalty":
            "repetition penalty {value}", "반복 벌점 {value}";

        ChoicePaper = "choice_paper":
            "paper: best reading of the paper", "paper(논문을 가장 충실히 읽은 정의)";
        ChoiceReimplementation = "choice_reimplementation":
            "reimplementation: without the sink", "reimplementation(싱크 제외)";
        ChoiceForward = "choice_forward":
            "forward: one pass, prompt text looks", "forward(순전파 한 번, 프롬프트 텍스트가 보는 쪽)";
        ChoiceCustom = "choice_custom": "custom", "직접 정한 정의";
        ChoiceWithout { what: Message } = "choice_without": "without {what}", "{what} 제외";
        ChoiceWith { what: Message } = "choice_with": "with {what}", "{what} 포함";
        TheSink = "the_sink": "the first token (the sink)", "첫 토큰(싱크)";
        TheSystemPrompt = "the_system_prompt": "the system prompt", "시스템 프롬프트";
        TheTemplate = "the_template_words": "the template's words", "템플릿 단어";
        TheMarkers = "the_markers": "the markers", "마커";
        TheGenerated = "the_generated_tokens": "the generated tokens", "생성된 토큰";
        PredictingLook = "predicting_look": "predicting rows look", "예측하는 행이 보는 쪽";
        GeneratedLook = "generated_look": "generated positions look", "생성된 위치가 보는 쪽";
        LastPromptLooks = "last_prompt_looks":
            "the last prompt token looks", "프롬프트의 마지막 토큰이 보는 쪽";
        PromptTextLooks = "prompt_text_looks": "the prompt's text looks", "프롬프트 텍스트가 보는 쪽";
        AllPromptLooks = "all_prompt_looks": "the whole prompt looks", "프롬프트 전체가 보는 쪽";
        StagesOfTwo = "stages_of_two": "stages of two layers", "단계는 레이어 두 개씩";
        StagesThirds = "stages_thirds":
            "stages are thirds of the layers", "단계는 레이어의 3등분";
        StagesAll = "stages_all": "every stage is all layers", "모든 단계가 전체 레이어";
        LayersMean = "layers_mean_of_ratios":
            "mean of the layers' ratios", "레이어별 비의 평균";
        LayersRatio = "layers_ratio_of_means":
            "ratio of means over layers", "레이어에 대한 평균의 비";
        SamplesRatio = "samples_ratio_of_means":
            "ratio of means over samples", "샘플에 대한 평균의 비";
        MovesMost { choice: Message, from: String, to: String, ratio: String, n: u64 } = "choice_moves_most":
            "Of the choices changed one at a time, \"{choice}\" moves the late MDI most: from {from} to {to} (× {ratio}, n = {n}).",
            "선택을 하나씩 바꿀 때 후반 MDI를 가장 많이 바꾸는 것은 ‘{choice}’입니다: {from} → {to}(× {ratio}, n = {n}).";

        StandIns { all: Vec<Message> } = "stand_ins":
            "Stand-ins: {all}. Compare shapes with the paper, not sizes.",
            "대역: {all}. 논문과는 크기가 아니라 모양을 비교하세요.";
        StandIn { name: String, paper: Message } = "stand_in":
            "{name} for {paper}", "{paper} 대신 {name}";
        StandInOfSize { name: String, n: String, paper: Message } = "stand_in_of_size":
            "{name} ({n} parameters) for {paper}", "{paper} 대신 {name}(파라미터 {n}개)";
        FullSizeModel = "full_size_model": "a full-size model", "실제 크기의 모델";
        DemoSetStandsIn = "demo_set_stands_in":
            "the demo set for MMMU-Pro", "MMMU-Pro 대신 데모 데이터셋";

        Intervals { level: String, least: u64 } = "table_intervals":
            "{level} over samples, none below {least}: ratios (MDI, AEI, their paired changes) Student's t of the logarithms, around the geometric mean; the words' share and its paired changes Student's t; ratios of means none; shares of answers Wilson, their paired changes Bonett and Price; measured coverage 93 to 97 %, of very skewed samples from 91 % below 30",
            "샘플에 대한 {level} 구간, 샘플 {least}개 미만이면 없음: 비(MDI, AEI, 짝지은 변화)는 로그의 스튜던트 t로 기하평균 둘레에, 글의 비중과 그 짝지은 변화는 스튜던트 t, 평균의 비는 없음, 답변 비율은 Wilson, 그 짝지은 변화는 Bonett–Price; 측정한 포함률은 93~97 %, 매우 치우친 샘플은 30개 미만에서 91 %부터";
        PaperSource = "paper_source":
            "arXiv 2508.10552, tables 1 and 2, as transcribed by Song-haJo/LangOverrule at f23f816; only 10.23 and 0.86 are confirmed, by the abstract",
            "arXiv 2508.10552의 표 1과 표 2, Song-haJo/LangOverrule f23f816이 옮겨 적은 것. 10.23과 0.86만 초록에서 확인됨";

        Doubtful { why: Message } = "doubtful_in_source":
            "Doubtful in the source: {why}.", "원문에서 의심스러운 값: {why}.";
        DoubtImpossible = "doubt_impossible":
            "impossible as printed: of no sample is AEI larger than MDI by 1 or more, whatever its tokens, and so of no average",
            "인쇄된 대로는 불가능: 토큰이 어떻든 어떤 샘플에서도 AEI가 MDI보다 1 이상 클 수 없으므로 어떤 평균에서도 그럴 수 없음";
        DoubtCopied = "doubt_copied":
            "a copy: the same pair is printed at another prune rate, and the row's other stages, read as one prompt length, imply a text share at which this AEI cannot occur",
            "복사된 값: 같은 쌍이 다른 제거율에도 인쇄되어 있으며, 같은 행의 다른 단계를 하나의 프롬프트 길이로 읽으면 그 텍스트 비중에서는 이 AEI가 나올 수 없음";
        DoubtReversed = "doubt_reversed":
            "the row's AEI column appears reversed: read from below, its middle and late cells agree on one prompt length",
            "이 행의 AEI 열이 뒤집힌 듯함: 아래에서 읽으면 중반과 후반 칸이 같은 프롬프트 길이와 맞음";
        DoubtOutOfLine = "doubt_out_of_line":
            "does not fit its own row: the middle and late cells, read as one sample, imply another prompt length; averages over very uneven samples could do that",
            "같은 행과 맞지 않음: 중반과 후반 칸을 한 샘플로 읽으면 다른 프롬프트 길이가 나옴. 매우 고르지 않은 샘플의 평균이라면 가능";
        DoubtUneven = "doubt_uneven":
            "at no one prompt length: where the share of text tokens is one for all samples, a mean AEI lies below the larger of 1 and the mean MDI; only an average over very uneven prompts could give this pair",
            "하나의 프롬프트 길이로는 불가능: 모든 샘플의 텍스트 토큰 비중이 같으면 평균 AEI는 1과 평균 MDI 중 큰 값보다 작음. 매우 고르지 않은 프롬프트의 평균만 이 쌍이 될 수 있음";

        PaperTranscribed = "paper_transcribed":
            "The paper's values are known from a transcription of its tables 1 and 2; its abstract confirms only 10.23 and 0.86 (LLaVA-1.5-7B, middle layers).",
            "논문의 값은 표 1과 표 2를 옮겨 적은 것이며, 초록에서 확인되는 값은 10.23과 0.86(LLaVA-1.5-7B, 중반 레이어)뿐입니다.";
        PapersOwnModels = "papers_own_models":
            "The paper's rows are of its own models; beside other models they show a shape to compare with, not a size, and no relative difference is given.",
            "논문의 행은 논문의 모델에 대한 것입니다. 다른 모델 옆에서는 크기가 아니라 모양만 비교할 수 있으므로 상대 차이를 표시하지 않습니다.";
        OtherData { dataset: String } = "other_data_than_papers":
            "The paper measured on MMMU-Pro and this is {dataset}: a relative difference here is one of data, too.",
            "논문은 MMMU-Pro로 측정했고 이 실험은 {dataset} 데이터셋입니다. 여기의 상대 차이에는 데이터의 차이도 섞여 있습니다.";
        OtherModalities = "papers_other_modalities":
            "The paper repeats tokens of other modalities only (audio, time series, graphs): its rows are other models on other data.",
            "논문은 다른 모달리티(오디오, 시계열, 그래프)의 토큰만 복제합니다. 논문의 행은 다른 모델과 다른 데이터에 대한 것입니다.";
        NoClsToken { model: String, score: String } = "no_cls_token":
            "{model} has no [CLS] token: its picture tokens are ranked by {score}, a substitute for FasterVLM's score.",
            "{model} 모델에는 [CLS] 토큰이 없어 이미지 토큰의 순위를 FasterVLM 점수 대신 {score} 점수로 매깁니다.";
        NoDeviation = "ratio_of_means_no_deviation":
            "A ratio of means has no standard deviation, for no single sample has it, and no interval.",
            "평균의 비는 샘플 하나하나가 갖는 값이 아니므로 표준편차도 구간도 없습니다.";
        AsClaimed = "as_claimed_explained":
            "\"As claimed\" is out of all judged answers; only questions that make a false claim can be answered so.",
            "‘주장대로’는 판정한 모든 답변에 대한 비율이며, 거짓 주장을 하는 질문에서만 나올 수 있습니다.";
        AboveModelLimit { label: Message, option: String, asked: String, used: String } = "condition_above_model_limit":
            "{label}: {option} {asked} is above the model's own limit: {used} holds.",
            "{label}: {option} {asked} 값이 모델 자체의 한도보다 커서 {used} 값을 적용했습니다.";
        ReadsAnySize { label: Message, option: String, asked: String } = "condition_reads_any_size":
            "{label}: {option} {asked} has no effect: this model reads pictures at any size.",
            "{label}: {option} {asked} 값은 적용되지 않습니다. 이 모델은 어떤 크기의 이미지든 그대로 읽습니다.";
        FloorsExplained = "floors_explained":
            "Conditions with a blank picture, noise or the question alone are floors: what the model gets right without the picture. A share of right answers says something of seeing only where it lies above them.",
            "빈 이미지, 잡음, 질문만 쓰는 조건은 기준선입니다. 모델이 이미지 없이 맞히는 정도이며, 정답 비율은 이보다 높을 때만 본다는 것에 대해 말해 줍니다.";
        NoFloors = "no_floors":
            "No floors were run: how many answers are right without the picture (blank, noise, question alone: --floors) is not known here.",
            "기준선을 실행하지 않았습니다. 이미지 없이(빈 이미지, 잡음, 질문만: --floors) 맞히는 답변이 얼마나 되는지는 알 수 없습니다.";
        NoFloorsNoChance = "no_floors_no_chance":
            "No floors were run: how many answers are right without the picture (blank, noise, question alone: --floors), or with as many tokens dropped by chance (--random-prune), is not known here.",
            "기준선을 실행하지 않았습니다. 이미지 없이(빈 이미지, 잡음, 질문만: --floors), 또는 같은 수의 토큰을 무작위로 제거하고(--random-prune) 맞히는 답변이 얼마나 되는지는 알 수 없습니다.";
        AtRandomExplained = "at_random_explained":
            "\"At random\" drops as many picture tokens, drawn evenly for each sample: a score is worth what it does better than that.",
            "‘무작위’는 같은 수의 이미지 토큰을 샘플마다 고르게 뽑아 제거합니다. 점수의 가치는 이보다 나은 만큼입니다.";
        SharesStayedExplained = "shares_stayed_explained":
            "\"If shares had stayed\" is the MDI that the first row's shares of the attention give at this row's numbers of tokens: MDI = (P_T/(1 − P_T)) · (n_O/n_T), so fewer picture tokens lower it while the attention does not move.",
            "‘비중이 그대로였다면’은 첫 행의 주의 비중이 이 행의 토큰 수에서 주는 MDI입니다. MDI = (P_T/(1 − P_T)) · (n_O/n_T)이므로, 주의가 움직이지 않아도 이미지 토큰이 줄면 MDI는 작아집니다.";
        MdiUndefined { condition: Message, stage: Message, n: u64, all: u64, why: Message } = "mdi_undefined":
            "{condition}: the {stage} MDI of {n} of {all} samples is undefined ({why}); they count nowhere in it.",
            "{condition}: 샘플 {all}개 중 {n}개의 {stage} MDI가 정의되지 않아({why}) 계산에서 빠졌습니다.";
        LeftOutOne { n: u64, all: u64, code: String, example: Message } = "runs_left_out":
            "{n} of {all} runs left out: {code}. {example}",
            "실행 {all}회 중 {n}회 제외: {code}. {example}";
        LeftOutAlike { n: u64, all: u64, code: String, example: Message } = "runs_left_out_alike":
            "{n} of {all} runs left out: {code}. For example: {example}",
            "실행 {all}회 중 {n}회 제외: {code}. 예: {example}";
        LeftOutForReasons { n: u64, all: u64, code: String, reasons: u64, example: Message } = "runs_left_out_for_reasons":
            "{n} of {all} runs left out: {code}, for {reasons} different reasons. For example: {example}",
            "실행 {all}회 중 {n}회 제외: {code}, 서로 다른 이유 {reasons}가지. 예: {example}";

        Early = "stage_early": "early", "초반";
        Middle = "stage_middle": "middle", "중반";
        Late = "stage_late": "late", "후반";
        NoImageTokens = "undefined_no_picture_tokens":
            "there are no picture tokens", "이미지 토큰이 없습니다";
        NoTextTokens = "undefined_no_text_tokens":
            "no token counts as text under this definition", "이 정의에서는 텍스트로 치는 토큰이 없습니다";
        NoImageAttention = "undefined_no_picture_attention":
            "no attention reaches the picture", "이미지에 닿는 어텐션이 없습니다";
        NoAttention = "undefined_no_attention":
            "neither text nor picture receives attention", "텍스트도 이미지도 어텐션을 받지 않습니다";
        NoQueries = "undefined_no_queries":
            "this run has no rows of the kind this definition looks from", "이 정의가 보는 종류의 행이 이 실행에 없습니다";
        NoSuchHead = "undefined_no_such_head":
            "the model has no such head", "모델에 그런 헤드가 없습니다";
        HeadsAveraged = "undefined_heads_averaged":
            "only the average over heads was kept of this sample", "이 샘플은 헤드 평균만 보관되어 있습니다";
        NotObserved = "undefined_not_observed":
            "this layer has not been observed yet", "아직 관찰하지 않은 레이어입니다";
        Unfinished = "undefined_unfinished":
            "the run did not finish, and only a part of it was seen", "실행이 끝나지 않아 일부만 관찰했습니다";
    }
}

impl From<Stage> for TableText {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Early => TableText::Early,
            Stage::Middle => TableText::Middle,
            Stage::Late => TableText::Late,
        }
    }
}

impl From<Undefined> for TableText {
    fn from(why: Undefined) -> Self {
        match why {
            Undefined::NoImageTokens => TableText::NoImageTokens,
            Undefined::NoTextTokens => TableText::NoTextTokens,
            Undefined::NoImageAttention => TableText::NoImageAttention,
            Undefined::NoAttention => TableText::NoAttention,
            Undefined::NoQueries => TableText::NoQueries,
            Undefined::NoSuchHead => TableText::NoSuchHead,
            Undefined::HeadsAveraged => TableText::HeadsAveraged,
            Undefined::NotObserved => TableText::NotObserved,
            Undefined::Unfinished => TableText::Unfinished,
        }
    }
}

impl From<Doubt> for TableText {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Impossible => TableText::DoubtImpossible,
            Doubt::Copied => TableText::DoubtCopied,
            Doubt::Reversed => TableText::DoubtReversed,
            Doubt::OutOfLine => TableText::DoubtOutOfLine,
            Doubt::Uneven => TableText::DoubtUneven,
        }
    }
}

impl TableText {
    /// How tokens are chosen.
    pub fn sampling(of: &Sampling) -> Vec<Message> {
        let Sampling { repetition_penalty, temperature, top_p, seed } = *of;
        let drawn = match temperature > 0.0 {
            true => TableText::DrawnAt {
                temperature: temperature.to_string(),
                top_p: top_p.to_string(),
                seed: seed.into(),
            },
            false => TableText::MostProbable,
        };
        let penalty = (repetition_penalty != 1.0)
            .then(|| TableText::Penalty { value: repetition_penalty.to_string() });
        std::iter::once(drawn).chain(penalty).map(Message::from).collect()
    }

    /// Several texts in a row, `a · b · c`; what is no sentence stays one text.
    pub fn row(parts: Vec<Message>) -> Message {
        let join = |one: Message, other: Message| match (&one.sentence, &other.sentence) {
            (None, None) => format!("{one} · {other}").into(),
            _ => TableText::Beside { one, other }.into(),
        };
        parts.into_iter().reduce(join).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;

    #[test]
    fn a_row_is_said_part_by_part() {
        let plain = TableText::row(vec!["demo-llava".into(), "q8_0".into()]);
        assert_eq!(plain, Message::from("demo-llava · q8_0"));
        let dropped = TableText::Dropped { share: "75 %".to_owned() };
        let row = TableText::row(vec![plain, dropped.into(), TableText::AtRandom.into()]);
        assert_eq!(row.text, "demo-llava · q8_0 · 75 % dropped · at random");
        assert_eq!(row.into_text(Language::Korean), "demo-llava · q8_0 · 75 % 제거 · 무작위");
    }

    #[test]
    fn reasons_and_samplings_are_told_as_elsewhere() {
        for why in [
            Undefined::NoImageTokens,
            Undefined::NoTextTokens,
            Undefined::NoImageAttention,
            Undefined::NoAttention,
            Undefined::NoQueries,
            Undefined::NoSuchHead,
            Undefined::HeadsAveraged,
            Undefined::NotObserved,
            Undefined::Unfinished,
        ] {
            assert_eq!(Message::from(TableText::from(why)).text, why.to_string());
        }
        for stage in Stage::ALL {
            assert_eq!(Message::from(TableText::from(stage)).text, stage.name());
        }
        for sampling in [
            Sampling::default(),
            Sampling { temperature: 0.7, top_p: 0.9, seed: 3, repetition_penalty: 1.1 },
        ] {
            let parts: Vec<String> =
                TableText::sampling(&sampling).into_iter().map(|part| part.text).collect();
            assert_eq!(parts.join(", "), sampling.to_string());
        }
    }
}
