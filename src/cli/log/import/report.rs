//! What an import did, for programs.

use serde::Serialize;
use serde_json::Value;

use crate::legacy::{Gathered, Imported, LegacyError, Place, Source};

#[derive(Serialize)]
pub(super) struct Report {
    kind: &'static str,
    v: u8,
    dry_run: bool,
    /// How many events were imported, or would be.
    imported: u64,
    already_present: u64,
    conflicts: Vec<String>,
    refused: Vec<RefusedReport>,
    /// At most ten thousand are listed; this is all of them.
    refused_total: u64,
    /// Rows of damaged databases that only their pages gave; among the
    /// imported, or the ones that are here already. At most ten thousand runs.
    recovered: Vec<RecoveredReport>,
    /// This home's clock afterwards.
    clock: u64,
    /// Events whose clock values are not believed.
    beyond: Option<Beyond>,
    sources: Vec<SourceLine>,
    /// Where what was refused is kept.
    aside: Option<String>,
}

#[derive(Serialize)]
struct RefusedReport {
    source: String,
    /// The row, line or record; a range as text; null for the whole source.
    row: Value,
    event_id: Option<String>,
    reason: String,
}

#[derive(Serialize)]
struct RecoveredReport {
    source: String,
    /// The row, or a range as text.
    row: Value,
}

#[derive(Serialize)]
struct Beyond {
    events: u64,
    highest: u64,
}

#[derive(Serialize)]
struct SourceLine {
    path: String,
    kind: &'static str,
    new: u64,
    already_present: u64,
    refused: u64,
    recovered: u64,
    clock: Option<u64>,
    bodies_left: u64,
    /// `server|user|team`; null when the events are nobody's yet.
    account: Option<String>,
    account_known: bool,
}

pub(super) fn report(
    gathered: &Gathered,
    sources: &[Source],
    imported: &Imported,
    dry_run: bool,
) -> Result<Report, LegacyError> {
    let (refusals, refused_total) = gathered.refusals()?;
    let (waiting, _) = gathered.count()?;
    let path_of = |index: usize| {
        let source = sources.get(index);
        source
            .map(|source| source.path.display().to_string())
            .unwrap_or_default()
    };
    let rises = gathered.clock <= gathered.reach && gathered.reach.0 > 0;
    let planned = if rises {
        gathered.reach.next()
    } else {
        gathered.clock
    };
    let present = |found: &crate::legacy::SourceReport| found.present;
    Ok(Report {
        kind: "log-import",
        v: 1,
        dry_run,
        imported: if dry_run { waiting } else { imported.events },
        already_present: gathered.sources.iter().map(present).sum(),
        conflicts: gathered.conflicts()?,
        refused: refusals
            .into_iter()
            .map(|refusal| RefusedReport {
                source: path_of(refusal.source),
                row: row(refusal.place),
                event_id: refusal.event_id,
                reason: refusal.reason,
            })
            .collect(),
        refused_total,
        recovered: super::recovered(gathered)
            .map(|(source, place)| RecoveredReport {
                source: path_of(source),
                row: row(place),
            })
            .collect(),
        clock: if dry_run { planned.0 } else { imported.clock.0 },
        beyond: gathered.beyond.map(|(events, highest)| Beyond {
            events,
            highest: highest.0,
        }),
        sources: sources
            .iter()
            .zip(&gathered.sources)
            .map(|(source, found)| SourceLine {
                path: source.path.display().to_string(),
                kind: source.kind.as_str(),
                new: found.new,
                already_present: found.present,
                refused: found.refused,
                recovered: super::recovered_in(found),
                clock: found.clock.map(|clock| clock.0),
                bodies_left: found.bodies,
                account: source.account().map(crate::target::Target::scope),
                account_known: !source.is_of_unknown_account(),
            })
            .collect(),
        aside: imported
            .aside
            .as_ref()
            .map(|path| path.display().to_string()),
    })
}

fn row(place: Place) -> Value {
    match place {
        Place::Whole => Value::Null,
        Place::Row(id) => id.into(),
        Place::Rows { from, to } => format!("{from}..{to}").into(),
        Place::Page(number) => format!("page {number}").into(),
        Place::Line(number) | Place::Frame(number) => number.into(),
    }
}
