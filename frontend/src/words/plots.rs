//! The words that drawings write, in the page's language.

use plots::Words;

use crate::language::t;

/// The words that drawings write, in the language in force.
pub fn plot_words() -> Words {
    Words {
        balance: t("balance"),
        layer: t("layer"),
        head: t("head"),
        stages: [t("early"), t("middle"), t("late")],
        this_run: t("this run"),
        text: t("text"),
        picture: t("picture"),
        paper: t("paper"),
        all_alike: t("all alike"),
        half_each: t("half each"),
        begin: t("begin"),
        words: t("words"),
        other: t("other"),
        answer: t("answer"),
        mdi_by_layer: t("MDI by layer"),
        mdi_of_answers: t("MDI by layer over {n} answers: geometric mean, and where 8 of 10 lie"),
        mean: t("mean"),
        aei_by_layer: t("AEI by layer"),
        mdi_by_head: t("MDI by head and layer"),
        picture_draws_more: t("the picture draws more"),
        words_draw_more: t("words draw more"),
        who_looks_at_whom: t("Who looks at whom"),
        word_by_word: t("Attention, word by word"),
        end: t("[end]"),
        definition: t("definition"),
        still_running: t("partial: still running"),
        cancelled: t("partial: cancelled"),
        failed: t("partial: failed"),
        unfinished: t("the run did not finish, and only a part of it was seen"),
        late_layers: t("late layers"),
        verdicts: [
            t("Token for token, the words draw more."),
            t("Token for token, the picture draws more."),
            t("Words and picture draw about as much."),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{InForce, Language};

    #[test]
    fn files_of_page_and_server_write_the_same_words() {
        assert_eq!(Language::English.during(plot_words), Words::ENGLISH);
        let korean = Language::Korean.during(plot_words);
        assert!(korean.balance != "balance" && korean.layer != "layer");
    }
}
