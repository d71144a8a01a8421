//! `POST /api/runs`: starts a run.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Extension, Json};
use futures_util::StreamExt;
use shared::api::RunCreated;
use shared::sentence::{EngineRefusal, LabError};
use shared::{ErrorBody, ErrorCode, MOST_MEDIA, sound_type};
use tokio_util::bytes::BytesMut;

use super::extract::{bearer, of_kind, unpacked};
use super::film_form::{FrameFields, MOST_FRAMES, MOST_SAID};
use crate::error::ApiError;
use crate::fair::{Activity, Client, uploads_full};
use crate::http::state::{AppState, Limits};
use crate::http::validate::parse_options;
use crate::runs::Asker;
use crate::workers::lab::film_file;

/// Most bytes of the options: the longest prompt, every character escaped, fits many times.
const MAX_OPTIONS: usize = 256 << 10;
/// Most fields that are read of a form; the pictures, frames and the options are wanted.
const MAX_FIELDS: usize = 24 + MOST_FRAMES;
const _: () = assert!(MOST_MEDIA < MAX_FIELDS);

/// The form's fields, for the document.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the form; the handler reads it field by field")]
pub struct RunForm {
    /// The picture: PNG, JPEG, WebP, GIF or BMP. The field may come again: then they are the
    /// prompt's pictures in this order, up to nine.
    #[schema(value_type = String, format = Binary)]
    picture: Vec<u8>,
    /// A sound in a picture's place, for models that hear: a WAV file, best of 16,000 samples a second; other rates are resampled. The field
    /// may come again, too.
    #[schema(value_type = Option<String>, format = Binary)]
    audio: Option<Vec<u8>>,
    /// A film in a picture's place, for models that see films: an animated GIF, PNG or WebP file, or a y4m file. The field may come
    /// again, too. Which of its frames the model sees, `film` in the options says.
    #[schema(value_type = Option<String>, format = Binary)]
    video: Option<Vec<u8>>,
    /// A frame of a film, as a picture file; the field comes again for each, all of one size, up to 768. The model sees all of them.
    #[schema(value_type = Option<String>, format = Binary)]
    frame: Option<Vec<u8>>,
    /// How many frames a second the fields `frame` are; may be left out where the next three say it.
    fps: Option<f64>,
    /// How many frames a second the film has that the frames were taken of.
    source_fps: Option<f64>,
    /// How many frames that film has.
    source_frames: Option<u32>,
    /// The frames' numbers in it, from 0, joined by commas.
    indices: Option<String>,
    /// The options, as JSON.
    options: shared::AskedOptions,
}

/// Starts a run.
///
/// Answers once the run is durable. What happens then comes over the run's websocket. Clients take turns
/// in the line of runs, and one client has at most two thirds of its places; a class's presenter,
/// who shows the class's token, has a place of its own. Who is refused with `too_many_requests` or
/// `queue_full` may ask again after `Retry-After` seconds.
#[utoipa::path(
    post,
    path = "/api/runs",
    tag = "runs",
    params(
        ("Authorization" = Option<String>, Header, description = "`Bearer` and the token of a class's presenter"),
    ),
    request_body(content = RunForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, body = RunCreated, headers(("Location" = String, description = "The run"))),
        (status = 400, body = ErrorBody, description = "picture_missing, picture_empty, \
            picture_damaged, prompt_empty, prompt_too_long, bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "unknown_model"),
        (status = 408, body = ErrorBody, description = "too_slow"),
        (status = 413, body = ErrorBody, description = "picture_too_large, \
            picture_too_many_pixels, body_too_large: the options"),
        (status = 415, body = ErrorBody, description = "picture_unreadable, wrong_content_type: a sound that is not read, too"),
        (status = 422, body = ErrorBody, description = "picture_too_narrow"),
        (status = 429, body = ErrorBody, description = "too_many_requests", headers(
            ("Retry-After" = u32, description = "Seconds until asking again may help"),
        )),
        (status = 503, body = ErrorBody, description = "queue_full, shutting_down"),
        (status = 507, body = ErrorBody, description = "storage_full"),
    )
)]
pub async fn create_run(
    State(state): State<AppState>,
    client: Client,
    connection: Option<Extension<Arc<Activity>>>,
    headers: HeaderMap,
    mut request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<RunCreated>), ApiError> {
    let presents = bearer(&headers).and_then(|token| state.classrooms.presented_with(token));
    let connection = connection.map_or_else(Activity::new, |Extension(it)| it);
    let _busy = connection.busy();
    let place = match state.runs.fair.upload(client, connection) {
        Ok(place) => place,
        Err(error) => {
            drain(request.into_body(), &state.limits).await;
            return Err(error);
        }
    };
    of_kind(&headers, |kind| kind == "multipart/form-data", "a form (multipart/form-data)")?;
    unpacked(&headers)?;
    // Counted below, field by field, so that each limit has its own error.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &state).await.map_err(not_a_form)?;
    let (pictures, options) = tokio::select! {
        form = read_form(form, &state.limits) => form?,
        // It did not get on, and another needs its place.
        () = place.leave().cancelled_owned() => return Err(uploads_full()),
    };
    let asker = Asker { client, presents };
    let created = state.runs.submit(pictures, parse_options(&options)?, asker).await?;
    let location =
        [(header::LOCATION, format!("{}/api/runs/{}", state.access.base.as_str(), created.id))];
    Ok((StatusCode::ACCEPTED, location, Json(created)))
}

