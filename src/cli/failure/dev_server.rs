//! How a reference server that did not start ends.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::dev_server::{StartError, StoreError};

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let message = error.to_string();
        match error {
            StartError::Bind { .. } => Self::new("port", Exit::Failed, message)
                .hint("take a free one: spec-kitty dev-server --port 0"),
            StartError::Data { .. } | StartError::Store(StoreError::Io { .. }) => {
                Self::new("dev-server-data", Exit::Failed, message)
                    .hint("name a directory you may write to: spec-kitty dev-server --data DIR")
            }
            StartError::Store(StoreError::InUse { .. }) => Self::new("busy", Exit::Busy, message)
                .hint("name another directory: spec-kitty dev-server --data DIR"),
            StartError::Store(StoreError::Damaged { .. }) => {
                Self::new("dev-server-data", Exit::Damage, message)
                    .hint("name another directory: spec-kitty dev-server --data DIR")
            }
            StartError::Accounts => {
                Self::usage(message).hint("spec-kitty dev-server --user NAME:TEAM")
            }
            StartError::NoPassword => Self::usage(message)
                .hint("set SPEC_KITTY_DEV_PASSWORD, or unset it and one is made for the run"),
        }
    }
}
