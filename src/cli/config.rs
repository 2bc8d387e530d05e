//! `config list | get | set`: the settings, with where each one comes from.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Session;
use super::columns::terminal_columns;
use super::failure::{Failure, near, unknown_setting};
use super::output::{visible_line, width};
use super::style::{DIM, YELLOW, paint};
use crate::config::{self, Effective, Key, Kind, Origin, SetError, Setting, Shown, effective};
use crate::emitter;
use crate::sync::gate::{no_daemon, sync_is_off};

/// Show or change settings, with where each one comes from
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting: its value, and who said so
    List,
    /// Print the value of one setting; an empty line when it is not set
    Get(GetArgs),
    /// Change one setting; comments and everything else in the file stay
    Set(SetArgs),
}

/// Options of `config get`.
#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// The setting, such as sync.server_url
    #[arg(value_name = "KEY")]
    key: String,
}

/// Options of `config set`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct SetArgs {
    /// The setting, such as sync.auto
    #[arg(value_name = "KEY")]
    key: String,
    /// Its value; "" unsets a URL or a path
    #[arg(value_name = "VALUE")]
    value: String,
}

const EXAMPLES: &str = "\
Examples:
  spec-kitty config set sync.server_url https://kitty.example.org
  spec-kitty config set sync.auto false
  spec-kitty config set log.retention_days 90";

#[derive(Serialize)]
struct Row {
    key: String,
    value: serde_json::Value,
    origin: &'static str,
    /// The variable that said so, when one did.
    variable: Option<&'static str>,
    ignored: Option<String>,
}

pub(super) fn run(command: ConfigCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        ConfigCommand::List => list(session),
        ConfigCommand::Get(args) => get(&args, session),
        ConfigCommand::Set(args) => set(&args, session),
    }
}

/// What holds here and now: for this home, this environment and this directory.
fn now(session: &Session) -> Effective {
    let mut found = effective(&session.home.config_file(), |name| std::env::var_os(name));
    if let Some(by) = keeps_from_starting() {
        found.keep_from_starting(by);
    }
    found
}

/// What keeps commands from starting the background sender, whatever the
/// settings say: the environment, or the project that this directory is in.
fn keeps_from_starting() -> Option<Origin> {
    if no_daemon() {
        return Some(Origin::Environment("SPEC_KITTY_NO_DAEMON"));
    }
    if sync_is_off() {
        return Some(Origin::Environment("SPEC_KITTY_SYNC_DISABLE"));
    }
    let (_, looked) = emitter::look_at_project(&std::env::current_dir().ok()?)?;
    let looked = looked.ok()?;
    if looked.opted_out {
        Some(Origin::Project("sync.enabled"))
    } else {
        looked
            .no_auto_start
            .then_some(Origin::Project("sync.auto_start"))
    }
}

fn list(session: &mut Session) -> Result<(), Failure> {
    let found = now(session);
    let file = session.home.config_file();
    if session.out.json() {
        let settings: Vec<Row> = found.settings.iter().map(row).collect();
        return session.out.object(&serde_json::json!({
            "kind": "config-list", "v": 1, "file": file.display().to_string(),
            "problem": found.problem.map(|problem| problem.to_string()),
            "settings": settings, "unknown": found.unknown,
        }));
    }
    if let Some(problem) = &found.problem {
        let text = visible_line(&problem.to_string());
        session.out.warn(format!("{text}; the defaults are used"));
    }
    // Programs that read lines get one a setting.
    let columns = match session.out.stdout_is_terminal() {
        true => terminal_columns(),
        false => usize::MAX,
    };
    let name_width = widest(found.settings.iter().map(|one| one.key.full_name()));
    let value_width = widest(found.settings.iter().map(value)).min(40);
    for one in &found.settings {
        let origin = match one.origin {
            Origin::Environment(name) => name.to_owned(),
            Origin::Project(key) => format!("project ({key})"),
            other => other.as_str().to_owned(),
        };
        let (name, value) = (one.key.full_name(), value(one));
        let origin_columns = width(&origin);
        let origin = paint(DIM, &origin);
        let line = format!("{name:name_width$}  {value:value_width$}  {origin}");
        if name_width + 2 + width(&value).max(value_width) + 2 + origin_columns <= columns {
            session.out.line(line)?;
        } else {
            session.out.line(name)?;
            session.out.line(format!("  {value}  {origin}"))?;
        }
        if let Some(why) = &one.ignored {
            let text = format!("  not used as it stands: it {}", visible_line(why));
            session.out.line(paint(YELLOW, &text))?;
        }
    }
    if !found.unknown.is_empty() {
        let names = visible_line(&found.unknown.join(", "));
        session.out.line("")?;
        session.out.line(format!(
            "Left alone, this program does not know them: {names}"
        ))?;
    }
    Ok(())
}

