//! Items out of SQLite.

use std::ops::Range;

use rusqlite::params;
use shared::Message;
use shared::ModelInfo;
use shared::experiment::ExperimentState;

use super::rows::{end, json, number, parse, run_id};
use super::seat::{self, FileSeat};
use super::{SqliteQueue, WAITING, kept, lacks, sealed};
use crate::experiments::book::{Book, End, Experiment};
use crate::experiments::items::{Claim, Items, Noted, Post, Seat};
use crate::id::RunId;
use crate::lock;
use crate::store::StoreError;

impl Items for SqliteQueue {
    fn offer(&self, _: &RunId) -> Result<(), StoreError> {
        // Items lie beside the book, and whoever looks finds them there.
        Ok(())
    }

    fn sit(&self, post: Post) -> Result<Box<dyn Seat>, StoreError> {
        let seat = FileSeat::take(&self.seats, post)?;
        self.bury(seat.name())?;
        self.write(|c| self.forget_gone(c))?;
        lock(&self.taken).push(seat.name().to_owned());
        Ok(Box::new(seat))
    }

    fn leave(&self) {
        lock(&self.taken).iter().for_each(|name| seat::blank(&self.seats, name));
    }

    fn claim(&self, seat: &dyn Seat, most: u32) -> Result<Vec<Claim>, StoreError> {
        // Idle workers ask often: they must not hold up those that write.
        let any = self.with(|c| {
            Ok(c.prepare_cached("SELECT 1 FROM experiments WHERE state = 'running' LIMIT 1")?
                .exists([])?)
        })?;
        if !any {
            return Ok(Vec::new());
        }
        self.bury(seat.name())?;
        self.write(|c| {
            let mut claims = Vec::new();
            let mut waiting = c.prepare_cached(&format!(
                "SELECT e.id, i.experiment, i.place, i.item FROM experiments e
                 JOIN items i ON i.experiment = e.number AND i.state = 0
                 WHERE e.state = 'running' AND {} ORDER BY e.number, i.place LIMIT ?2",
                lacks::ABLE
            ))?;
            let mut take = c.prepare_cached(
                "UPDATE items SET state = 1, worker = ?3 WHERE experiment = ?1 AND place = ?2",
            )?;
            let found = waiting.query_map(params![seat.name(), most], |r| {
                Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?, r.get(3)?))
            })?;
            for row in found.collect::<Result<Vec<_>, _>>()? {
                let (id, number, place, item) = row;
                if !sealed::intact(c, number)? {
                    continue;
                }
                take.execute(params![number, place, seat.name()])?;
                claims.push(Claim { experiment: run_id(&id)?, item });
            }
            if claims.is_empty() {
                self.pause_stuck(c)?;
            }
            Ok(claims)
        })
    }

    fn renew(&self, _: &dyn Seat, _: &[Claim]) -> Result<(), StoreError> {
        // A seat is a lock that the system lets go of when its worker dies: there is nothing to say.
        Ok(())
    }

    fn finish(&self, seat: &dyn Seat, ends: &[(Claim, End)]) -> Result<u32, StoreError> {
        self.write(|c| {
            let mut taken = 0;
            for (claim, ended) in ends {
                let Some(number) = number(c, &claim.experiment)? else { continue };
                let holds = c
                    .prepare_cached(
                        "SELECT 1 FROM items WHERE experiment = ?1 AND item = ?2 AND state = 1
                         AND worker = ?3",
                    )?
                    .exists(params![number, claim.item, seat.name()])?;
                if holds && sealed::intact(c, number)? {
                    end(c, number, claim.item, ended)?;
                    taken += 1;
                }
            }
            Ok(taken)
        })
    }

    fn release(&self, seat: &dyn Seat, claims: &[Claim]) -> Result<(), StoreError> {
        self.write(|c| {
            for claim in claims {
                let Some(number) = number(c, &claim.experiment)? else { continue };
                c.prepare_cached(
                    "UPDATE items SET state = ?4, worker = NULL
                     WHERE experiment = ?1 AND item = ?2 AND state = 1 AND worker = ?3",
                )?
                .execute(params![number, claim.item, seat.name(), WAITING])?;
            }
            Ok(())
        })
    }

    fn experiment(&self, id: &RunId) -> Result<Option<Experiment>, StoreError> {
        self.get(id)
    }

    fn wanted(&self, id: &RunId) -> Result<bool, StoreError> {
        Ok(self.state(id)? == Some(ExperimentState::Running))
    }

    fn pause(&self, id: &RunId, problem: &Message) -> Result<(), StoreError> {
        self.set_state(id, ExperimentState::Paused, Some(problem)).map(drop)
    }

    fn lack(
        &self,
        seat: &dyn Seat,
        id: &RunId,
        items: &[Range<u32>],
        reason: &Message,
    ) -> Result<(), StoreError> {
        self.write(|c| {
            let Some(number) = number(c, id)? else { return Ok(()) };
            lacks::note(c, number, seat.name(), items, &kept::line(reason))?;
            let mut give_back = c.prepare_cached(
                "UPDATE items SET state = ?5, worker = NULL WHERE experiment = ?1
                 AND state = 1 AND worker = ?2 AND item >= ?3 AND item < ?4",
            )?;
            for range in items {
                let Range { start, end } = range;
                give_back.execute(params![number, seat.name(), start, end, WAITING])?;
            }
            self.pause_stuck(c)
        })
    }

    fn try_again(&self, seat: &dyn Seat) -> Result<bool, StoreError> {
        self.write(|c| lacks::forget_by(c, seat.name()))
    }

    fn note_model(&self, id: &RunId, model: &ModelInfo) -> Result<Noted, StoreError> {
        self.write(|c| {
            let Some(number) = number(c, id)? else { return Ok(Noted::Noted) };
            let mut noted = Noted::Noted;
            sealed::change(c, number, || {
                let known: String = c
                    .prepare_cached("SELECT models FROM experiments WHERE number = ?1")?
                    .query_row(params![number], |r| r.get(0))?;
                let mut models: Vec<ModelInfo> = parse(&known)?;
                let mut same =
                    models.iter().filter(|m| (&m.name, m.quant) == (&model.name, model.quant));
                if let Some(first) = same.next()
                    && first.hash != model.hash
                {
                    noted = Noted::Differs(first.hash.clone());
                } else if !models.contains(model) {
                    // Once for each device: all of them made the numbers.
                    models.push(model.clone());
                    c.prepare_cached("UPDATE experiments SET models = ?2 WHERE number = ?1")?
                        .execute(params![number, json(&models)?])?;
                }
                Ok(())
            })?;
            Ok(noted)
        })
    }
}
