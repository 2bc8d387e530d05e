//! The decision is total, and `docs/recovery.md` has a row for every answer.

use std::collections::BTreeSet;

use super::*;
use crate::log::append::AppendError;
use crate::log::frame::Fault;
use crate::log::read::{ReadError, Reason, Unfinished};

const PAGE: &str = include_str!("../../docs/recovery.md");

/// One row of the table: its state and what the appender does.
struct Row {
    state: &'static str,
    appender: &'static str,
}

fn table() -> Vec<Row> {
    let lines = PAGE
        .lines()
        .skip_while(|line| *line != "|---|---|---|---|---|---|");
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 6, "{line}");
            Row {
                state: cells[0],
                appender: cells[2],
            }
        })
        .collect()
}

/// Every combination of facts that an appender can meet.
fn all_facts() -> Vec<Facts> {
    let mut all = Vec::new();
    for behind in [Behind::Nothing, Behind::Unreadable] {
        all.push(Facts {
            newest: None,
            behind,
        });
        for ends in [Ends::Clean, Ends::InDebris] {
            for trust in [Trust::Whole, Trust::GivenUp] {
                for made in [Made::Here, Made::Elsewhere] {
                    let newest = Some(Segment { ends, trust, made });
                    all.push(Facts { newest, behind });
                }
            }
        }
    }
    all
}

/// The rows that a combination of facts combines.
fn rows_of(facts: Facts) -> Vec<&'static str> {
    let mut rows = Vec::new();
    match facts.behind {
        Behind::Nothing => {}
        Behind::Unreadable => rows.push("newest header unreadable"),
    }
    let Some(Segment { ends, trust, made }) = facts.newest else {
        rows.push("no log");
        return rows;
    };
    match ends {
        Ends::Clean => {}
        Ends::InDebris => rows.extend(["torn tail", "damaged tail"]),
    }
    match trust {
        Trust::Whole => {}
        Trust::GivenUp => rows.push("given up"),
    }
    match made {
        Made::Here => {}
        Made::Elsewhere => rows.extend(["copied home", "lock replaced", "put back"]),
    }
    if rows.is_empty() {
        // What lies before the end of the newest segment does not change what
        // the appender does.
        rows.extend([
            "clean",
            "no frames yet",
            "damage inside",
            "interrupted creation",
            "one header copy bad",
            "older header unreadable, known",
            "older header unreadable, unknown",
            "alien file",
            "wrong name",
            "segment missing",
            "end missing",
            "beginning pruned",
        ]);
    }
    rows
}

fn word(course: Course) -> &'static str {
    match course {
        Course::Begin => "begins",
        Course::Append => "appends",
        Course::Succeed {
            node: Node::Same, ..
        } => "succeeds",
        Course::Succeed {
            node: Node::New, ..
        } => "succeeds as a new node",
    }
}

fn rows_of_refusal(refusal: &AppendError) -> &'static [&'static str] {
    match refusal {
        AppendError::Busy { .. } => &["busy"],
        AppendError::Newer { .. } => &["newer format"],
        AppendError::Full { .. } | AppendError::ClockExhausted => &["full"],
        AppendError::Io { .. } => &["not writable", "not readable"],
        // The append after it meets the segment again.
        AppendError::Unknown { .. } => &["given up"],
    }
}

fn rows_of_damage(reason: Reason) -> &'static [&'static str] {
    match reason {
        Reason::Bytes(
            Fault::Cut | Fault::Head | Fault::Tail | Fault::Checksum | Fault::OutOfPlace,
        ) => &["damage inside", "damaged tail"],
        Reason::UnreadableHeader => &[
            "newest header unreadable",
            "older header unreadable, known",
            "older header unreadable, unknown",
        ],
        Reason::HeaderCopy => &["one header copy bad"],
        Reason::Missing => &["segment missing"],
        Reason::Alien => &["alien file"],
        Reason::Misnamed => &["wrong name"],
    }
}

