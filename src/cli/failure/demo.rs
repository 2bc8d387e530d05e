//! How the demo's errors end.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::demo::DemoError;

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        let message = error.to_string();
        let failed = |code| Self::new(code, Exit::Failed, message.clone());
        match error {
            DemoError::NoGit(_) => {
                failed("no-git").hint("install git, see that `git --version` runs, and try again")
            }
            DemoError::NotEmpty(_) => Self::usage(message.clone())
                .hint("name a new or an empty directory: spec-kitty demo --keep DIR"),
            DemoError::Server(error) => error.into(),
            DemoError::Received { .. } => Self::new("demo", Exit::Damage, message.clone()),
            DemoError::Stopped => Self::silent(Exit::Failed),
            DemoError::Git { .. } | DemoError::Io { .. } => failed("demo"),
            DemoError::Unexpected { .. } | DemoError::Hung { .. } | DemoError::Log(_) => {
                failed("demo").hint("keep everything and look at it: spec-kitty demo --keep DIR")
            }
        }
    }
}
