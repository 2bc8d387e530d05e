//! The ledger as the version before wrote it: without latencies.
//!
//! What is written down today reads both; what was kept by then is kept, and no
//! delivery has been timed yet.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::state::ledger::{Contact, Ledger, Stream, TargetLedger, Trouble};
use crate::state::text::Project;
use crate::target::TargetId;

/// A [`Contact`] of version 1.
#[derive(Debug, Deserialize)]
pub(in crate::state) struct FormerContact {
    last_contact_at_ms: Option<u64>,
    retry_not_before_ms: Option<u64>,
    last_error: Option<(u64, Trouble)>,
}

#[derive(Debug, Deserialize)]
struct FormerTarget {
    contact: FormerContact,
    streams: BTreeMap<Option<Project>, Stream>,
}

/// A [`Ledger`] of version 1.
#[derive(Debug, Deserialize)]
pub(in crate::state) struct FormerLedger {
    revision: u64,
    targets: BTreeMap<TargetId, FormerTarget>,
}

impl From<FormerContact> for Contact {
    fn from(former: FormerContact) -> Self {
        Self {
            last_contact_at_ms: former.last_contact_at_ms,
            retry_not_before_ms: former.retry_not_before_ms,
            last_error: former.last_error,
            ..Self::default()
        }
    }
}

impl From<FormerLedger> for Ledger {
    fn from(former: FormerLedger) -> Self {
        let targets = former.targets.into_iter().map(|(id, target)| {
            let target = TargetLedger {
                contact: target.contact.into(),
                streams: target.streams,
            };
            (id, target)
        });
        Self {
            revision: former.revision,
            targets: targets.collect(),
        }
    }
}
