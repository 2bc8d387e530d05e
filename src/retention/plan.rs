//! Which segments may go, and taking them away.

use std::io;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::log::fill::Fill;
use crate::log::prune::{self, Expendable, Gone, Pruned};
use crate::log::read::{Item, ReadError, Reason, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::{Ordinal, Seq};
use crate::retention::holding::{Holding, Known, Owners, is_over};
use crate::retention::rules::{Because, Hold, Keep, Rules, judge};
use crate::state::{Ledger, State, ViewError};
use crate::sync::fit::Fits;
use crate::sync::route::is_of_others;

/// Why nothing can be said about what may go.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger cannot be read, or not be made durable.
    #[error(transparent)]
    View(#[from] ViewError),
}

/// A segment that may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// What is in it.
    pub segment: Holding,
    /// Why it may go.
    pub because: Because,
}

/// The first segment that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its ordinal; 0 when there is none.
    pub ordinal: Ordinal,
    /// Why it stays.
    pub why: Keep,
}

/// What may go, oldest first, and where that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How full the log is now.
    pub before: Fill,
    /// How full it is without what may go.
    pub after: Fill,
    /// The segments that may go.
    pub remove: Vec<Removal>,
    /// What ends it.
    pub stop: Stop,
}

impl Plan {
    /// Whether nothing may go.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty()
    }

    /// What of this plan was in `agreed` as well: whoever was asked about that one
    /// may have taken a while to answer.
    #[must_use]
    pub fn within(mut self, agreed: &Self) -> Self {
        let same = |one: &Removal, other: &Removal| {
            (one.segment.ordinal, one.segment.id) == (other.segment.ordinal, other.segment.id)
        };
        let is_agreed = |removal: &Removal| agreed.remove.iter().any(|other| same(removal, other));
        self.remove.retain(is_agreed);
        self
    }

    /// Whether only the question whose events they are ends it.
    pub(super) fn is_stopped_by_owners(&self) -> bool {
        match &self.stop.why {
            Keep::Waiting(waiting) => waiting.keys().all(|hold| *hold == Hold::OwnerOpen),
            _ => false,
        }
    }
}

/// What gives leave to prune one log.
#[derive(Clone, Debug)]
pub struct Retention {
    /// The log.
    pub dir: LogDir,
    /// Where its ledger is.
    pub state: State,
    /// The rules.
    pub rules: Rules,
    /// The size limit of the log, in bytes.
    pub limit_bytes: u64,
}

impl Retention {
    /// How full the log is.
    ///
    /// # Errors
    /// [`RetentionError::Read`] when the directory cannot be listed.
    pub fn fill(&self) -> Result<Fill, RetentionError> {
        Ok(Fill {
            bytes: self.dir.bytes().map_err(self.unlisted())?,
            limit: self.limit_bytes,
        })
    }

    fn unlisted(&self) -> impl FnOnce(io::Error) -> ReadError {
        let path = self.dir.path().to_owned();
        move |source| ReadError::Io {
            action: "list",
            path,
            source,
        }
    }

    /// Looks at the oldest segments, as many as may go and one more, handing each
    /// frame to `see`. Changes nothing. A look that lasts longer than `until` ends
    /// early.
    ///
    /// # Errors
    /// [`RetentionError`] when the log or the ledger cannot be read.
    pub fn plan(
        &self,
        owners: &Owners,
        until: Option<Instant>,
        see: &mut dyn FnMut(&Item<'_>),
    ) -> Result<Plan, RetentionError> {
        let before = self.fill()?;
        let ordinals = self.dir.ordinals().map_err(self.unlisted())?;
        let keep_from = prune::keep_from(&self.dir).map_err(self.unlisted())?;
        let ledger = self.state.view()?.unwrap_or_default();
        let walk = Walk {
            retention: self,
            todo: ordinals,
            keep_from,
            plan: Plan {
                before,
                after: before,
                remove: Vec::new(),
                stop: Stop {
                    ordinal: keep_from,
                    why: Keep::Newest,
                },
            },
            holding: Holding::default(),
        };
        match obstacle(&ledger, owners) {
            Some(why) => Ok(walk.stopped_at_the_oldest(why)),
            None => {
                let fits = &Fits::new(self.dir.clone());
                let known = Known {
                    ledger: &ledger,
                    owners,
                    fits,
                    has_others: has_others(&ledger),
                };
                Ok(walk.run(&known, until, see)?)
            }
        }
    }

    /// Takes away what `plan` names, after making the ledger durable that it
    /// rests on, and tells `on_gone` of each segment. Waits at most `deadline` for
    /// the writer lock.
    ///
    /// # Errors
    /// [`RetentionError::View`] when the ledger cannot be made durable: nothing
    /// was removed. What goes wrong later is in the [`Pruned`].
    pub fn carry_out(
        &self,
        plan: &Plan,
        deadline: Duration,
        on_gone: &mut dyn FnMut(&Gone),
    ) -> Result<Pruned, RetentionError> {
        if plan.is_empty() {
            return Ok(Pruned::default());
        }
        self.state.settle_view()?;
        let list: Vec<Expendable> = plan
            .remove
            .iter()
            .map(|removal| Expendable {
                ordinal: removal.segment.ordinal,
                id: removal.segment.id,
            })
            .collect();
        Ok(prune::prune(&self.dir, &list, deadline, on_gone))
    }
}

/// Whether events go to further targets, too. The sender writes that into the
/// ledger before it confirms anything to anybody.
fn has_others(ledger: &Ledger) -> bool {
    let streams = ledger.targets().values().flat_map(|t| t.streams().keys());
    streams.flatten().any(is_of_others)
}

/// What keeps everything, whatever is in the segments.
fn obstacle(ledger: &Ledger, owners: &Owners) -> Option<Keep> {
    let mut streams = ledger.targets().values().flat_map(|t| t.streams().values());
    if !streams.any(|stream| stream.cursor().is_some()) {
        return Some(Keep::NoTarget);
    }
    match owners {
        Owners::Bound { not_understood, .. } if *not_understood > 0 => Some(Keep::Waiting(
            [(Hold::NotUnderstood, *not_understood)].into(),
        )),
        _ => None,
    }
}

/// A walk over the oldest segments.
struct Walk<'a> {
    retention: &'a Retention,
    /// The segments that were not judged yet, oldest first.
    todo: Vec<Ordinal>,
    keep_from: Ordinal,
    plan: Plan,
    /// The first of them, as far as it was read.
    holding: Holding,
}

