//! What goes wrong around settings, sessions and servers, as the user meets it.

use super::Failure;
use crate::auth::StoreError;
use crate::auth::client::{LoginError, Refusal};
use crate::auth::http::{NoAnswer, SetupError};
use crate::cli::exit::Exit;
use crate::config::SetError;
use crate::log::append::AppendError;
use crate::state::ViewError;
use crate::sync::daemon::DaemonError;
use crate::sync::failures::RefusedError;
use crate::sync::pass::PassError;
use crate::sync::targets::TargetsError;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::new("credentials-busy", Exit::Busy, error.to_string())
                .hint("spec-kitty auth status"),
            StoreError::Home(home) => home.into(),
            other => Self::new("credentials", Exit::Failed, other.to_string()),
        }
    }
}

impl From<SetError> for Failure {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Unknown { name, meant } => unknown_setting(&name, meant.as_deref()),
            SetError::Wrong { .. } => {
                Self::usage(error.to_string()).hint("see all settings: spec-kitty config list")
            }
            SetError::Busy => Self::new("config-busy", Exit::Busy, error.to_string())
                .hint("try again in a moment"),
            SetError::NotToml { .. } => Self::new("config", Exit::Failed, error.to_string())
                .hint("mend the line it names, or move the file away"),
            other => Self::new("config", Exit::Failed, other.to_string())
                .hint("check who may read and write it, and the free space"),
        }
    }
}

/// A setting that does not exist; `meant` is one that is called nearly so.
pub(in crate::cli) fn unknown_setting(name: &str, meant: Option<&str>) -> Failure {
    let mut message = format!("there is no setting called {name}");
    if let Some(meant) = meant {
        message.push_str(&format!("\n  did you mean {meant}?"));
    }
    Failure::new("unknown-setting", Exit::Usage, message)
        .hint("see all settings: spec-kitty config list")
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        Self::new("ca-file", Exit::Failed, error.to_string())
            .hint("name a PEM file in [sync] ca_file of config.toml, or remove the line")
    }
}

impl From<NoAnswer> for Failure {
    fn from(error: NoAnswer) -> Self {
        let code = match error {
            NoAnswer::Tls { .. } => "tls",
            NoAnswer::Proxy { .. } => "proxy",
            _ => "unreachable",
        };
        Self::new(code, Exit::NoAnswer, error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Redirect { .. } => "redirect",
            Refusal::NotFound => "no-such-server",
            Refusal::Throttled { .. } => "throttled",
            Refusal::Status { .. } => "server-refused",
            Refusal::Reply(_) => "bad-answer",
        };
        let failure = Self::new(code, Exit::NoAnswer, refusal.to_string());
        match refusal {
            Refusal::Redirect { .. } | Refusal::NotFound => {
                failure.hint("spec-kitty auth login --server https://YOUR-SERVER")
            }
            _ => failure,
        }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::InvalidCredentials { .. } => {
                Self::new("invalid-credentials", Exit::Failed, error.to_string())
                    .hint("spec-kitty auth login")
            }
            LoginError::Refused(refusal) => refusal.into(),
            LoginError::NoAnswer(no_answer) => no_answer.into(),
            LoginError::Store(store) => store.into(),
        }
    }
}

impl From<RefusedError> for Failure {
    fn from(error: RefusedError) -> Self {
        match error {
            RefusedError::Busy => sending(error.to_string()),
            RefusedError::View(error) => unusable_view(&error),
            RefusedError::State(error) => error.into(),
            RefusedError::Append(error) => not_appended(&error),
        }
    }
}

impl From<TargetsError> for Failure {
    fn from(error: TargetsError) -> Self {
        match error {
            TargetsError::Busy => sending(error.to_string()),
            TargetsError::Read(error) => error.into(),
            TargetsError::View(error) => unusable_view(&error),
            TargetsError::State(error) => error.into(),
            TargetsError::Append(error) => not_appended(&error),
        }
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Running => Self::new("daemon-running", Exit::Busy, error.to_string())
                .hint("spec-kitty sync daemon status"),
            DaemonError::Home(error) => error.into(),
            other => Self::new("daemon", Exit::Failed, other.to_string()),
        }
    }
}

fn not_appended(error: &AppendError) -> Failure {
    let (code, exit) = match error {
        AppendError::Busy { .. } => ("log-busy", Exit::Busy),
        _ => ("log", Exit::Failed),
    };
    Failure::new(code, exit, error.to_string()).hint("spec-kitty log verify")
}

fn sending(message: String) -> Failure {
    Failure::new("sender-busy", Exit::Busy, message).hint("spec-kitty sync status")
}

fn unusable_view(error: &ViewError) -> Failure {
    Failure::new("ledger", Exit::Damage, error.to_string()).hint("spec-kitty sync status")
}

impl From<PassError> for Failure {
    fn from(error: PassError) -> Self {
        match error {
            PassError::Busy => sending(error.to_string()),
            PassError::LogBusy => Self::new("log-busy", Exit::Busy, error.to_string())
                .hint("nothing was sent and nothing is lost; run it again: spec-kitty sync now"),
            PassError::Log(error) => error.into(),
            PassError::State(error) => error.into(),
            PassError::Setup(error) => error.into(),
            PassError::View(error) => unusable_view(&error),
            PassError::Thread(_) => Self::new("internal", Exit::Failed, error.to_string()),
            PassError::Sync(_) => Self::new("log", Exit::Failed, error.to_string()),
        }
    }
}
