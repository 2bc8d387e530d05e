//! What it means at the command line that an event was not recorded.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::emitter::EmitError;
use crate::log::append::AppendError;

impl From<&EmitError> for Failure {
    fn from(error: &EmitError) -> Self {
        let code = error.code();
        let (exit, hint) = match error {
            EmitError::Invalid(_) | EmitError::Record(_) => (
                Exit::Usage,
                "see what an event holds: spec-kitty emit --help",
            ),
            EmitError::Log(error) => of_log(error, code),
            EmitError::Backlog(_) => (
                Exit::Failed,
                "deliver what waits: spec-kitty sync now; or raise [log] max_pending_events in config.toml",
            ),
            _ => (Exit::Failed, HOME_HINT),
        };
        Self::new(code, exit, error.to_string()).hint(hint)
    }
}

const HOME_HINT: &str = "name a directory you may write to: --home DIR or SPEC_KITTY_HOME";

fn of_log(error: &AppendError, code: &str) -> (Exit, &'static str) {
    match error {
        AppendError::Busy { .. } => (
            Exit::Busy,
            "try again, or wait longer: SPEC_KITTY_LOCK_TIMEOUT=30s",
        ),
        AppendError::Newer { .. } => (
            Exit::Newer,
            "use the spec-kitty that wrote this log, or another home: --home DIR",
        ),
        AppendError::Full { .. } => (
            Exit::Failed,
            "deliver what waits: spec-kitty sync now; or raise [log] max_bytes in config.toml",
        ),
        AppendError::Unknown { .. } => (
            Exit::Failed,
            "see whether the event is there: spec-kitty log tail",
        ),
        AppendError::ClockExhausted => (
            Exit::Failed,
            "look for the event with the highest clock: spec-kitty log stats",
        ),
        _ if code == "disk-full" => (Exit::Failed, "free some space and try again"),
        _ => (Exit::Failed, HOME_HINT),
    }
}
