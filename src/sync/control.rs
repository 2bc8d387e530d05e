//! Control frames: facts about delivery that nothing else could rebuild.
//!
//! The body is one JSON object with a version and one key that says what it
//! is. Unknown keys are left to later versions.
//!
//! ```json
//! {"v":1,"bind":{"from":"<32 hex digits>","server":"https://…","user":"…","team":"…"}}
//! {"v":1,"drop":{"target":"<32 hex digits>","seq":7,"event_id":"…"}}
//! {"v":1,"add_target":{"server":"https://…","user":"…","team":"…","from":"beginning"}}
//! {"v":1,"remove_target":{"target":"<32 hex digits>"}}
//! ```
//!
//! * *bind*: every event before this frame that was recorded for `from` (all
//!   zero: signed out) and was not bound before belongs to that target from now
//!   on, for good. With *from* all zero the same is said of events that were
//!   recorded for the account before it had the team, or imported for it where
//!   only the name of its queue was known.
//! * *drop*: a person gave up sending this event, which lies before this frame,
//!   to that target.
//! * *add_target*: the events of the same team that belong to others are for
//!   this target as well: all of them, or (`"from":"now"`) those behind this frame.
//! * *remove_target*: that is over, for all of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::log::append::{Record, Refused, Stamp, Tick};
use crate::log::frame::Kind;
use crate::position::Seq;
use crate::state::EventKey;
use crate::target::{Target, TargetId};

/// How long appending a control frame may wait for the log.
pub(crate) const APPEND_DEADLINE: Duration = Duration::from_secs(5);

/// A fact, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Events without an owner get one.
    Bind {
        /// What they were recorded for.
        from: TargetId,
        /// Whose they are now.
        to: Target,
    },
    /// One event is not sent to one target any more.
    Drop {
        /// Which target.
        target: TargetId,
        /// Where the event lies.
        seq: Seq,
        /// Its id.
        event: EventKey,
    },
    /// Another target gets the events of its team as well.
    AddTarget {
        /// Which.
        target: Target,
        /// Which events.
        from: Beginning,
    },
    /// It gets no more of them.
    RemoveTarget {
        /// Which.
        target: TargetId,
    },
}

/// From where on another target gets events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beginning {
    /// From the oldest that is retained.
    Beginning,
    /// From the frame that says so.
    Now,
}

#[derive(Default, Serialize, Deserialize)]
struct Body {
    v: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind: Option<Bind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drop: Option<Drop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_target: Option<AddTarget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remove_target: Option<RemoveTarget>,
}

#[derive(Serialize, Deserialize)]
struct Bind {
    from: String,
    server: String,
    user: String,
    team: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Drop {
    target: String,
    seq: Seq,
    event_id: String,
}

#[derive(Serialize, Deserialize)]
struct AddTarget {
    server: String,
    user: String,
    team: Option<String>,
    from: Beginning,
}

#[derive(Serialize, Deserialize)]
struct RemoveTarget {
    target: String,
}

impl Control {
    /// Reads the body of a control frame; `None` when it is a fact that this
    /// version does not know.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        match body {
            Body {
                v: 1,
                bind: Some(bind),
                ..
            } => Some(Self::Bind {
                from: target_id(&bind.from)?,
                to: Target::new(&bind.server, &bind.user, bind.team.as_deref()),
            }),
            Body {
                v: 1,
                drop: Some(drop),
                ..
            } => Some(Self::Drop {
                target: target_id(&drop.target)?,
                seq: drop.seq,
                event: EventKey::new(&drop.event_id).ok()?,
            }),
            Body {
                v: 1,
                add_target: Some(added),
                ..
            } => Some(Self::AddTarget {
                target: Target::new(&added.server, &added.user, added.team.as_deref()),
                from: added.from,
            }),
            Body {
                v: 1,
                remove_target: Some(removed),
                ..
            } => Some(Self::RemoveTarget {
                target: target_id(&removed.target)?,
            }),
            _ => None,
        }
    }

    /// The body of the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Body {
            v: 1,
            ..Body::default()
        };
        match self {
            Self::Bind { from, to } => {
                body.bind = Some(Bind {
                    from: from.to_string(),
                    server: to.server.clone(),
                    user: to.user.clone(),
                    team: to.team.clone(),
                });
            }
            Self::Drop { target, seq, event } => {
                body.drop = Some(Drop {
                    target: target.to_string(),
                    seq: *seq,
                    event_id: event.as_str().to_owned(),
                });
            }
            Self::AddTarget { target, from } => {
                body.add_target = Some(AddTarget {
                    server: target.server.clone(),
                    user: target.user.clone(),
                    team: target.team.clone(),
                    from: *from,
                });
            }
            Self::RemoveTarget { target } => {
                body.remove_target = Some(RemoveTarget {
                    target: target.to_string(),
                });
            }
        }
        // Numbers and texts always have a JSON form.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl Record for Control {
    fn kind(&self) -> Kind {
        Kind::Control
    }

    fn tick(&self) -> Tick {
        Tick::Still
    }

    fn encode(&mut self, _stamp: &Stamp<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        out.extend(Control::encode(self));
        Ok(())
    }
}

fn target_id(hex: &str) -> Option<TargetId> {
    if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(hex, 16)
        .ok()
        .map(|number| TargetId(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_reads_back_as_it_was_written() {
        let to = Target::new("https://example.org", "alice", Some("acme"));
        for from in [TargetId::SIGNED_OUT, to.id()] {
            let control = Control::Bind {
                from,
                to: to.clone(),
            };
            assert_eq!(Control::decode(&control.encode()), Some(control));
        }
    }

    #[test]
    fn every_other_fact_reads_back_as_it_was_written() {
        let target = Target::new("https://example.org", "alice", Some("acme"));
        let id = target.id();
        let event = EventKey::new("01J0").unwrap();
        for control in [
            Control::Drop {
                target: id,
                seq: Seq(7),
                event,
            },
            Control::AddTarget {
                target: target.clone(),
                from: Beginning::Beginning,
            },
            Control::AddTarget {
                target,
                from: Beginning::Now,
            },
            Control::RemoveTarget { target: id },
        ] {
            assert_eq!(Control::decode(&control.encode()), Some(control));
        }
    }

    #[test]
    fn what_is_not_known_is_no_fact() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"v":2,"bind":{}}"#,
            r#"{"v":1,"drop":{}}"#,
        ] {
            assert_eq!(Control::decode(body.as_bytes()), None, "{body}");
        }
        let short = r#"{"v":1,"bind":{"from":"00","server":"s","user":"u"}}"#;
        assert_eq!(Control::decode(short.as_bytes()), None);
    }
}