/// Reads what nobody wants, within bounds: a client that is cut off while it sends would see a broken
/// connection and not the reason.
async fn drain(body: Body, limits: &Limits) {
    let mut data = body.into_data_stream();
    let mut left = limits.upload + MAX_OPTIONS;
    while let Some(Ok(chunk)) = data.next().await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

async fn read_form(mut form: Multipart, limits: &Limits) -> Result<(Vec<Bytes>, Bytes), ApiError> {
    let limit = limits.upload;
    let (mut pictures, mut options) = (Vec::new(), None);
    // All pictures together may be as large as one.
    let mut room = limit;
    let mut refused = None;
    let mut budget = Budget { left: 4 * limit + MAX_OPTIONS, limit };
    let mut fields = 0;
    // Frames are one film, which stands where the first of them does.
    let (mut frames, mut film_at) = (FrameFields::default(), None);
    // After a refusal the rest is still read (and dropped), within bounds: a client that is
    // cut off while it sends would see a broken connection and not the reason.
    while let Some(field) = form.next_field().await.map_err(broken_form)? {
        fields += 1;
        if fields > MAX_FIELDS {
            let many = ApiError::new(ErrorCode::BadRequest, LabError::TooManyFields);
            return Err(refused.unwrap_or(many));
        }
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "picture" | "audio" => match budget.read(field, room).await? {
                Some(bytes) if (name == "audio") != sound_type(&bytes).is_some() => {
                    // What it is said to be is not what it holds.
                    let (code, what) = match name.as_str() {
                        "audio" => (ErrorCode::WrongContentType, EngineRefusal::NoSound),
                        _ => (ErrorCode::PictureUnreadable, EngineRefusal::NoPicture),
                    };
                    refused.get_or_insert(ApiError::new(code, what));
                }
                Some(_) if pictures.len() == MOST_MEDIA => {
                    let many = LabError::TooManyPictures { most: MOST_MEDIA as u64 };
                    refused.get_or_insert(ApiError::new(ErrorCode::BadRequest, many));
                }
                Some(bytes) => {
                    room -= bytes.len();
                    pictures.push(bytes);
                }
                None => {
                    let error = match pictures.is_empty() {
                        true => picture_too_large(limit),
                        false => pictures_too_large(limit),
                    };
                    refused.get_or_insert(error);
                }
            },
            "video" => match budget.read(field, room).await? {
                Some(_) if pictures.len() == MOST_MEDIA => {
                    let many = LabError::TooManyPictures { most: MOST_MEDIA as u64 };
                    refused.get_or_insert(ApiError::new(ErrorCode::BadRequest, many));
                }
                Some(bytes) => {
                    room -= bytes.len();
                    match film_file(&bytes) {
                        Ok(film) => pictures.push(film.into()),
                        Err(error) => _ = refused.get_or_insert(error.into()),
                    }
                }
                None => _ = refused.get_or_insert(pictures_too_large(limit)),
            },
            "frame" => match budget.read(field, room).await? {
                Some(bytes) => {
                    room -= bytes.len();
                    film_at.get_or_insert(pictures.len());
                    if let Err(error) = frames.frame(bytes) {
                        refused.get_or_insert(error);
                    }
                }
                None => _ = refused.get_or_insert(pictures_too_large(limit)),
            },
            said if FrameFields::is_about(said) => match budget.read(field, MOST_SAID).await? {
                Some(value) => {
                    if let Err(error) = frames.say(said, &value) {
                        refused.get_or_insert(error);
                    }
                }
                None => _ = refused.get_or_insert(options_too_large()),
            },
            "options" => {
                if options.is_some() {
                    let twice = ApiError::new(ErrorCode::BadRequest, LabError::OptionsTwice);
                    refused.get_or_insert(twice);
                }
                match budget.read(field, MAX_OPTIONS).await? {
                    Some(bytes) => options = Some(bytes),
                    None => _ = refused.get_or_insert(options_too_large()),
                }
            }
            other => {
                let unknown = LabError::UnknownField { name: other.chars().take(60).collect() };
                refused.get_or_insert(ApiError::new(ErrorCode::BadRequest, unknown));
                budget.drain(field).await?;
            }
        }
    }
    if let Some(error) = refused {
        return Err(error);
    }
    if let Some(film) = frames.film()? {
        if pictures.len() == MOST_MEDIA {
            let many = LabError::TooManyPictures { most: MOST_MEDIA as u64 };
            return Err(ApiError::new(ErrorCode::BadRequest, many));
        }
        pictures.insert(film_at.unwrap_or(0), film);
    }
    if pictures.is_empty() {
        return Err(ApiError::new(ErrorCode::PictureMissing, LabError::PictureMissing));
    }
    let options =
        options.ok_or_else(|| ApiError::new(ErrorCode::BadRequest, LabError::NoOptions))?;
    Ok((pictures, options))
}

