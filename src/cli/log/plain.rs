//! Events as rows for programs: TAB-separated and CSV.

use crate::cli::output::visible_line;
use crate::cli::time;

use super::delivery::Delivery;
use super::entry::Entry;
use super::members::Members;
use super::summary::Summary;

/// One row: time, state, Lamport clock, id, type, aggregate, what happened, who
/// did it. UTC, nothing cut, nothing styled; a TAB in a text is shown as `␉`.
pub(super) fn tabbed(entry: &Entry<'_>, delivery: &Delivery<'_>) -> String {
    let header = &entry.header;
    let summary = Summary::of(entry);
    let fields: [&str; 8] = [
        &time::utc(header.timestamp_us),
        delivery.word(),
        &header.lamport.to_string(),
        &visible_line(header.event_id),
        &visible_line(header.event_type),
        &visible_line(header.aggregate_id),
        &summary.text,
        summary.actor.as_deref().unwrap_or_default(),
    ];
    fields.join("\t")
}

/// The first line of CSV.
pub(super) const CSV_HEADER: &str = "time,state,seq,lamport,event_id,event_type,aggregate_type,\
                                     aggregate_id,feature,node,team,project,causation_id,attempts,last_error,payload";

/// One line of CSV, quoted where RFC 4180 asks for it. The payload is the
/// recorded JSON.
pub(super) fn csv(entry: &Entry<'_>, delivery: &Delivery<'_>) -> String {
    let header = &entry.header;
    let event = Members::read(entry.json).ok();
    let payload = event.and_then(|event| event.get("payload"));
    let fields: [&str; 16] = [
        &time::utc(header.timestamp_us),
        delivery
            .state
            .map_or("", super::delivery::DeliveryState::as_str),
        &entry.seq.to_string(),
        &header.lamport.to_string(),
        header.event_id,
        header.event_type,
        header.aggregate_type,
        header.aggregate_id,
        header.feature.unwrap_or_default(),
        header.node_id,
        header.team.unwrap_or_default(),
        header.project.unwrap_or_default(),
        header.causation_id.unwrap_or_default(),
        &delivery.attempts.to_string(),
        delivery.last_error.unwrap_or_default(),
        payload.map_or("", |payload| payload.get()),
    ];
    fields.map(quoted).join(",")
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::delivery::DeliveryState;
    use super::super::entry::tests::entry;
    use super::*;

    const JSON: &str =
        r#"{"payload":{"entry_type":"note","entry_content":"a,\tb \"c\" 1.10","author":"bob"}}"#;

    fn rejected() -> Delivery<'static> {
        Delivery {
            state: Some(DeliveryState::Rejected),
            attempts: 2,
            last_error: Some("no,\nnot \"now\""),
        }
    }

    #[test]
    fn a_row_has_eight_fields_whatever_the_texts_hold() {
        let row = tabbed(&entry("HistoryAdded", "WP01", JSON), &rejected());
        assert_eq!(
            row,
            "2026-02-03T12:52:10.114Z\trejected\t434\t01KGHNHD2JW2V0N5YB3K7M9RDE\tHistoryAdded\tWP01\t\
             “a,␉b \"c\" 1.10”\tbob"
        );
        let row = tabbed(&entry("a\tb", "c\nd", "{}"), &Delivery::default());
        assert_eq!(row.split('\t').count(), 8);
        assert_eq!(row.lines().count(), 1);
    }

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        let row = csv(&entry("HistoryAdded", "WP01", JSON), &rejected());
        assert_eq!(
            row,
            concat!(
                "2026-02-03T12:52:10.114Z,rejected,436,434,01KGHNHD2JW2V0N5YB3K7M9RDE,HistoryAdded,",
                "WorkPackage,WP01,028-cli-event-emission-sync,b805cd5cee74,acme-corp,",
                "44a34391-86d8-4159-abf1-e0b4d3abc746,,2,\"no,\nnot \"\"now\"\"\",",
                r#""{""entry_type"":""note"",""entry_content"":""a,\tb \""c\"" 1.10"",""author"":""bob""}""#
            )
        );
        let fields = CSV_HEADER.split(',').count();
        let bare = csv(&entry("X", "y", "{}"), &Delivery::default());
        assert_eq!(bare.split(',').count(), fields);
    }
}
