//! `log show ID`: everything about one event.

use clap::Args;

use crate::cli::Session;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::visible_line;
use crate::cli::time::Zone;
use crate::log::read::{Item, Step};
use crate::log::reader::Reader;
use crate::log::segment::LogDir;
use crate::position::Seq;

use super::find;
use super::printer::{Form, Printer};
use super::understood;

/// Options of `log show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The event's id, how it begins, its number in the log, or @ and its Lamport clock
    #[arg(value_name = "ID")]
    id: String,
    /// Show times in UTC
    #[arg(long, env = "SPEC_KITTY_UTC", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    utc: bool,
}

pub(super) fn run(args: &ShowArgs, session: &mut Session) -> Result<(), Failure> {
    let dir = super::log_dir(session);
    let seq = find::named(&dir, &args.id)?;
    let deliveries = super::deliveries(session, &dir);
    let out = &mut session.out;
    let form = if out.json() { Form::Json } else { Form::Full };
    let mut printer = Printer::new(form, Zone::chosen(args.utc), &dir, out);
    at(&dir, seq, |item| {
        let Some(entry) = understood(item, &dir, out)? else {
            if item.kind.is_event() {
                return Err(Failure::silent(Exit::Damage));
            }
            let text = format!("record {seq} is no event that can be shown");
            return Err(find::not_found(text, false));
        };
        printer.event(&entry, &deliveries.of(&entry), out)?;
        if printer.printed() == 0 {
            return Err(Failure::silent(Exit::Damage));
        }
        Ok(())
    })
}

/// Calls `then` with the frame numbered `seq`.
pub(super) fn at(
    dir: &LogDir,
    seq: Seq,
    then: impl FnOnce(&Item<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut reader = Reader::new(dir.clone(), seq);
    let mut damaged = false;
    loop {
        match reader.step()? {
            Step::Frame(item) if item.seq == seq => return then(&item),
            Step::Damage(found) => {
                let holds = |lost: crate::log::scan::SeqRange| (lost.from..=lost.to).contains(&seq);
                damaged |= found.lost.is_some_and(holds);
            }
            Step::Frame(_) | Step::Idle => {
                let text = format!("no event has the number {}", visible_line(&seq.to_string()));
                return Err(find::not_found(text, damaged));
            }
        }
    }
}
