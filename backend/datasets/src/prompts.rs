//! MMMU-Pro's prompts, word for word as `mmmu-pro/prompts.yaml` of its repository has them.

/// Which of the prompts a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// The letter at once.
    Direct,
    /// Thinking step by step first.
    Cot,
}

macro_rules! last_line {
    () => {
        "The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of options."
    };
}

impl Style {
    /// The whole prompt where question and options are in the picture.
    pub(crate) fn vision(self) -> &'static str {
        match self {
            Style::Direct => {
                concat!(
                    "Answer with the option letter from the given choices directly. ",
                    last_line!()
                )
            }
            Style::Cot => concat!(
                "Write out the multiple-choice question in the image and then solve it. ",
                last_line!(),
                " Think step by step before answering."
            ),
        }
    }

    /// What follows question and options where they are text.
    pub(crate) fn standard(self) -> &'static str {
        match self {
            Style::Direct => "Answer with the option letter from the given choices directly.",
            Style::Cot => concat!(
                "Answer the preceding multiple choice question. ",
                last_line!(),
                " Think step by step before answering."
            ),
        }
    }
}
