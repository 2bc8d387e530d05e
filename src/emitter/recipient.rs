//! Whose events these are: the account in `credentials`.
//!
//! A process that records again and again reads the file again only when it is
//! another one. What it said is believed while its stamp is the same, and only
//! where a change was sure to have given it another one: not within the tick of
//! the file system's clock in which it was last changed.

use std::sync::{Mutex, PoisonError};

use crate::auth::{Session, Store};
use crate::emitter::receipt::EmitNote;
use crate::home::Home;
use crate::platform::{self, Stamp};
use crate::target::TargetId;

/// The account that events are recorded for, as it was last seen.
#[derive(Debug, Default)]
pub(super) struct Recipient(Mutex<Seen>);

#[derive(Debug, Default)]
enum Seen {
    #[default]
    Never,
    /// Most processes record once: a look at the file beside reading it is
    /// worth something from the second time on.
    Once,
    With(Stamp, Whose),
}

/// The target of an event and the team that it names.
type Whose = (TargetId, Option<String>);

impl Recipient {
    /// Whose an event is that is recorded now in `home`: also of somebody whose
    /// session has ended.
    pub(super) fn now(&self, home: &Home, notes: &mut Vec<EmitNote>) -> Whose {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = match &*seen {
            Seen::Never => None,
            Seen::Once | Seen::With(..) => platform::resting_stamp(&home.credentials_file()),
        };
        if let (Seen::With(before, whose), Some(now)) = (&*seen, &stamp)
            && before == now
        {
            return whose.clone();
        }
        let read = read(home);
        *seen = match (stamp, &read) {
            (Some(stamp), Ok(whose)) => Seen::With(stamp, whose.clone()),
            _ => Seen::Once,
        };
        read.unwrap_or_else(|note| {
            notes.push(note);
            (TargetId::SIGNED_OUT, None)
        })
    }
}

fn read(home: &Home) -> Result<Whose, EmitNote> {
    let session = Store::new(home).load().session;
    if let Session::Unreadable(unusable) = session {
        return Err(EmitNote::Session(unusable));
    }
    Ok(session
        .account()
        .map_or((TargetId::SIGNED_OUT, None), |account| {
            let team = account.team.clone().filter(|team| !team.is_empty());
            (account.target().id(), team)
        }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text_of(user: &str) -> String {
        format!(
            "[user]\nusername = \"{user}\"\nteam_slug = \"t\"\n\
             [server]\nurl = \"http://127.0.0.1:9\"\n"
        )
    }

    #[test]
    fn whoever_signs_in_is_seen_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let (recipient, mut notes) = (Recipient::default(), Vec::new());
        let mut now = || recipient.now(&home, &mut notes);
        assert_eq!(now(), (TargetId::SIGNED_OUT, None));
        let mut seen = std::collections::BTreeSet::new();
        // In quick succession, and of the same length.
        for user in ["a", "b", "c", "d"] {
            std::fs::write(home.credentials_file(), text_of(user)).unwrap();
            for _ in 0..3 {
                let (target, team) = now();
                assert_eq!(team.as_deref(), Some("t"));
                seen.insert(target);
            }
        }
        assert_eq!(seen.len(), 4);
        std::fs::remove_file(home.credentials_file()).unwrap();
        assert_eq!(now(), (TargetId::SIGNED_OUT, None));
        assert!(notes.is_empty());
    }

    #[test]
    fn a_file_that_rests_is_read_no_more_until_it_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let path = home.credentials_file();
        std::fs::write(&path, text_of("a")).unwrap();
        let (recipient, mut notes) = (Recipient::default(), Vec::new());
        let first = recipient.now(&home, &mut notes);
        recipient.now(&home, &mut notes);
        let is_kept = || matches!(&*recipient.0.lock().unwrap(), Seen::With(..));
        assert!(!is_kept(), "it was written just now");
        if cfg!(unix) {
            // The stamp of a file cannot be set back: it has to rest.
            std::thread::sleep(Duration::from_millis(2600));
            assert_eq!(recipient.now(&home, &mut notes), first);
            assert!(is_kept());
        }
        std::fs::write(&path, text_of("b")).unwrap();
        assert_ne!(recipient.now(&home, &mut notes), first);
        std::fs::write(&path, "no TOML").unwrap();
        for count in 1..3 {
            recipient.now(&home, &mut notes);
            assert_eq!(notes.len(), count, "what is wrong is said each time");
        }
    }
}
