//! One question to the server: would you take events now?
//!
//! An empty batch is sent, which every server refuses with a 400 after it has
//! checked the session: so it proves address, certificate, session and route,
//! and stores nothing. The answer is shown and not written down, because only
//! the one sender writes the ledger.

use crate::auth::http::SetupError;
use crate::auth::{Recipient, Store};
use crate::config::SyncConfig;
use crate::home::Home;
use crate::state::Trouble;
use crate::sync::courier::{Line, Stop};
use crate::sync::gate::{Closed, Gate};
use crate::sync::outcome::{self, Verdict};
use crate::sync::send::HttpLine;

const EMPTY: &[u8] = b"{\"events\":[]}";

/// Asks the server; `None` when it would take events. Without a session nobody
/// is asked, and the gates of the account say why.
///
/// # Errors
/// [`SetupError`] when the certificates cannot be used.
pub fn probe(
    home: &Home,
    config: &SyncConfig,
    recipient: &Recipient,
) -> Result<Option<Closed>, SetupError> {
    let Recipient::Ready(credentials) = recipient else {
        return Ok(None);
    };
    let never = || false;
    let ca_file = config.ca_file.as_deref();
    let mut line = HttpLine::new(credentials.clone(), Store::new(home), ca_file, &never)?;
    if let Err(error) = line.ensure_fresh() {
        return Ok(Some(match Stop::of_refresh(error) {
            Stop::Trouble(trouble) | Stop::Wait { trouble, .. } => closed(&trouble),
            Stop::Session(reason) => Closed {
                gate: Gate::SignedIn,
                reason,
                next: "spec-kitty auth login".to_owned(),
            },
            Stop::Interrupted => return Ok(None),
        }));
    }
    let verdict = match line.post(&HttpLine::pack(EMPTY)).0 {
        Ok(answer) => outcome::judge(&answer, &[], line.now()),
        Err(silence) => outcome::judge_silence(&silence),
    };
    Ok(match verdict {
        Verdict::Answers(_) | Verdict::Unexplained(_) => None,
        Verdict::Unauthorized(trouble)
        | Verdict::TooLarge { trouble, .. }
        | Verdict::Wait { trouble, .. }
        | Verdict::Transient(trouble)
        | Verdict::Halt(trouble) => Some(closed(&trouble)),
    })
}

fn closed(trouble: &Trouble) -> Closed {
    Closed {
        gate: Gate::of_category(trouble.category()),
        reason: outcome::phrase(trouble),
        next: "spec-kitty sync status --probe".to_owned(),
    }
}
