//! What `log repair` tells a person: each step with its reason, what is lost by
//! it, and what is not its business.

use crate::cli::columns::{counted, size};
use crate::cli::failure::Failure;
use crate::cli::log::layout::{Line, page_of};
use crate::cli::output::{Output, visible_line};
use crate::cli::style::{BOLD, DIM, YELLOW};
use crate::state::Remains;

use super::report::Step;
use super::{Done, Plan};

/// `set aside`.
const LABEL_COLUMNS: usize = 9;

/// Prints lines none of which is wider than the terminal.
pub(super) fn print(lines: &[Line], out: &mut Output) -> Result<(), Failure> {
    let (margin, columns) = page_of(out);
    for line in lines
        .iter()
        .flat_map(|line| line.laid_out(LABEL_COLUMNS, columns))
    {
        out.line(format!("{margin}{line}").trim_end())?;
    }
    Ok(())
}

impl Plan {
    pub(super) fn lines(&self) -> Vec<Line> {
        if self.is_empty() {
            let nothing = Line::Text(BOLD, "Nothing to repair.".to_owned());
            return [nothing].into_iter().chain(self.stays()).collect();
        }
        let mut lines = vec![Line::Text(
            BOLD,
            "To be done; nothing is changed yet:".to_owned(),
        )];
        for step in self.steps(&Done::default()) {
            lines.extend([
                Line::Empty,
                Line::fact(label(&step), places(&step)),
                Line::fact("", visible_line(&step.reason)),
            ]);
        }
        if let Some(cost) = self.cost() {
            lines.extend([Line::Empty, Line::Text(YELLOW, cost)]);
        }
        let stays = self.stays();
        if stays.is_some() {
            lines.push(Line::Empty);
        }
        lines.extend(stays);
        lines.push(Line::Empty);
        lines
    }

    /// What is there after it was done.
    pub(super) fn lines_after(&self, done: &Done) -> Vec<Line> {
        let kept = done.aside.iter().map(|path| {
            let path = visible_line(&self.relative(path));
            Line::text(format!("The damaged one is kept: {path}"))
        });
        let answer = match done.failure {
            None => Some(Line::Text(BOLD, "Done.".to_owned())),
            Some(_) => None,
        };
        kept.chain(answer).collect()
    }

    /// What making the ledger anew costs.
    fn cost(&self) -> Option<String> {
        if self.checkup.ailments.is_empty() {
            return None;
        }
        match self.checkup.remains {
            Remains::Whole => None,
            Remains::View => Some(
                "The ledger is taken from its view. Should the view lack what the server \
                 answered last, those events are sent once more."
                    .to_owned(),
            ),
            Remains::Parts { lost } => {
                let lost = u64::try_from(lost).unwrap_or(u64::MAX);
                let entries = counted(lost, "entry", "entries");
                Some(format!(
                    "{entries} of the ledger cannot be read and no copy is left: where an event \
                     that the server refused may be among them, everything is sent once more."
                ))
            }
            Remains::Nothing => Some(
                "Nothing is left of the ledger: delivery starts over. Everything that is still \
                 here is sent once more, what was refused or parked as well. The server drops \
                 what it has."
                    .to_owned(),
            ),
        }
    }

    fn stays(&self) -> Option<Line> {
        let places = u64::try_from(self.damage.len()).unwrap_or(u64::MAX);
        if places == 0 {
            return None;
        }
        let stay = counted(
            places,
            "damaged place stays as it is",
            "damaged places stay as they are",
        );
        let text = format!("{stay}: nothing is ever written into a segment.");
        Some(Line::Text(
            DIM,
            format!("{text} See: spec-kitty log verify"),
        ))
    }
}

fn label(step: &Step) -> &'static str {
    match step.action {
        "set-aside" => "set aside",
        other => other,
    }
}

fn places(step: &Step) -> String {
    let bytes = step
        .bytes
        .map_or_else(String::new, |bytes| format!(" ({})", size(bytes)));
    let from = format!("{}{bytes}", visible_line(&step.path));
    match &step.to {
        Some(to) => format!("{from} → {}", visible_line(to)),
        None => from,
    }
}
