//! What a person is told of an error: its sentence in the language in force. Of what earlier and later
//! versions of the lab say the code tells what went wrong, and the English message the rest.

use shared::{ErrorBody, ErrorCode, Sentence};

use crate::language::{self, fill, t};

/// An error of the lab's in the language in force.
pub fn of(body: &ErrorBody) -> String {
    said(body.code, &body.message, body.sentence.as_ref())
}

/// An error in the language in force, by its sentence. Where it has none that this page knows, the
/// code's own comes first and the English message stands behind it, because only that names the field,
/// the limit or the file.
pub fn said(code: ErrorCode, message: &str, sentence: Option<&Sentence>) -> String {
    if let Some(said) = language::said(message, sentence) {
        return said;
    }
    match of_code(code) {
        Some(sentence) if message.is_empty() => sentence.to_owned(),
        // Said already, where it came in by another door.
        Some(sentence) if message.starts_with(sentence) => message.to_owned(),
        Some(sentence) => fill(
            "{sentence} (Server: {message})",
            &[("sentence", &sentence), ("message", &message)],
        ),
        None => message.to_owned(),
    }
}

/// What a code means and what to do; `None` where only the message can say it.
fn of_code(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::PictureMissing => t("The request carried no picture; choose one."),
        ErrorCode::PictureEmpty => t("The picture file is empty; choose another."),
        ErrorCode::PictureUnreadable => {
            t("The file is not a picture of a format the lab reads; choose a PNG, JPEG or WebP.")
        }
        ErrorCode::PictureDamaged => t("The picture file ends early or is damaged."),
        ErrorCode::PictureTooLarge => t("The picture file is larger than the lab takes."),
        ErrorCode::PictureTooManyPixels => t("The picture has more pixels than the lab takes."),
        ErrorCode::PictureTooNarrow => t("The picture is too narrow; crop it."),
        ErrorCode::PromptEmpty => t("The question is empty; type one."),
        ErrorCode::PromptTooLong => {
            t("The question is too long for the model; shorten it or keep fewer picture tokens.")
        }
        ErrorCode::UnknownModel => t("The lab has no model of that name."),
        ErrorCode::BadOption => t("An option does not exist or has a value outside its range."),
        ErrorCode::BadRequest | ErrorCode::BadMessage => t("The request is malformed."),
        ErrorCode::HeadTooLarge => {
            t("The address is too long, or the browser sends too many cookies.")
        }
        ErrorCode::BodyTooLarge => t("What was sent is larger than the lab takes."),
        ErrorCode::WrongContentType => t("What was sent is of a kind that the lab does not read."),
        ErrorCode::UnknownHost => {
            t("The lab does not go by the name in the address; open it by its own address.")
        }
        ErrorCode::ForeignPage => t("Another website’s page asked for this; open the lab itself."),
        ErrorCode::TooSlow => t("What was sent came too slowly; try again on a better connection."),
        ErrorCode::TooManyConnections => {
            t("Too many connections are open from this network; close some of the lab’s tabs.")
        }
        ErrorCode::ConnectionsFull => {
            t("The lab has as many visitors as it can serve; try again in a moment.")
        }
        ErrorCode::NotFound => t("There is nothing at this address; it may have been deleted."),
        ErrorCode::NotOwner => t("Only the browser that started this may do that."),
        ErrorCode::QueueFull => t("Too many runs are waiting; try again in a moment."),
        ErrorCode::TooManyRequests => {
            t("Your address asks for more of the lab than its part; try again in a moment.")
        }
        ErrorCode::ClassroomFull => t(
            "There is no room: too many classes, too many people in the class, or too many of its pages in this browser.",
        ),
        ErrorCode::GuessClosed => t("Guesses of this question are closed."),
        ErrorCode::NewerVersion => t("A newer lab recorded this run; this one cannot read it."),
        ErrorCode::ModelNotPulled => t("The model is not on the lab’s machine yet; download it."),
        ErrorCode::ModelNotUnpacked => {
            t("The lab carries the model and cannot unpack it now; try again in a moment.")
        }
        ErrorCode::PullNotAllowed => t("This lab downloads no models on request."),
        ErrorCode::PullBusy => t("Another model is being downloaded; wait for it."),
        ErrorCode::HubDenied => t("The hub asks for an agreement or a token for this model."),
        ErrorCode::HubMissing => t("The hub has no such model, revision or file."),
        ErrorCode::HubUnreachable => {
            t("The hub cannot be reached, or the transfer was cut; what came is kept.")
        }
        ErrorCode::HubDamaged => t("What the hub sent is not what it announced; try again."),
        ErrorCode::ModelUnusable => t("The model’s files cannot be read or do not fit together."),
        ErrorCode::UnknownDataset => t("The lab has no dataset of that name."),
        ErrorCode::DatasetUnusable => t("The dataset cannot be read."),
        ErrorCode::SampleUnusable => t("The sample cannot be run."),
        ErrorCode::NotFinite => t("The model produced numbers that are not finite."),
        ErrorCode::OverBudget => t("Keeping all attention of this run would take too much memory."),
        ErrorCode::OutOfMemory => t("There is not enough memory for this run."),
        ErrorCode::StorageFull => t("The lab’s disk is full."),
        ErrorCode::StorageDamaged => {
            t("What the lab’s disk holds of this is damaged; run it again, or restore a copy.")
        }
        ErrorCode::Interrupted => t("The lab was restarted during the run; run it again."),
        ErrorCode::ShuttingDown => t("The lab is shutting down; try again in a moment."),
        ErrorCode::Internal => t("Something went wrong inside the lab; its log says more."),
        ErrorCode::MethodNotAllowed => return None,
    })
}

#[cfg(test)]
mod tests {
    use shared::sentence::LabError;

    use super::*;
    use crate::language::{InForce, Language};

    #[test]
    fn english_is_the_servers_own() {
        assert_eq!(said(ErrorCode::QueueFull, "32 runs wait.", None), "32 runs wait.");
    }

    #[test]
    fn korean_is_the_sentences_own_and_else_the_codes() {
        let body = ErrorBody::new(ErrorCode::QueueFull, LabError::RunsWaiting { n: 32 });
        let (own, old) = Language::Korean
            .during(|| (of(&body), of(&ErrorBody { sentence: None, ..body.clone() })));
        assert_eq!(own, LabError::RunsWaiting { n: 32 }.text(Language::Korean));
        assert!(!own.contains(&body.message) && old.contains(&body.message), "{own}, {old}");
        assert!(old.contains("대기 중인 실행이 너무 많습니다"), "{old}");
    }

    #[test]
    fn every_code_that_people_meet_has_a_sentence_of_its_own() {
        let mut seen = Vec::new();
        for code in ErrorCode::ALL {
            let Some(sentence) = of_code(*code) else {
                assert_eq!(*code, ErrorCode::MethodNotAllowed);
                continue;
            };
            let malformed = matches!(code, ErrorCode::BadMessage | ErrorCode::BadRequest);
            assert!(malformed || !seen.contains(&sentence), "{code}: {sentence}");
            seen.push(sentence);
        }
    }
}
