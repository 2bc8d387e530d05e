//! The human form at several widths, to the letter.

use proptest::prelude::*;

use super::super::entry::tests::entry;
use super::*;
use crate::cli::output::is_hostile;

const STATUS: &str =
    r#"{"payload":{"previous_status":"doing","new_status":"for_review","changed_by":"claude"}}"#;
const CREATED: &str =
    r#"{"payload":{"title":"Event Factory モジュール for everything that happens on a laptop"}}"#;
const LOGGED: &str = r#"{"payload":{"error_type":"runtime","error_message":"cargo test: 2 failed, 118 passed","agent_id":"a-very-long-agent-name"}}"#;

fn state(state: DeliveryState) -> Delivery<'static> {
    let refused = matches!(state, DeliveryState::Rejected | DeliveryState::Parked);
    Delivery {
        state: Some(state),
        attempts: u32::from(refused),
        last_error: refused.then_some("WP02 has open\nsubtasks: T009, T010 and more than that"),
    }
}

/// What a terminal of so many columns shows.
fn screen(columns: usize) -> String {
    let mut lines = Lines::new(columns, Zone::chosen(true));
    let mut shown = Vec::new();
    let mut next_day = entry("Lunch", "canteen", r#"{"payload":{"menu":[1.10]}}"#);
    next_day.header.timestamp_us += 86_400_000_000;
    next_day.header.lamport = 1_234_567;
    for (entry, delivery) in [
        (
            entry("WPStatusChanged", "WP01", STATUS),
            state(DeliveryState::Delivered),
        ),
        (
            entry("WPCreated", "WP01", CREATED),
            state(DeliveryState::Duplicate),
        ),
        (
            entry("ErrorLogged", "WP02", LOGGED),
            state(DeliveryState::Sent),
        ),
        (
            entry("WPStatusChanged", "WP02", STATUS),
            state(DeliveryState::Rejected),
        ),
        (
            entry("DependencyResolved", "WP02", "{}"),
            state(DeliveryState::Pending),
        ),
        (next_day, Delivery::default()),
    ] {
        shown.extend(lines.event(&entry, &delivery));
    }
    let shown: Vec<_> = shown
        .iter()
        .map(|line| anstream::adapter::strip_str(line).to_string())
        .collect();
    for line in &shown {
        assert!(width(line) <= columns, "wider than {columns}: {line}");
        assert_eq!(line.trim_end(), line);
    }
    shown.join("\n") + "\n"
}

#[test]
fn at_120_columns_everything_is_there() {
    assert_eq!(screen(120), include_str!("screens/120.txt"));
}

#[test]
fn at_80_columns_the_id_is_gone() {
    assert_eq!(screen(80), include_str!("screens/80.txt"));
}

#[test]
fn at_60_columns_the_actor_is_gone_too() {
    assert_eq!(screen(60), include_str!("screens/60.txt"));
}

#[test]
fn at_40_columns_what_happened_is_still_there() {
    assert_eq!(screen(40), include_str!("screens/40.txt"));
}

proptest! {
    #[test]
    fn no_event_is_wider_than_the_terminal_or_can_drive_it(
        texts in prop::array::uniform4(any::<String>()), columns in 20_usize..200,
    ) {
        let [event_type, about, text, error] = &texts;
        let json = serde_json::json!({"payload": {"title": text, "entry_content": text}}).to_string();
        for event_type in [event_type, "WPCreated", "HistoryAdded"] {
            let mut lines = Lines::new(columns, Zone::chosen(true));
            let mut delivery = state(DeliveryState::Parked);
            delivery.last_error = Some(error);
            for line in lines.event(&entry(event_type, about, &json), &delivery) {
                prop_assert!(width(&line) <= columns);
                let line = anstream::adapter::strip_str(&line).to_string();
                prop_assert!(!line.chars().any(is_hostile));
            }
        }
    }
}
