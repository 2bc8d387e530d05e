//! `doctor --fix`: what can be mended without a chance to lose anything.

use std::time::Duration;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::emitter::log_of;
use crate::home::Home;
use crate::log::disorder;
use crate::platform;
use crate::state::{ClockOfLog, State};

use super::check::Mend;

/// How long to wait for the sender, and for the state store.
const DEADLINE: Duration = Duration::from_secs(5);

/// Each once: files are closed first, so that the rest can be done in private.
pub(super) fn ordered(mut mends: Vec<Mend>) -> Vec<Mend> {
    mends.sort();
    mends.dedup();
    mends
}

/// Does them one after the other; what was done before a failure is done.
pub(super) fn carry_out(mends: &[Mend], home: &Home) -> Result<(), Failure> {
    mends.iter().try_for_each(|mend| match mend {
        Mend::Close(paths) => paths.iter().try_for_each(|path| {
            platform::close_to_others(path).map_err(|error| {
                let message = format!("cannot close {}: {error}", path.display());
                Failure::new("fix", Exit::Failed, message)
            })
        }),
        Mend::Rebuild => rebuild(home),
        Mend::RemoveStop => remove_stop(home),
    })
}

/// As `log repair` does, without touching a file of the log.
fn rebuild(home: &Home) -> Result<(), Failure> {
    let (log, state) = (log_of(home), State::at(home.state_dir()));
    let sender = state.sender_lock(DEADLINE)?.ok_or_else(|| {
        let message = "another process is sending; nothing was rebuilt";
        Failure::new("sender-busy", Exit::Busy, message)
            .hint("when it is done: spec-kitty doctor --fix")
    })?;
    let found = disorder::look(log.dir(), log.options().node.facts, &mut |_| {})?;
    let clock = ClockOfLog {
        value: found.clock,
        leased_to: found.leased_to,
    };
    state.rebuild(sender, clock, DEADLINE)?;
    Ok(())
}

/// Unless a background sender was started meanwhile, which takes it itself.
fn remove_stop(home: &Home) -> Result<(), Failure> {
    let path = home.daemon_dir().join("stop");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("cannot remove {}: {error}", path.display());
            Err(Failure::new("fix", Exit::Failed, message))
        }
        _ => Ok(()),
    }
}
