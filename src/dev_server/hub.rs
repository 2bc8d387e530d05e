//! Who listens on a websocket, and the news that go to them.
//!
//! Each listener has a bounded queue. A listener that does not keep up is let
//! go rather than waited for: it will see everything in its next snapshot.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many frames may wait for one listener.
const QUEUE: usize = 2048;

/// All listeners.
#[derive(Default)]
pub(crate) struct Hub {
    room: Mutex<Room>,
}

#[derive(Default)]
struct Room {
    last: u64,
    members: Vec<Member>,
}

struct Member {
    number: u64,
    team: String,
    news: SyncSender<Arc<str>>,
}

/// A place among the listeners.
pub(crate) struct Listener {
    /// Tells listeners apart.
    pub(crate) number: u64,
    /// The frames to send on; disconnected when this listener was let go.
    pub(crate) news: Receiver<Arc<str>>,
}

impl Hub {
    /// Takes a place; dropping the receiver gives it up.
    pub(crate) fn join(&self, team: &str) -> Listener {
        let (sender, news) = sync_channel(QUEUE);
        let mut room = self.room();
        room.last += 1;
        let number = room.last;
        room.members.push(Member {
            number,
            team: team.to_owned(),
            news: sender,
        });
        Listener { number, news }
    }

    /// Gives `events` (JSON objects) to the listeners of `team` other than `except`.
    pub(crate) fn publish(&self, team: &str, events: &[&str], except: Option<u64>) {
        let mut room = self.room();
        if room.members.is_empty() {
            return;
        }
        let frames: Vec<Arc<str>> = events.iter().filter_map(|event| frame(event)).collect();
        room.members.retain(|member| {
            if member.team != team || Some(member.number) == except {
                return true;
            }
            frames
                .iter()
                .all(|frame| member.news.try_send(Arc::clone(frame)).is_ok())
        });
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event as the server sends it: the same object with `type` in front.
fn frame(event: &str) -> Option<Arc<str>> {
    let fields = event.trim_start().strip_prefix('{')?;
    Some(format!(r#"{{"type":"event",{fields}"#).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_go_to_the_team_but_not_to_their_author() {
        let hub = Hub::default();
        let [author, colleague, stranger] = ["acme", "acme", "other"].map(|team| hub.join(team));
        hub.publish("acme", &[r#"{"event_id":"A"}"#], Some(author.number));
        assert!(author.news.try_recv().is_err());
        assert!(stranger.news.try_recv().is_err());
        assert_eq!(
            &*colleague.news.recv().unwrap(),
            r#"{"type":"event","event_id":"A"}"#
        );
    }

    #[test]
    fn a_listener_that_does_not_keep_up_is_let_go() {
        let hub = Hub::default();
        let slow = hub.join("acme");
        for _ in 0..=QUEUE {
            hub.publish("acme", &[r#"{"event_id":"A"}"#], None);
        }
        assert_eq!(slow.news.iter().count(), QUEUE);
        assert!(hub.room().members.is_empty());
    }
}
