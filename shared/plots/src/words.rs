//! The words and numbers that drawings write.

use shared::shown::{draws_nothing, visible};
use shared::{Language, Stage};

use crate::colour::Role;

/// The words that drawings write, in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// The line at MDI 1.
    pub balance: &'static str,
    /// The axis of layers.
    pub layer: &'static str,
    /// The axis of heads.
    pub head: &'static str,
    /// The first two layers, the middle two and the last two, by `Stage::ALL`.
    pub stages: [&'static str; 3],
    /// The curve of a run's MDI.
    pub this_run: &'static str,
    /// The words' AEI.
    pub text: &'static str,
    /// The picture: its AEI, and its side.
    pub picture: &'static str,
    /// The side of sounds.
    pub sound: &'static str,
    /// Values that the paper printed.
    pub paper: &'static str,
    /// What tokens that all draw alike would give.
    pub all_alike: &'static str,
    /// What words and picture that draw half each would give.
    pub half_each: &'static str,
    /// The side of position 0.
    pub begin: &'static str,
    /// The side of prompt tokens that count as text.
    pub words: &'static str,
    /// The side of prompt tokens that do not count.
    pub other: &'static str,
    /// The side of what the model wrote.
    pub answer: &'static str,
    /// The side of everything but words and media.
    pub rest: &'static str,
    /// Title of the curve of MDI.
    pub mdi_by_layer: &'static str,
    /// Title of the curve of several answers' MDI; `{n}` is their number.
    pub mdi_of_answers: &'static str,
    /// The curve of several answers' mean MDI.
    pub mean: &'static str,
    /// Title of the curve of AEI.
    pub aei_by_layer: &'static str,
    /// Title of the map of heads.
    pub mdi_by_head: &'static str,
    /// The low end of the scale of MDI.
    pub picture_draws_more: &'static str,
    /// The high end of the scale of MDI.
    pub words_draw_more: &'static str,
    /// Title of the ribbons.
    pub who_looks_at_whom: &'static str,
    /// Title of the columns.
    pub word_by_word: &'static str,
    /// The axis of shares: per token, in total.
    pub shares: [&'static str; 2],
    /// The axis of time.
    pub seconds: &'static str,
    /// Title of the map of a picture.
    pub where_it_looked: &'static str,
    /// Title of the tokens that are lit.
    pub tokens_lit: &'static str,
    /// What attention on sides is counted by: per token, in total.
    pub counted: [&'static str; 2],
    /// Names of a document's parts: the layers' slider, the numbers, all of it as data, what ran.
    pub parts: [&'static str; 4],
    /// Whose attention a map is where it is no single head's.
    pub mean_of_heads: &'static str,
    /// What a document says of itself; `{version}` is the lab's.
    pub made_with: &'static str,
    /// Title of several runs beside each other.
    pub beside: &'static str,
    /// What stands for an end-of-sequence token without text.
    pub end: &'static str,
    /// A definition's name follows it.
    pub definition: &'static str,
    /// Numbers of a run that is not at its end.
    pub still_running: &'static str,
    /// Numbers of a run that was cancelled.
    pub cancelled: &'static str,
    /// Numbers of a run that failed.
    pub failed: &'static str,
    /// Why there are no numbers of such a run.
    pub unfinished: &'static str,
    /// What the large number of a card is of.
    pub late_layers: &'static str,
    /// Who draws more per token: the words, the picture, neither.
    pub verdicts: [&'static str; 3],
}

impl Words {
    /// In English.
    pub const ENGLISH: Words = Words {
        balance: "balance",
        layer: "layer",
        head: "head",
        stages: ["early", "middle", "late"],
        this_run: "this run",
        text: "text",
        picture: "picture",
        sound: "sound",
        paper: "paper",
        all_alike: "all alike",
        half_each: "half each",
        begin: "begin",
        words: "words",
        other: "other",
        answer: "answer",
        rest: "rest",
        mdi_by_layer: "MDI by layer",
        mdi_of_answers: "MDI by layer over {n} answers: geometric mean, and where 8 of 10 lie",
        mean: "mean",
        aei_by_layer: "AEI by layer",
        mdi_by_head: "MDI by head and layer",
        picture_draws_more: "the picture draws more",
        words_draw_more: "words draw more",
        who_looks_at_whom: "Who looks at whom",
        word_by_word: "Attention, word by word",
        shares: ["share, per token", "share of attention"],
        seconds: "seconds",
        where_it_looked: "Where the model looked",
        tokens_lit: "How much each token drew",
        counted: ["per token", "in total"],
        parts: ["Layer", "Numbers by layer", "Save the data (JSON)", "What ran"],
        mean_of_heads: "mean of heads",
        made_with: "Made with LangOverrule Lab {version}. This file needs neither the lab nor the network.",
        beside: "Runs beside each other",
        end: "[end]",
        definition: "definition",
        still_running: "partial: still running",
        cancelled: "partial: cancelled",
        failed: "partial: failed",
        unfinished: "the run did not finish, and only a part of it was seen",
        late_layers: "late layers",
        verdicts: [
            "Token for token, the words draw more.",
            "Token for token, the picture draws more.",
            "Words and picture draw about as much.",
        ],
    };

    /// In Korean.
    pub const KOREAN: Words = Words {
        balance: "균형",
        layer: "레이어",
        head: "헤드",
        stages: ["초반", "중반", "후반"],
        this_run: "이 실행",
        text: "텍스트",
        picture: "이미지",
        sound: "소리",
        paper: "논문",
        all_alike: "모두 균등",
        half_each: "절반씩",
        begin: "시작",
        words: "텍스트",
        other: "기타",
        answer: "답변",
        rest: "나머지",
        mdi_by_layer: "레이어별 MDI",
        mdi_of_answers: "답변 {n}개의 레이어별 MDI: 기하 평균과 10개 중 8개가 있는 범위",
        mean: "평균",
        aei_by_layer: "레이어별 AEI",
        mdi_by_head: "헤드·레이어별 MDI",
        picture_draws_more: "이미지가 더 많이 받음",
        words_draw_more: "텍스트가 더 많이 받음",
        who_looks_at_whom: "무엇이 무엇을 보는가",
        word_by_word: "단어별 어텐션",
        shares: ["토큰당 비율", "어텐션 비율"],
        seconds: "초",
        where_it_looked: "모델이 본 곳",
        tokens_lit: "토큰별로 받은 어텐션",
        counted: ["토큰당", "전체"],
        parts: ["레이어", "레이어별 수치", "데이터 저장(JSON)", "실행 정보"],
        mean_of_heads: "헤드 평균",
        made_with: "LangOverrule Lab {version}(으)로 만들었습니다. 이 파일을 보는 데는 랩도 네트워크도 필요하지 않습니다.",
        beside: "나란히 놓은 실행",
        end: "[끝]",
        definition: "정의",
        still_running: "일부만 본 값: 아직 실행 중",
        cancelled: "일부만 본 값: 취소됨",
        failed: "일부만 본 값: 실패함",
        unfinished: "실행이 끝나지 않아 일부만 관찰했습니다",
        late_layers: "후반 레이어",
        verdicts: [
            "토큰 하나씩 비교하면 텍스트가 더 많이 받습니다.",
            "토큰 하나씩 비교하면 이미지가 더 많이 받습니다.",
            "텍스트와 이미지가 비슷하게 받습니다.",
        ],
    };

    /// In a language.
    pub const fn of(language: Language) -> Words {
        match language {
            Language::English => Words::ENGLISH,
            Language::Korean => Words::KOREAN,
        }
    }
}

impl Words {
    /// A stage's name.
    pub const fn stage(&self, stage: Stage) -> &'static str {
        match stage {
            Stage::Early => self.stages[0],
            Stage::Middle => self.stages[1],
            Stage::Late => self.stages[2],
        }
    }

    /// Who draws more attention per token; within 10 % of 1 nobody does: less than a change of prompt
    /// template moves it.
    pub fn verdict(&self, mdi: f64) -> (Option<Role>, &'static str) {
        if mdi > 1.1 {
            (Some(Role::Words), self.verdicts[0])
        } else if mdi < 1.0 / 1.1 {
            (Some(Role::Picture), self.verdicts[1])
        } else {
            (None, self.verdicts[2])
        }
    }

    /// What stands beside numbers of a run that did not finish, or has not yet, by where it stands.
    pub fn partial(&self, status: &str) -> Option<&'static str> {
        match status {
            "done" => None,
            "cancelled" => Some(self.cancelled),
            "failed" => Some(self.failed),
            _ => Some(self.still_running),
        }
    }
}

impl Default for Words {
    fn default() -> Self {
        Words::ENGLISH
    }
}

/// Text in which control codes can be seen, and so can a token that draws nothing.
pub fn drawn(text: &str) -> String {
    let hidden = text.chars().all(draws_nothing);
    let one = |c: char| match c.is_control() || hidden {
        true => visible(c),
        false => c.to_string(),
    };
    text.chars().map(one).collect()
}

/// A token's text as a list shows it: line breaks and blanks made visible.
pub fn token(text: &str, words: &Words) -> String {
    let text = text.replace('\u{2581}', " ").replace("\r\n", "↵").replace(['\n', '\r'], "↵");
    let text = text.replace("<0x0A>", "↵");
    let shown = text.replace('\t', "⇥");
    match shown.trim() {
        "" if shown.is_empty() => words.end.into(),
        "" => "␣".repeat(shown.chars().count()),
        word => drawn(word),
    }
}

/// A number with three significant digits, as a person would write it.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "∞".into()
    } else if size >= 9_999.5 {
        format!("{value:.2e}")
    } else if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.0995 || size == 0.0 {
        format!("{value:.2}")
    } else {
        let places = (libm::ceil(-libm::log10(size)) as usize + 1).min(8);
        format!("{value:.places$}")
    }
}

/// A share as a percentage; no line breaks before its sign.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let digits = match value {
        v if v >= 9.95 => format!("{v:.0}"),
        v if v >= 0.995 => format!("{v:.1}"),
        v if v >= 0.01 || v == 0.0 => format!("{v:.2}"),
        _ => return "< 0.01\u{a0}%".into(),
    };
    format!("{digits}\u{a0}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let cases = [
            (17.37, "17.4"),
            (4.229, "4.23"),
            (0.3149, "0.31"),
            (0.042, "0.042"),
            (0.000_123, "0.00012"),
            (123.4, "123"),
            (99.96, "100"),
            (9.999, "10.0"),
            (0.0, "0.00"),
            (12_345.0, "1.23e4"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!(percent(0.767), "77\u{a0}%");
        assert_eq!(percent(0.0423), "4.2\u{a0}%");
        assert_eq!(percent(0.000_01), "< 0.01\u{a0}%");
        assert_eq!(percent(0.0), "0.00\u{a0}%");
    }
}
