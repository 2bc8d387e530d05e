//! `man`: the manual pages, made from the command tree.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Output, visible_line};

/// Write the manual pages
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Write one page per command into DIR [default: the first page, to stdout]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  spec-kitty man | man -l -                      read the first page
  spec-kitty man --dir ~/.local/share/man/man1   then: man spec-kitty-emit";

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Result<(), Failure> {
    let mut command = super::command();
    command.build();
    let Some(dir) = &arguments.dir else {
        return first_page(&command, out);
    };
    let failed = |error: std::io::Error| {
        let message = format!("cannot write the pages to {}: {error}", dir.display());
        Failure::new("man", Exit::Failed, message)
            .hint("name a directory you may write to: spec-kitty man --dir DIR")
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut names = Vec::new();
    write_all(&command, dir, &mut names).map_err(failed)?;
    if out.json() {
        return out.object(&serde_json::json!({
            "kind": "man", "v": 1, "dir": dir, "pages": names, "text": null,
        }));
    }
    let shown = visible_line(&dir.display().to_string());
    out.line(format!("Wrote {} pages to {shown}", names.len()))
}

fn first_page(command: &Command, out: &mut Output) -> Result<(), Failure> {
    let text = page(command);
    if out.json() {
        return out.object(&serde_json::json!({
            "kind": "man", "v": 1, "dir": null, "pages": [name(command)],
            "text": String::from_utf8_lossy(&text),
        }));
    }
    out.pass_through();
    out.raw(&text)
}

fn write_all(command: &Command, dir: &Path, names: &mut Vec<String>) -> std::io::Result<()> {
    let name = name(command);
    std::fs::write(dir.join(&name), page(command))?;
    names.push(name);
    command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
        .try_for_each(|inner| write_all(inner, dir, names))
}

/// The file of a command's page, such as `spec-kitty-log-tail.1`.
fn name(command: &Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    format!("{name}.1")
}

fn page(command: &Command) -> Vec<u8> {
    let mut text = Vec::new();
    let source = format!("spec-kitty {}", env!("CARGO_PKG_VERSION"));
    let page = Man::new(command.clone()).source(source);
    // Writing to memory does not fail.
    let _ = page.render(&mut text);
    text
}