/// Whether the walk goes on.
#[derive(PartialEq, Eq)]
enum Pace {
    On,
    Over,
}

impl Walk<'_> {
    fn stopped_at_the_oldest(mut self, why: Keep) -> Plan {
        let ordinal = self.todo.first().copied().unwrap_or_default();
        if ordinal < self.keep_from {
            self.plan.stop = Stop { ordinal, why };
        }
        self.plan
    }

    fn run(
        mut self,
        known: &Known<'_>,
        until: Option<Instant>,
        see: &mut dyn FnMut(&Item<'_>),
    ) -> Result<Plan, ReadError> {
        let dir = &self.retention.dir;
        let mut reader = Reader::new(dir.clone(), Seq(1));
        loop {
            if is_over(until) {
                return Ok(self.stopped_at_the_oldest(Keep::OutOfTime));
            }
            match reader.step()? {
                Step::Idle => {
                    self.judge_below(self.keep_from)?;
                    return Ok(self.plan);
                }
                Step::Frame(item) => {
                    if self.judge_below(item.ordinal)? == Pace::Over {
                        return Ok(self.plan);
                    }
                    self.holding.add(&item, known);
                    see(&item);
                }
                Step::Damage(damage) => {
                    if self.judge_below(damage.ordinal)? == Pace::Over {
                        return Ok(self.plan);
                    }
                    match damage.reason {
                        Reason::HeaderCopy => {}
                        Reason::Alien | Reason::Misnamed => {
                            return Ok(self.stopped_at_the_oldest(Keep::Alien));
                        }
                        Reason::Bytes(_) | Reason::UnreadableHeader | Reason::Missing => {
                            self.holding.damaged = true;
                        }
                    }
                }
            }
        }
    }

    /// The reader has come to the segment `ordinal`: all before it are read.
    fn judge_below(&mut self, ordinal: Ordinal) -> Result<Pace, ReadError> {
        while let Some(first) = self.todo.first().copied() {
            if first >= self.keep_from {
                return Ok(Pace::Over);
            }
            if first >= ordinal {
                return Ok(Pace::On);
            }
            let Some(segment) = self.complete(first)? else {
                // Pruned by somebody else meanwhile.
                self.todo.remove(0);
                continue;
            };
            match judge(&segment, self.retention.rules, self.plan.after) {
                Ok(because) => {
                    self.plan.after = self.plan.after.without(segment.bytes);
                    self.plan.remove.push(Removal { segment, because });
                    self.todo.remove(0);
                }
                Err(why) => {
                    self.plan.stop = Stop {
                        ordinal: first,
                        why,
                    };
                    return Ok(Pace::Over);
                }
            }
        }
        Ok(Pace::Over)
    }

    /// Adds to what was read of the oldest segment what its file and its
    /// successor say; `None` when its file is gone.
    fn complete(&mut self, ordinal: Ordinal) -> Result<Option<Holding>, ReadError> {
        let dir = &self.retention.dir;
        let mut holding = std::mem::take(&mut self.holding);
        let looked = dir.size_of(ordinal).and_then(|bytes| {
            let header = dir.header(ordinal)?;
            Ok((bytes, header))
        });
        let (bytes, header) = match looked {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|source| ReadError::Io {
                action: "read",
                path: dir.segment_path(ordinal),
                source,
            })?,
        };
        holding.ordinal = ordinal;
        holding.bytes = bytes;
        holding.id = header.as_ref().map(|header| header.segment_id);
        // A segment ends when its successor is made.
        let later = self.todo.iter().skip(1);
        let successor = later
            .filter_map(|later| dir.header(*later).ok().flatten())
            .next();
        let made = [header, successor].into_iter().flatten();
        let made_us = made.map(|header| header.created_at_us).max();
        holding.ended_us = holding.ended_us.max(made_us.unwrap_or(i64::MAX));
        Ok(Some(holding))
    }
}
