//! Bodies that are sent to the lab: no slower than a floor.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use shared::ErrorCode;
use shared::sentence::LabError;
use tokio::time::Instant;

use super::pace::{Pace, Waiting};
use crate::error::ApiError;

/// A body that ends in an error when it comes too slowly.
struct PacedBody {
    body: Body,
    pace: Pace,
    waiting: Waiting,
    end: Option<Instant>,
    came: u64,
    slow: Arc<AtomicBool>,
}

/// What came of a body came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("what was sent came too slowly")]
struct TooSlow;

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let whole = this.pace.whole;
        let end = *this.end.get_or_insert_with(|| Instant::now() + whole);
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting.moved();
            let data = frame.as_ref().and_then(|f| f.as_ref().ok()).and_then(Frame::data_ref);
            this.came += data.map_or(0, |bytes| bytes.len() as u64);
            return Poll::Ready(frame);
        }
        let earned =
            std::time::Duration::from_secs_f64(this.came as f64 / this.pace.floor.max(1) as f64);
        let allowed = this.pace.grace + earned;
        std::task::ready!(this.waiting.poll_over(cx, allowed, Some(end)));
        this.slow.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Gives up on bodies that come too slowly; whatever a route makes of that, the answer says so.
pub async fn paced(State(pace): State<Pace>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let slow = Arc::new(AtomicBool::new(false));
    let waiting = Waiting::default();
    let told = slow.clone();
    let request =
        request.map(|body| Body::new(PacedBody { body, pace, waiting, end: None, came: 0, slow }));
    let response = next.run(request).await;
    match told.load(Ordering::Relaxed) {
        true => too_slow(&pace).into_response(),
        false => response,
    }
}

fn too_slow(pace: &Pace) -> ApiError {
    let slow = LabError::TooSlow {
        seconds: pace.grace.as_secs(),
        rate: pace.floor >> 10,
        minutes: pace.whole.as_secs().div_ceil(60),
    };
    ApiError::new(ErrorCode::TooSlow, slow)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;

    use super::*;

    const PACE: Pace =
        Pace { grace: Duration::from_secs(10), floor: 1000, whole: Duration::from_secs(60) };

    /// A body of so many pieces of `size` bytes, one each `pause`.
    fn body(pieces: usize, size: usize, pause: Duration) -> PacedBody {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, Infallible>(Bytes::from(vec![0; size]))
        });
        let body = Body::from_stream(pieces);
        let (waiting, slow) = (Waiting::default(), Arc::default());
        PacedBody { body, pace: PACE, waiting, end: None, came: 0, slow }
    }

    async fn read(body: PacedBody) -> (bool, Duration) {
        let (slow, started) = (body.slow.clone(), Instant::now());
        let all = body.collect().await;
        assert_eq!(all.is_err(), slow.load(Ordering::Relaxed));
        // Timers are as fine as a millisecond.
        let tenths = (started.elapsed().as_secs_f64() * 10.0).round() as u64;
        (all.is_ok(), Duration::from_millis(100 * tenths))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_at_the_floor_is_read_and_one_below_it_is_given_up() {
        assert_eq!(
            read(body(50, 1000, Duration::from_secs(1))).await,
            (true, Duration::from_secs(50))
        );
        // Nothing at all: the grace alone.
        assert_eq!(
            read(body(1, 1000, Duration::from_secs(3600))).await,
            (false, Duration::from_secs(10))
        );
        // Half the floor: what came earns a little more.
        let (all, after) = read(body(1000, 500, Duration::from_secs(1))).await;
        assert!(
            !all && after >= Duration::from_secs(19) && after <= Duration::from_secs(21),
            "{after:?}"
        );
        // A byte a second, as slowloris sends.
        let (all, after) = read(body(1000, 1, Duration::from_secs(1))).await;
        assert!(!all && after <= Duration::from_millis(10_100), "{after:?}");
        // Fast enough, and without end.
        assert_eq!(
            read(body(1000, 5000, Duration::from_secs(1))).await,
            (false, Duration::from_secs(60))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_the_lab_takes_itself_is_nobodys_fault() {
        let mut slow_reader = body(3, 10, Duration::from_secs(3));
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(15)).await;
            assert!(slow_reader.frame().await.is_some_and(|frame| frame.is_ok()));
        }
        // 9 seconds of waiting in 54.
        assert!(slow_reader.frame().await.is_none());
    }
}