fn rows_of_end(unfinished: Option<&Unfinished>) -> &'static [&'static str] {
    match unfinished {
        None => &["clean"],
        Some(Unfinished::Torn { .. }) => &["torn tail"],
        Some(Unfinished::Damage(_)) => &["damaged tail"],
    }
}

fn rows_of_stop(stop: &ReadError) -> &'static [&'static str] {
    match stop {
        ReadError::Newer { .. } => &["newer format"],
        ReadError::Io { .. } => &["not readable"],
    }
}

#[test]
fn every_combination_of_facts_has_one_course_and_its_rows_say_so() {
    let table = table();
    let says = |state: &str| {
        let rows: Vec<_> = table.iter().filter(|row| row.state == state).collect();
        assert_eq!(rows.len(), 1, "rows called {state:?}");
        rows[0].appender
    };
    for facts in all_facts() {
        let course = word(decide(facts));
        let rows = rows_of(facts);
        assert!(!rows.is_empty(), "{facts:?}");
        // What needs most decides: a new node, a successor, a plain append.
        let strongest = ["succeeds as a new node", "succeeds", "begins", "appends"]
            .into_iter()
            .find(|word| rows.iter().any(|state| says(state) == *word));
        let expected = match facts.newest {
            None => Some("begins"),
            Some(_) => strongest,
        };
        assert_eq!(Some(course), expected, "{facts:?}");
    }
}

#[test]
fn clock_values_are_skipped_exactly_when_some_may_be_known_elsewhere() {
    for facts in all_facts() {
        let Course::Succeed { above, .. } = decide(facts) else {
            continue;
        };
        let lossless = facts.behind == Behind::Nothing
            && facts
                .newest
                .is_some_and(|newest| newest.ends == Ends::Clean && newest.trust == Trust::Whole);
        assert_eq!(above == Above::LastFrame, lossless, "{facts:?}");
    }
}

/// The functions above match on every variant there is, so a new one does not
/// compile before it has a row; and a row that nothing leads to is no row.
#[test]
fn the_table_has_a_row_for_every_verdict_and_no_other_rows() {
    let mut known: BTreeSet<&str> = all_facts().into_iter().flat_map(rows_of).collect();
    let io = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    let path = || std::path::PathBuf::from("log");
    let refusals = [
        AppendError::Busy {
            path: path(),
            waited: std::time::Duration::ZERO,
        },
        AppendError::Newer {
            path: path(),
            version: 2,
        },
        AppendError::Full { bytes: 1, limit: 1 },
        AppendError::ClockExhausted,
        AppendError::Io {
            action: "write",
            path: path(),
            source: io(),
        },
        AppendError::Unknown {
            action: "write",
            path: path(),
            offset: crate::position::Offset(0),
            source: io(),
        },
    ];
    known.extend(refusals.iter().flat_map(rows_of_refusal));
    let faults = [
        Fault::Cut,
        Fault::Head,
        Fault::Tail,
        Fault::Checksum,
        Fault::OutOfPlace,
    ];
    let reasons = faults.map(Reason::Bytes).into_iter().chain([
        Reason::UnreadableHeader,
        Reason::HeaderCopy,
        Reason::Missing,
        Reason::Alien,
        Reason::Misnamed,
    ]);
    known.extend(reasons.flat_map(rows_of_damage));
    known.extend(rows_of_end(None));
    known.extend(rows_of_stop(&ReadError::Newer {
        path: path(),
        version: 2,
    }));
    known.extend(rows_of_stop(&ReadError::io("read", path())(io())));
    let table = table();
    let written: BTreeSet<&str> = table.iter().map(|row| row.state).collect();
    assert_eq!(written.len(), table.len(), "a state has two rows");
    assert_eq!(known, written);
    for row in &table {
        let words = [
            "begins",
            "appends",
            "succeeds",
            "succeeds as a new node",
            "refuses",
        ];
        assert!(
            words.contains(&row.appender),
            "{}: {}",
            row.state,
            row.appender
        );
    }
}
