//! What was asked for and could not be followed to the letter.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An option that a run uses otherwise than it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changed {
    /// The option's name.
    pub option: String,
    /// What was asked.
    pub asked: String,
    /// What the run uses; empty where the option has no effect on this model.
    pub used: String,
    /// Why.
    pub why: WhyChanged,
}

/// Why an option is not what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhyChanged {
    /// It is above the model's own limit, which holds.
    AboveModelLimit,
    /// The model reads pictures at their own size: there is no frame to fit them to.
    ReadsAnySize,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Changed { option, asked, used, why } = self;
        match why {
            WhyChanged::AboveModelLimit => {
                write!(f, "{option} {asked} is above the model's own limit: {used} holds")
            }
            WhyChanged::ReadsAnySize => {
                write!(f, "{option} {asked} has no effect: this model reads pictures at any size")
            }
        }
    }
}
