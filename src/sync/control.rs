//! Control frames: facts about delivery that nothing else could rebuild.
//!
//! The body is one JSON object with a version and one key that says what it
//! is. Unknown keys are left to later versions. Today there is one fact:
//!
//! ```json
//! {"v":1,"bind":{"from":"<32 hex digits>","server":"https://…","user":"…","team":"…"}}
//! ```
//!
//! *bind*: every event before this frame that was recorded for `from` (all
//! zero: signed out) and was not bound before belongs to that target from now
//! on, for good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::log::append::{Record, Refused, Stamp, Tick};
use crate::log::frame::Kind;
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
}

#[derive(Serialize, Deserialize)]
struct Body {
    v: u32,
    bind: Option<Bind>,
}

#[derive(Serialize, Deserialize)]
struct Bind {
    from: String,
    server: String,
    user: String,
    team: Option<String>,
}

impl Control {
    /// Reads the body of a control frame; `None` when it is a fact that this
    /// version does not know.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        let bind = body.bind.filter(|_| body.v == 1)?;
        Some(Self::Bind {
            from: target_id(&bind.from)?,
            to: Target::new(&bind.server, &bind.user, bind.team.as_deref()),
        })
    }

    /// The body of the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self::Bind { from, to } = self;
        let body = Body {
            v: 1,
            bind: Some(Bind {
                from: from.to_string(),
                server: to.server.clone(),
                user: to.user.clone(),
                team: to.team.clone(),
            }),
        };
        // A struct of texts always has a JSON form.
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
