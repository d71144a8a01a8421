//! Who was refused, as lines in the log: at most one of each kind in ten seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::{ErrorBody, ErrorCode};
use tokio::runtime::Handle;

use super::client::Client;
use crate::lock;

/// Strangers must not fill the log: time between two lines of a kind.
const PAUSE: Duration = Duration::from_secs(10);
/// Clients that are told apart between two lines; of more only the number of refusals is kept.
const TOLD_APART: usize = 1024;

/// Notes who was refused, for a line in the log.
///
/// The first refusal of a kind is told at once; those that follow are told together, ten seconds after
/// each line, with the client that was refused most.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    kinds: Arc<Mutex<HashMap<String, Noted>>>,
}

/// What was refused of a kind since its last line.
#[derive(Debug, Default)]
struct Noted {
    /// Another line is told after the pause.
    pausing: bool,
    count: u64,
    clients: HashMap<Option<Client>, u64>,
    hint: String,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    count: u64,
    /// Who was refused most, and how often; `None` is a named proxy.
    most: Option<(Option<Client>, u64)>,
    clients: usize,
    hint: String,
}

impl Refusals {
    /// Notes an error that somebody is answered with, where it is a refusal that an operator wants to
    /// know of: somebody asks for more than there is or is theirs, or too slowly, or guesses codes.
    pub fn answered(&self, body: &ErrorBody, client: Client) {
        use ErrorCode::{
            ClassroomFull, ConnectionsFull, QueueFull, TooManyConnections, TooManyRequests, TooSlow,
        };
        let known = [
            ClassroomFull,
            ConnectionsFull,
            QueueFull,
            TooManyConnections,
            TooManyRequests,
            TooSlow,
        ];
        let sentence = body.sentence.as_ref().map(|sentence| sentence.id.as_str());
        if known.contains(&body.code) || sentence == Some("no_class") {
            self.note(sentence.unwrap_or(body.code.name()), Some(client), "");
        }
    }

    /// Notes a refusal of a kind. The hint says what to do about it, or what was asked; the newest is
    /// told. `None` is a named proxy, which speaks for many.
    pub fn note(&self, kind: &str, client: Option<Client>, hint: &str) {
        let line = lock(&self.kinds).entry(kind.to_owned()).or_default().note(client, hint);
        let Some(line) = line else { return };
        line.tell(kind);
        match Handle::try_current() {
            Ok(runtime) => _ = runtime.spawn(self.clone().go_on(kind.to_owned())),
            // Nobody can wait here: what comes next is told at once as well.
            Err(_) => lock(&self.kinds).entry(kind.to_owned()).or_default().pausing = false,
        }
    }

    /// Tells what comes after a line, a line each pause, until nothing does.
    async fn go_on(self, kind: String) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let line = lock(&self.kinds).get_mut(&kind).and_then(Noted::line);
            match line {
                Some(line) => line.tell(&kind),
                None => return,
            }
        }
    }
}

impl Noted {
    /// Notes one; gives the line that is due.
    fn note(&mut self, client: Option<Client>, hint: &str) -> Option<Line> {
        self.count += 1;
        if self.clients.len() < TOLD_APART || self.clients.contains_key(&client) {
            *self.clients.entry(client).or_default() += 1;
        }
        self.hint.clear();
        self.hint.push_str(hint);
        if self.pausing {
            return None;
        }
        self.line()
    }

    /// The line of what was noted since the last; where that is nothing, the pause is over.
    fn line(&mut self) -> Option<Line> {
        self.pausing = self.count > 0;
        if !self.pausing {
            return None;
        }
        let Noted { count, clients, hint, .. } = std::mem::take(self);
        self.pausing = true;
        let most = clients.iter().max_by_key(|(client, count)| (**count, **client));
        let most = most.map(|(client, count)| (*client, *count));
        Some(Line { count, most, clients: clients.len(), hint })
    }
}

impl Line {
    fn tell(&self, kind: &str) {
        let Line { count, clients, hint, .. } = self;
        let (most, of_them) = self.most.unwrap_or_default();
        let most = most.map_or_else(|| "a named proxy".to_owned(), |client| client.to_string());
        tracing::warn!(kind, count, clients, most, of_them, hint, "refused");
    }
}

#[cfg(test)]
mod tests {
    use shared::sentence::LabError;

    use super::*;

    fn client(n: u8) -> Client {
        Client::at([192, 0, 2, n].into())
    }

    #[test]
    fn the_first_is_told_at_once_and_the_rest_together() {
        let mut noted = Noted::default();
        let first = noted.note(Some(client(1)), "a").expect("a line");
        assert_eq!((first.count, first.most), (1, Some((Some(client(1)), 1))));
        for n in [2, 3, 3, 3, 2] {
            assert_eq!(noted.note(Some(client(n)), "b"), None);
        }
        assert_eq!(noted.note(None, "c"), None);
        let most = Some((Some(client(3)), 3));
        assert_eq!(noted.line(), Some(Line { count: 6, most, clients: 3, hint: "c".into() }));
        assert_eq!(noted.line(), None, "nothing came since");
        assert!(noted.note(Some(client(1)), "").is_some(), "the pause is over");
    }

    #[test]
    fn many_clients_take_no_more_room_than_some() {
        let mut noted = Noted { pausing: true, ..Noted::default() };
        for n in 0..100_000_u32 {
            noted.note(Some(Client::at(std::net::Ipv4Addr::from(n).into())), "");
        }
        assert_eq!((noted.clients.len(), noted.count), (TOLD_APART, 100_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_a_line_each_ten_seconds_and_ends_with_it() {
        let refusals = Refusals::default();
        let counted = || lock(&refusals.kinds)["x"].count;
        refusals.note("x", Some(client(1)), "");
        assert_eq!(counted(), 0, "told at once");
        tokio::time::sleep(Duration::from_millis(250)).await;
        for second in 0..25 {
            refusals.note("x", Some(client(1)), "");
            assert_eq!(counted(), second % 10 + 1, "at {second} s");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(2 * PAUSE).await;
        assert_eq!(counted(), 0);
        assert!(!lock(&refusals.kinds)["x"].pausing, "nobody waits for more");
    }

    #[test]
    fn peoples_own_mistakes_are_not_noted() {
        let refusals = Refusals::default();
        let noted = || lock(&refusals.kinds).len();
        let mistake = ErrorBody::new(ErrorCode::NotFound, LabError::NoRun);
        refusals.answered(&mistake, client(1));
        assert_eq!(noted(), 0);
        let code = ErrorBody::new(ErrorCode::NotFound, LabError::NoClass);
        refusals.answered(&code, client(1));
        let often = ErrorBody::new(ErrorCode::TooManyRequests, LabError::RequestsTooOften);
        refusals.answered(&often, client(1));
        assert_eq!(noted(), 2);
    }
}
