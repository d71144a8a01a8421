//! What is read from the store for somebody: bounded by what all of it together may take.
//!
//! A stored run or picture is in memory while it is sent, and whoever asked may read it slowly or not
//! at all. So reading it takes a turn, and keeping it takes room, until the last of it was sent.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use shared::ErrorCode;
use shared::sentence::LabError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::error::ApiError;

/// Most bytes of what was read from the store and is not sent yet.
const ROOM: usize = 256 << 20;
/// Things read from the store at once, each of which may be as large as it likes until it has its room.
const TURNS: usize = 2;
/// How long somebody waits for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// Room for what is read from the store.
#[derive(Debug)]
pub struct ReadRoom {
    turns: Semaphore,
    free: Arc<Semaphore>,
    all: usize,
}

/// Room that is taken, until this is dropped.
#[derive(Debug)]
pub struct HeldRoom(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Default for ReadRoom {
    fn default() -> Self {
        ReadRoom::of(ROOM)
    }
}

impl ReadRoom {
    /// Room for so many bytes.
    pub fn of(bytes: usize) -> ReadRoom {
        let all = (bytes >> 10).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        ReadRoom { turns: Semaphore::new(TURNS), free: Arc::new(Semaphore::new(all)), all }
    }

    /// A turn to read.
    ///
    /// # Errors
    /// Never in a lab that is open.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.turns.acquire().await.map_err(ApiError::internal)
    }

    /// Takes room for so many bytes; for what is larger than the whole, all of it. `give_up` lets go of
    /// what is kept for nobody, where there is too little.
    ///
    /// # Errors
    /// `connections_full`: others have not read theirs in time.
    pub async fn hold(&self, bytes: usize, give_up: impl FnOnce()) -> Result<HeldRoom, ApiError> {
        // Below MAX, so it fits.
        let wanted = (bytes >> 10).clamp(1, self.all) as u32;
        if let Ok(permit) = self.free.clone().try_acquire_many_owned(wanted) {
            return Ok(HeldRoom(permit));
        }
        give_up();
        let room = self.free.clone().acquire_many_owned(wanted);
        match tokio::time::timeout(PATIENCE, room).await {
            Ok(permit) => permit.map(HeldRoom).map_err(ApiError::internal),
            Err(_) => Err(ApiError::new(ErrorCode::ConnectionsFull, LabError::ReadersFull)),
        }
    }
}

/// Bytes that give their room back when the last of them was sent, or was given up.
pub fn holding(bytes: Bytes, held: HeldRoom) -> Bytes {
    struct Holding(Bytes, #[allow(dead_code, reason = "held for its drop")] HeldRoom);
    impl AsRef<[u8]> for Holding {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Holding(bytes, held))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_makes_others_wait_and_no_more() {
        let room = ReadRoom::of(1 << 20);
        let one = room.hold(600 << 10, || ()).await.map(|held| holding(vec![7; 4].into(), held));
        let one = one.expect("there is room");
        let mut asked = false;
        let refused = room.hold(600 << 10, || asked = true).await.expect_err("there is too little");
        assert_eq!(refused.0.code, ErrorCode::ConnectionsFull);
        assert!(asked, "what is kept for nobody is given up first");
        let rest = one.slice(1..3);
        drop(one);
        assert!(room.hold(600 << 10, || ()).await.is_err(), "a part of it is still to be sent");
        drop(rest);
        assert!(room.hold(600 << 10, || ()).await.is_ok());
        // What is larger than all there is has it alone.
        let all = room.hold(1 << 30, || ()).await.expect("all of it");
        assert!(room.hold(1, || ()).await.is_err());
        drop(all);
        assert!(room.hold(1, || ()).await.is_ok());
    }
}
