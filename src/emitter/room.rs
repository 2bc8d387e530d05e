//! Room in the log: before a segment is started, and once more when the log
//! has refused to start one.
//!
//! Both cost nothing while the log is far from its limits, end after
//! [`PATIENCE`], and never keep an event from being recorded that could be:
//! what goes wrong here is a note.

use std::time::Duration;

use crate::config::LogConfig;
use crate::emitter::receipt::EmitNote;
use crate::home::Home;
use crate::log::ambient::{Ambient, System};
use crate::log::append::Log;
use crate::log::backward::Backward;
use crate::log::prune::Pruned;
use crate::position::Seq;
use crate::retention::{Backlog, Retention, RetentionError, Rules, backlog, make_room};
use crate::state::State;

/// How long looking for room may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The limits of one log, and what makes room under them.
pub(super) struct Room<'a> {
    retention: Retention,
    config: &'a LogConfig,
}

impl<'a> Room<'a> {
    pub(super) fn of(home: &Home, log: &Log, config: &'a LogConfig) -> Self {
        let retention = Retention {
            dir: log.dir().clone(),
            state: State::at(home.state_dir()),
            rules: Rules {
                retention: config.retention,
                now_us: System.now_us(),
            },
            limit_bytes: log.options().max_bytes,
        };
        Self { retention, config }
    }

    /// A segment will probably be started.
    ///
    /// # Errors
    /// [`Backlog`] when so many events wait that no segment may be.
    pub(super) fn prepare(&self, notes: &mut Vec<EmitNote>) -> Result<(), Backlog> {
        self.relieve(notes);
        let limit = self.config.max_pending_events;
        let last = last_seq(&self.retention).unwrap_or_default();
        match backlog(&self.retention, last, limit, PATIENCE) {
            Ok(None) => Ok(()),
            Ok(Some(backlog)) => Err(backlog),
            Err(error) => {
                notes.push(EmitNote::Retention(error));
                Ok(())
            }
        }
    }

    /// Takes away what is confirmed when the log is filling up; whether
    /// anything went.
    pub(super) fn relieve(&self, notes: &mut Vec<EmitNote>) -> bool {
        match make_room(&self.retention, PATIENCE) {
            Ok(pruned) => {
                let went = !pruned.gone.is_empty();
                notes.extend(notes_on(pruned));
                went
            }
            Err(error) => {
                notes.push(EmitNote::Retention(error));
                false
            }
        }
    }
}

fn notes_on(pruned: Pruned) -> impl Iterator<Item = EmitNote> {
    let went = (!pruned.gone.is_empty()).then(|| EmitNote::Pruned {
        segments: pruned.gone.len(),
        bytes: pruned.bytes(),
    });
    went.into_iter()
        .chain(pruned.failure.map(EmitNote::PruneStopped))
}

fn last_seq(retention: &Retention) -> Result<Seq, RetentionError> {
    let mut backward = Backward::new(retention.dir.clone())?;
    Ok(backward.step()?.map(|item| item.seq).unwrap_or_default())
}
