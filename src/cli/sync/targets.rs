//! `sync targets [add URL --from beginning|now | remove NAME]`: who gets events.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::resolve;
use crate::auth::Account;
use crate::cli::Session;
use crate::cli::ask::{Leave, go_ahead};
use crate::cli::columns::{counted, grouped};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, near};
use crate::cli::output::visible_line;
use crate::emitter;
use crate::server_url::ServerUrl;
use crate::state::State;
use crate::sync::control::Beginning;
use crate::sync::pass::log_dir;
use crate::sync::targets::{self, Known};
use crate::target::Target;

/// How much of a target's identity people see, and have to type.
const SHORT: usize = 8;

/// Who gets events; let another server have them as well.
#[derive(Debug, Args)]
pub(in crate::cli) struct TargetsArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Let another server, or another user, of the same team have the events as well
    Add(Add),
    /// End that; what it has it keeps
    Remove(Remove),
}

#[derive(Debug, Args)]
struct Add {
    /// HTTPS, or HTTP on loopback
    url: String,
    /// From where on
    #[arg(long, value_enum)]
    from: From,
    /// The user on that server; the present one unless given
    #[arg(short, long)]
    user: Option<String>,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    /// Everything that is recorded here
    Beginning,
    /// What is recorded from now on
    Now,
}

#[derive(Debug, Args)]
struct Remove {
    /// Its name in the list, or the server's URL
    name: String,
}

pub(super) fn run(args: TargetsArgs, session: &mut Session) -> Result<(), Failure> {
    let (_, recipient) = resolve(session)?;
    let account = recipient.account().map(Account::target);
    match args.what {
        None => list(account.as_ref(), session),
        Some(What::Add(add_args)) => add(&add_args, account, session),
        Some(What::Remove(remove_args)) => remove(&remove_args.name, account.as_ref(), session),
    }
}

fn known(account: Option<&Target>, session: &Session) -> Result<Vec<Known>, Failure> {
    let state = State::at(session.home.state_dir());
    Ok(targets::list(&log_dir(&session.home), &state, account)?)
}

fn list(account: Option<&Target>, session: &mut Session) -> Result<(), Failure> {
    let known = known(account, session)?;
    if session.out.json() {
        let current = account.map(Target::id);
        let targets: Vec<Value> = known
            .iter()
            .map(|one| in_json(one, Some(one.id) == current))
            .collect();
        return session
            .out
            .object(&json!({"kind": "sync-targets", "v": 1, "targets": targets}));
    }
    if known.is_empty() {
        session
            .out
            .line("No target is known: nobody has signed in.")?;
        session
            .out
            .note("  next: spec-kitty auth login --server https://YOUR-SERVER");
        return Ok(());
    }
    for one in &known {
        let mut counts = vec![
            format!("{} waiting", grouped(one.pending)),
            format!("{} delivered", grouped(one.delivered)),
        ];
        for (count, what) in [(one.rejected, "refused"), (one.parked, "parked")] {
            if count > 0 {
                counts.push(format!("{} {what}", grouped(count)));
            }
        }
        let role = match (account.map(Target::id) == Some(one.id), one.is_added) {
            (true, _) => "  (signed in)",
            (false, true) => "  (added)",
            (false, false) => "",
        };
        session.out.line(visible_line(&format!(
            "{}  {}{role}",
            name(one),
            place(one)
        )))?;
        session
            .out
            .line(format!("{:SHORT$}  {}", "", counts.join(", ")))?;
    }
    Ok(())
}

fn name(one: &Known) -> String {
    one.id.to_string().chars().take(SHORT).collect()
}

fn place(one: &Known) -> String {
    match &one.target {
        Some(Target { server, user, team }) => {
            let team = team
                .as_ref()
                .map_or("no team".to_owned(), |t| format!("team {t}"));
            format!("{server}, {user}, {team}")
        }
        None => "an account that was signed in before".to_owned(),
    }
}

fn in_json(one: &Known, current: bool) -> Value {
    let target = one.target.as_ref();
    json!({
        "name": name(one), "id": one.id.to_string(),
        "server": target.map(|t| &t.server), "user": target.map(|t| &t.user),
        "team": target.and_then(|t| t.team.as_ref()),
        "current": current, "added": one.is_added, "pending": one.pending,
        "delivered": one.delivered, "rejected": one.rejected, "parked": one.parked,
    })
}