fn widest(texts: impl Iterator<Item = String>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

/// The value for people.
fn value(setting: &Setting) -> String {
    match &setting.value {
        Shown::Nothing => "-".to_owned(),
        value => visible_line(&value.to_string()),
    }
}

fn row(setting: &Setting) -> Row {
    Row {
        key: setting.key.full_name(),
        value: json(&setting.value),
        origin: setting.origin.as_str(),
        variable: match setting.origin {
            Origin::Environment(name) => Some(name),
            _ => None,
        },
        ignored: setting.ignored.clone(),
    }
}

fn json(value: &Shown) -> serde_json::Value {
    match value {
        Shown::Nothing => serde_json::Value::Null,
        Shown::Flag(flag) => (*flag).into(),
        Shown::Number(number) => (*number).into(),
        Shown::Text(text) => text.as_str().into(),
    }
}

fn known(name: &str) -> Result<&'static Key, Failure> {
    Key::find(name).ok_or_else(|| unknown_setting(name, Key::suggest(name).as_deref()))
}

fn get(args: &GetArgs, session: &mut Session) -> Result<(), Failure> {
    let key = known(&args.key)?;
    let found = now(session);
    if let Some(problem) = &found.problem {
        let text = visible_line(&problem.to_string());
        session.out.warn(format!("{text}; the defaults are used"));
    }
    let Some(setting) = found.settings.iter().find(|one| one.key == key) else {
        return Ok(());
    };
    if let Some(why) = &setting.ignored {
        let (name, why) = (key.full_name(), visible_line(why));
        session
            .out
            .warn(format!("{name} is not used as it stands: it {why}"));
    }
    if session.out.json() {
        return session.out.object(&serde_json::json!({
            "kind": "config-get", "v": 1, "setting": row(setting),
        }));
    }
    session.out.line(visible_line(&setting.value.to_string()))
}

/// A setting that was not changed; a word that is near to one of two is asked about.
fn of_set(error: SetError, key: &Key, value: &str) -> Failure {
    const SAID: [(&str, &str); 4] = [
        ("yes", "true"),
        ("on", "true"),
        ("no", "false"),
        ("off", "false"),
    ];
    let is_flag = matches!(error, SetError::Wrong { .. }) && key.kind == Kind::Flag;
    let mut failure = Failure::from(error);
    let said = SAID
        .iter()
        .find(|(word, _)| value.eq_ignore_ascii_case(word));
    let meant = said.map(|(_, meant)| *meant);
    if let Some(meant) = meant
        .or_else(|| near(value, &["true", "false"]))
        .filter(|_| is_flag)
    {
        failure
            .message
            .push_str(&format!("\n  did you mean {meant}?"));
    }
    failure
}

fn set(args: &SetArgs, session: &mut Session) -> Result<(), Failure> {
    let key = known(&args.key)?;
    session.home.create()?;
    config::set(&session.home.config_file(), &args.key, &args.value)
        .map_err(|error| of_set(error, key, &args.value))?;
    let found = now(session);
    let Some(setting) = found.settings.iter().find(|one| one.key == key) else {
        return Ok(());
    };
    match setting.origin {
        Origin::Environment(name) => session
            .out
            .note(format!("{name} is set in the environment and wins over it")),
        Origin::Project(key) => session.out.note(format!(
            "in this project its .kittify/config.yaml ({key}) wins over it"
        )),
        Origin::Default | Origin::File => {}
    }
    if session.out.json() {
        return session.out.object(&serde_json::json!({
            "kind": "config-set", "v": 1, "setting": row(setting),
        }));
    }
    let name = key.full_name();
    let file = visible_line(&session.home.config_file().display().to_string());
    session.out.line(format!("{name} is set in {file}"))
}