/// What may still be read of a form, over all its fields.
struct Budget {
    left: usize,
    /// Most bytes of the picture, to say so.
    limit: usize,
}

impl Budget {
    /// A field's next bytes.
    async fn chunk(&mut self, field: &mut Field<'_>) -> Result<Option<Bytes>, ApiError> {
        let chunk = field.chunk().await.map_err(broken_form)?;
        let read = chunk.as_ref().map_or(0, Bytes::len);
        let left = self.left.checked_sub(read).ok_or_else(|| picture_too_large(self.limit))?;
        self.left = left;
        Ok(chunk)
    }

    /// A field's bytes, or `None` if there are more than `most`.
    async fn read(&mut self, mut field: Field<'_>, most: usize) -> Result<Option<Bytes>, ApiError> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.chunk(&mut field).await? {
            if bytes.len() + chunk.len() > most {
                self.drain(field).await?;
                return Ok(None);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes.freeze()))
    }

    /// Reads what is left of a field.
    async fn drain(&mut self, mut field: Field<'_>) -> Result<(), ApiError> {
        while self.chunk(&mut field).await?.is_some() {}
        Ok(())
    }
}

fn picture_too_large(limit: usize) -> ApiError {
    let mib = (limit >> 20) as u64;
    ApiError::new(ErrorCode::PictureTooLarge, LabError::PictureTooLarge { mib })
}

fn pictures_too_large(limit: usize) -> ApiError {
    let mib = (limit >> 20) as u64;
    ApiError::new(ErrorCode::PictureTooLarge, LabError::PicturesTooLarge { mib })
}

fn options_too_large() -> ApiError {
    let kib = (MAX_OPTIONS >> 10) as u64;
    ApiError::new(ErrorCode::BodyTooLarge, LabError::OptionsTooLarge { kib })
}

fn not_a_form(error: MultipartRejection) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, LabError::NotAForm { why: error.body_text() })
}

fn broken_form(error: MultipartError) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, LabError::UnreadableRequest { why: error.body_text() })
}