fn add(args: &Add, account: Option<Target>, session: &mut Session) -> Result<(), Failure> {
    let url = ServerUrl::parse(&args.url)
        .map_err(|wrong| Failure::usage(format!("the server {wrong}: {}", args.url)))?;
    let Some(Target {
        user,
        team: Some(team),
        ..
    }) = account.clone()
    else {
        let message = "only events of your own team can go elsewhere, and no team is known";
        return Err(Failure::new("team", Exit::Held, message).hint("spec-kitty auth login"));
    };
    let target = Target::new(
        url.as_str(),
        args.user.as_deref().unwrap_or(&user),
        Some(&team),
    );
    let present = known(account.as_ref(), session)?;
    let there = present.iter().find(|one| one.id == target.id());
    if account.map(|account| account.id()) == Some(target.id()) {
        return Err(Failure::usage("that is where your events go already"));
    }
    if let Some(one) = there.filter(|one| one.is_added) {
        let first = format!("spec-kitty sync targets remove {}", name(one));
        return Err(Failure::usage("that target has been added already").hint(first));
    }
    let from = match args.from {
        From::Beginning => Beginning::Beginning,
        From::Now => Beginning::Now,
    };
    let projects = targets::preview(&log_dir(&session.home), &target, from)?;
    let total = projects
        .values()
        .fold(0_u64, |sum, n| sum.saturating_add(*n));
    let place = visible_line(&format!("{}, {}, team {team}", target.server, target.user));
    if !session.out.json() {
        session.out.line(&place)?;
        for (project, events) in &projects {
            let events = counted(*events, "event", "events");
            session
                .out
                .line(visible_line(&format!("  project {project}: {events}")))?;
        }
        session.out.line(match from {
            Beginning::Beginning => format!(
                "It gets {} that are recorded here, and what follows.",
                counted(total, "event", "events")
            ),
            Beginning::Now => "It gets what is recorded from now on.".to_owned(),
        })?;
    }
    if !args.yes {
        let from = if from == Beginning::Now {
            "now"
        } else {
            "beginning"
        };
        let user = match &args.user {
            Some(user) => format!(" -u {user}"),
            None => String::new(),
        };
        let command = format!("spec-kitty sync targets add {url} --from {from}{user} --yes");
        if go_ahead(&mut session.out, &command)? == Leave::Refused {
            return session.out.line("Nothing was changed.");
        }
    }
    let state = State::at(session.home.state_dir());
    let id = target.id().to_string();
    let server = target.server.clone();
    targets::add(&emitter::log_of(&session.home), &state, target, from)?;
    if session.out.json() {
        return session.out.object(&json!({
            "kind": "sync-targets", "v": 1, "added": id, "events": total, "projects": projects,
        }));
    }
    session
        .out
        .line("Added. Events go there while you are signed in there:")?;
    session
        .out
        .line(format!("  next: spec-kitty auth login --server {server}"))
}

fn remove(text: &str, account: Option<&Target>, session: &mut Session) -> Result<(), Failure> {
    let url = ServerUrl::parse(text).ok();
    let known = known(account, session)?;
    let is_meant = |one: &&Known| {
        let by_url = url.as_ref().is_some_and(|url| {
            one.target
                .as_ref()
                .is_some_and(|target| target.server == url.as_str())
        });
        let by_name = text.len() >= SHORT && one.id.to_string().starts_with(text);
        one.is_added && (by_url || by_name)
    };
    let meant: Vec<&Known> = known.iter().filter(is_meant).collect();
    let text = visible_line(text);
    let one = match meant.as_slice() {
        [one] => *one,
        [] => {
            let mut message = format!("no target was added that is called {text}");
            let added = known.iter().filter(|one| one.is_added);
            let names: Vec<String> = added
                .flat_map(|one| {
                    let server = one.target.as_ref().map(|target| target.server.clone());
                    [Some(name(one)), server].into_iter().flatten()
                })
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if let Some(meant) = near(&text, &names) {
                message.push_str(&format!("\n  did you mean {}?", visible_line(meant)));
            }
            return Err(Failure::new("no-such-target", Exit::NotFound, message)
                .hint("spec-kitty sync targets"));
        }
        _ => {
            let message = format!("several added targets are called {text}: use their names");
            return Err(Failure::usage(message).hint("spec-kitty sync targets"));
        }
    };
    targets::remove(&emitter::log_of(&session.home), one.id)?;
    if session.out.json() {
        let removed = one.id.to_string();
        return session
            .out
            .object(&json!({"kind": "sync-targets", "v": 1, "removed": removed}));
    }
    session
        .out
        .line("Removed. What it has it keeps; it gets no more.")
}
