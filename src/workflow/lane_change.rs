//! A work package that goes from one lane to another: the words and the event.

use super::feature::Slug;
use super::work_package::WpId;
use crate::event::{Draft, Invalid, Lane, Payload, WpStatusChanged};

/// A move that was made, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LaneChange {
    /// The work package.
    pub wp: WpId,
    /// The feature.
    pub feature: Slug,
    /// The lane it was in.
    pub old: Lane,
    /// The lane it was moved to.
    pub new: Lane,
    /// The agent who moved it.
    pub by: Option<String>,
}

impl LaneChange {
    /// The event that tells of it.
    ///
    /// # Errors
    /// When a value cannot be an event's.
    pub(crate) fn draft(&self) -> Result<Draft, Invalid> {
        let mut event = WpStatusChanged::new(self.wp.to_string(), self.old, self.new)
            .feature(self.feature.as_str());
        if let Some(agent) = &self.by {
            event = event.changed_by(agent);
        }
        event.into_draft()
    }

    /// What was done, in the past tense.
    pub(super) fn what(&self) -> String {
        format!("moved {} from {} to {}", self.wp, self.old, self.new)
    }

    /// The message that the original gives such a commit.
    pub(super) fn message(&self) -> String {
        let by = match &self.by {
            Some(agent) => format!(" [{agent}]"),
            None => String::new(),
        };
        format!(
            "chore: Move {} to {} on spec {}{by}",
            self.wp,
            self.new,
            self.feature.number()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_names_the_agent_and_the_feature() {
        let change = LaneChange {
            wp: "WP01".parse().unwrap(),
            feature: Slug::parse("028-x").unwrap(),
            old: Lane::Planned,
            new: Lane::Doing,
            by: Some("claude".into()),
        };
        assert_eq!(
            change.draft().unwrap().payload(),
            "{\"wp_id\":\"WP01\",\"previous_status\":\"planned\",\"new_status\":\"doing\",\
             \"changed_by\":\"claude\",\"feature_slug\":\"028-x\"}"
        );
    }
}
