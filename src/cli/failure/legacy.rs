//! What it means at the command line that an import or export cannot be done.

use std::sync::Arc;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, TEMPORARY};
use crate::emitter::EmitError;
use crate::legacy::LegacyError;

impl From<LegacyError> for Failure {
    fn from(error: LegacyError) -> Self {
        let message = error.to_string();
        match error {
            LegacyError::NotFound { .. } => {
                Self::new("not-found", Exit::NotFound, message).hint("spec-kitty log import --help")
            }
            LegacyError::NothingThere { path } => {
                let inside = path.join(".spec-kitty");
                let hint = if inside.is_dir() {
                    format!("did you mean {}?", inside.display())
                } else {
                    "spec-kitty log import --help".to_owned()
                };
                Self::new("nothing-to-import", Exit::NotFound, message).hint(hint)
            }
            LegacyError::Busy { .. } => Self::new("import-busy", Exit::Busy, message)
                .hint("wait for the other import to end"),
            LegacyError::NotAQueue { .. } => {
                Self::new("not-a-queue", Exit::Failed, message).hint("name another file")
            }
            LegacyError::Read(error) => error.into(),
            LegacyError::Append(error) => (&EmitError::Log(Arc::new(error))).into(),
            LegacyError::Stage { .. } | LegacyError::Scratch(_) => {
                Self::new("import-store", Exit::Failed, message).hint(TEMPORARY)
            }
            LegacyError::Interrupted => Self::silent(Exit::Interrupted),
            LegacyError::Io { .. } | LegacyError::Write(_) => {
                Self::new("import-io", Exit::Failed, message)
            }
        }
    }
}
