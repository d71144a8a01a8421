//! What these routes take from a request.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use shared::ErrorCode;
use shared::sentence::LabError;

use crate::error::ApiError;
use crate::experiments::live::no_experiment;
use crate::experiments::{Experiment, Means};
use crate::http::routes::extract::bearer;
use crate::http::state::AppState;
use crate::id::RunId;

/// What experiments need, where this lab runs any.
pub(super) struct Workshop(pub(super) Means);

impl FromRequestParts<AppState> for Workshop {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        state
            .experiments
            .clone()
            .map(Workshop)
            .ok_or_else(|| ApiError::new(ErrorCode::NotFound, LabError::NoExperiments))
    }
}

/// The experiment that the path names.
pub(super) struct TheExperiment {
    pub(super) means: Means,
    pub(super) experiment: Experiment,
}

impl TheExperiment {
    pub(super) fn id(&self) -> &RunId {
        &self.experiment.start.id
    }

    /// The dataset may be named by its path, and the path is nobody's business.
    pub(super) fn into_parts(self) -> (Means, Experiment) {
        (self.means, self.experiment)
    }
}

impl FromRequestParts<AppState> for TheExperiment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Workshop(means) = Workshop::from_request_parts(parts, state).await?;
        // A name that is not even text names no experiment.
        let names = RawPathParams::from_request_parts(parts, state).await;
        let names = names.map_err(|_| no_experiment())?;
        let id = names.iter().find(|(name, _)| *name == "id").map(|(_, id)| id);
        let id = id.and_then(RunId::parse).ok_or_else(no_experiment)?;
        let book = means.book.clone();
        let found = tokio::task::spawn_blocking(move || book.get(&id)).await;
        let experiment = found.map_err(ApiError::internal)??.ok_or_else(no_experiment)?;
        Ok(TheExperiment { means, experiment })
    }
}

/// The experiment that the path names, by the one who owns it.
pub(super) struct OwnExperiment(pub(super) TheExperiment);

impl FromRequestParts<AppState> for OwnExperiment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let found = TheExperiment::from_request_parts(parts, state).await?;
        match bearer(&parts.headers) {
            Some(token) if found.experiment.start.owner.matches(token) => Ok(OwnExperiment(found)),
            _ => Err(ApiError::new(ErrorCode::NotOwner, LabError::NotExperimentOwner)),
        }
    }
}
