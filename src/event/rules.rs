//! The schema as tables: for each field its name, whether it must be there,
//! and its rule.
//!
//! Hand-written so that the field that is wrong can be named and nothing is
//! allocated; a property test holds the tables to `events.schema.json`.

use super::words::{AggregateType, EntryType, ErrorKind, EventType, Lane, Phase, Resolution};

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Anything.
    Any,
    /// An object, kept as its bytes.
    Payload,
    Text,
    NonEmpty,
    TextOrNull,
    /// One of these words.
    Word(&'static [&'static str]),
    WpId,
    /// A list of work package ids.
    WpIds,
    FeatureSlug,
    FeatureNumber,
    /// A whole number written in digits, from 0 to 2^63 - 1.
    Count,
    DateTime,
    Ulid,
    UlidOrNull,
}

/// Whether a field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// One field of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) presence: Presence,
    pub(super) rule: Rule,
}

const fn required(name: &'static str, rule: Rule) -> Field {
    Field {
        name,
        presence: Presence::Required,
        rule,
    }
}

const fn optional(name: &'static str, rule: Rule) -> Field {
    Field {
        name,
        presence: Presence::Optional,
        rule,
    }
}

/// The envelope as it goes over the wire.
pub(super) static WIRE: [Field; 10] = envelope(Presence::Required);

/// The envelope as it is recorded: the team may still be unknown.
pub(super) static RECORDED: [Field; 10] = envelope(Presence::Optional);

const fn envelope(team: Presence) -> [Field; 10] {
    [
        required("event_id", Rule::Ulid),
        required("event_type", Rule::Word(EventType::WORDS)),
        required("aggregate_id", Rule::NonEmpty),
        required("aggregate_type", Rule::Word(AggregateType::WORDS)),
        required("payload", Rule::Payload),
        required("node_id", Rule::NonEmpty),
        required("lamport_clock", Rule::Count),
        optional("causation_id", Rule::UlidOrNull),
        required("timestamp", Rule::DateTime),
        Field {
            name: "team_slug",
            presence: team,
            rule: Rule::NonEmpty,
        },
    ]
}

/// The fields of a payload.
pub(super) const fn payload(event_type: EventType) -> &'static [Field] {
    match event_type {
        EventType::WpStatusChanged => {
            const {
                &[
                    required("wp_id", Rule::WpId),
                    required("previous_status", Rule::Word(Lane::WORDS)),
                    required("new_status", Rule::Word(Lane::WORDS)),
                    optional("changed_by", Rule::Text),
                    optional("feature_slug", Rule::TextOrNull),
                ]
            }
        }
        EventType::WpCreated => {
            const {
                &[
                    required("wp_id", Rule::WpId),
                    required("title", Rule::NonEmpty),
                    required("feature_slug", Rule::NonEmpty),
                    optional("dependencies", Rule::WpIds),
                ]
            }
        }
        EventType::WpAssigned => {
            const {
                &[
                    required("wp_id", Rule::WpId),
                    required("agent_id", Rule::NonEmpty),
                    required("phase", Rule::Word(Phase::WORDS)),
                    optional("retry_count", Rule::Count),
                ]
            }
        }
        EventType::FeatureCreated => {
            const {
                &[
                    required("feature_slug", Rule::FeatureSlug),
                    required("feature_number", Rule::FeatureNumber),
                    required("target_branch", Rule::NonEmpty),
                    required("wp_count", Rule::Count),
                    optional("created_at", Rule::DateTime),
                ]
            }
        }
        EventType::FeatureCompleted => {
            const {
                &[
                    required("feature_slug", Rule::Text),
                    required("total_wps", Rule::Count),
                    optional("completed_at", Rule::DateTime),
                    optional("total_duration", Rule::TextOrNull),
                ]
            }
        }
        EventType::HistoryAdded => {
            const {
                &[
                    required("wp_id", Rule::WpId),
                    required("entry_type", Rule::Word(EntryType::WORDS)),
                    required("entry_content", Rule::NonEmpty),
                    optional("author", Rule::Text),
                ]
            }
        }
        EventType::ErrorLogged => {
            const {
                &[
                    required("error_type", Rule::Word(ErrorKind::WORDS)),
                    required("error_message", Rule::NonEmpty),
                    optional("wp_id", Rule::TextOrNull),
                    optional("stack_trace", Rule::TextOrNull),
                    optional("agent_id", Rule::TextOrNull),
                ]
            }
        }
        EventType::DependencyResolved => {
            const {
                &[
                    required("wp_id", Rule::WpId),
                    required("dependency_wp_id", Rule::WpId),
                    required("resolution_type", Rule::Word(Resolution::WORDS)),
                ]
            }
        }
    }
}
