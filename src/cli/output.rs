//! The one place that writes to stdout and stderr.
//!
//! stdout carries what was asked for; stderr carries progress, notes and
//! errors. Text that comes from an event, a file or a server goes through
//! [`visible`] before a terminal sees it.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthChar;

use crate::cli::columns::terminal_columns;
use crate::cli::failure::Failure;
use crate::cli::{charset, telling};
use crate::platform;

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// `-q`: errors only.
    Quiet,
    /// The default.
    Normal,
    /// `-v`.
    Verbose,
    /// `-vv`.
    Debug,
}

/// Whether the command answers people or programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text for people.
    Human,
    /// `--json`.
    Json,
}

/// The output of one command.
pub struct Output {
    form: Form,
    verbosity: Verbosity,
    /// What people read on stdout is given as ASCII.
    ascii: bool,
    /// A person reads stdout: lines are broken where they are wider than the
    /// terminal.
    laid_out: bool,
    stdout: io::BufWriter<anstream::AutoStream<io::Stdout>>,
}

impl Output {
    /// An output for stdout and stderr in the given form.
    #[must_use]
    pub fn new(form: Form, verbosity: Verbosity) -> Self {
        // JSON is data and passes through untouched; we never style it.
        let choice = match form {
            Form::Json => anstream::ColorChoice::AlwaysAnsi,
            Form::Human => anstream::AutoStream::choice(&io::stdout()),
        };
        let mut output = Self {
            form,
            verbosity,
            ascii: false,
            laid_out: false,
            stdout: stdout_as(choice),
        };
        output.laid_out = form == Form::Human && output.stdout_is_terminal();
        output.ascii = output.laid_out && !charset::is_unicode();
        output
    }

    /// Whether `--json` was given.
    #[must_use]
    pub fn json(&self) -> bool {
        self.form == Form::Json
    }

    /// How much is said on stderr.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// From now on stdout gets bytes that are data: nothing is styled, and
    /// nothing that looks like a style is taken out. For the first line only.
    pub fn pass_through(&mut self) {
        self.stdout = stdout_as(anstream::ColorChoice::AlwaysAnsi);
        (self.ascii, self.laid_out) = (false, false);
    }

    /// Whether a person is watching stdout: it is a terminal, or what it goes
    /// through (a recorder, the demo) says with `SPEC_KITTY_FORCE_TTY` that a
    /// person reads it in the end. Decides the layout; colour has its own rules.
    #[must_use]
    pub fn stdout_is_terminal(&self) -> bool {
        let forced = std::env::var_os("SPEC_KITTY_FORCE_TTY");
        forced.is_some_and(|value| !value.is_empty()) || io::stdout().is_terminal()
    }

    /// Whether nobody will read another line. Asked before waiting for one.
    #[must_use]
    pub fn reader_has_gone(&self) -> bool {
        platform::reader_has_gone(&io::stdout())
    }

    /// Writes one line to stdout, at a terminal in as many as it takes to stay
    /// within its columns. Styles are dropped where colour is off.
    ///
    /// # Errors
    /// A quiet failure with exit 0 when the reader has closed the pipe.
    pub fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        if !self.laid_out {
            return self.whole(text);
        }
        let columns = terminal_columns();
        let lines = text.as_ref().split('\n');
        let mut lines = lines.flat_map(|line| telling::laid_out(line, columns));
        lines.try_for_each(|line| self.whole(line))
    }

    /// Writes one line to stdout that is not broken, however wide it is: it is
    /// data, or laid out already.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn whole(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        self.part(text)?;
        self.raw(b"\n")
    }

    /// Writes part of a line to stdout, as [`Output::line`] does.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn part(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        if self.ascii {
            self.raw(charset::ascii(text.as_ref()).as_bytes())
        } else {
            self.raw(text.as_ref().as_bytes())
        }
    }

    /// Writes bytes to stdout as they are.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stdout
            .write_all(bytes)
            .map_err(|error| Failure::from_output(&error))
    }

    /// Writes `value` as one JSON line to stdout; to a terminal in a form that
    /// cannot drive it.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn object<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| {
            Failure::new(
                "internal",
                crate::cli::exit::Exit::Failed,
                error.to_string(),
            )
        })?;
        if self.stdout_is_terminal() {
            return self.whole(visible_json(&text));
        }
        self.whole(text)
    }

    /// Hands everything written so far to the operating system.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.stdout
            .flush()
            .map_err(|error| Failure::from_output(&error))
    }

    /// A note on stderr, unless `-q`. Never fails: a note that cannot be
    /// shown must not end a command.
    pub fn note(&self, text: impl AsRef<str>) {
        if self.verbosity > Verbosity::Quiet {
            told(text.as_ref());
        }
    }

    /// A warning on stderr, shown at every verbosity.
    pub fn warn(&self, text: impl AsRef<str>) {
        told(&format!("warning: {}", visible(text.as_ref())));
    }

    /// Detail on stderr for `-v`.
    pub fn detail(&self, text: impl AsRef<str>) {
        if self.verbosity >= Verbosity::Verbose {
            told(text.as_ref());
        }
    }

    /// Reports a failure on stderr, with `--json` as one object on the last line.
    pub fn failure(&mut self, failure: &Failure) {
        let _ = self.stdout.flush();
        if failure.quiet {
            return;
        }
        if self.json() {
            let object = serde_json::json!({"error": {
                "code": failure.code,
                "exit": failure.exit.code(),
                "message": failure.message,
                "hint": failure.hint,
            }});
            let line = object.to_string();
            let is_watched = io::stderr().is_terminal();
            let line = if is_watched {
                visible_json(&line)
            } else {
                line
            };
            let _ = writeln!(anstream::stderr(), "{line}");
            return;
        }
        let columns = stderr_columns().unwrap_or(usize::MAX);
        let verbosity = if columns == usize::MAX {
            // Where nobody is watching nothing is cut.
            Verbosity::Debug
        } else {
            self.verbosity
        };
        for line in telling::failure(failure, columns, verbosity) {
            told(&line);
        }
    }
}

/// The columns that a person has who watches stderr; `None` where nobody does.
fn stderr_columns() -> Option<usize> {
    let forced = std::env::var_os("SPEC_KITTY_FORCE_TTY");
    let is_watched = forced.is_some_and(|value| !value.is_empty()) || io::stderr().is_terminal();
    is_watched.then(terminal_columns)
}

/// What people read on stderr, within the columns that there are. That it cannot
/// be shown ends nothing.
fn told(text: &str) {
    let Some(columns) = stderr_columns() else {
        return told_as_it_is(text);
    };
    for line in text.split('\n') {
        for line in telling::laid_out(line, columns) {
            told_as_it_is(&line);
        }
    }
}

fn told_as_it_is(text: &str) {
    let mut stderr = anstream::stderr();
    let _ = if io::stderr().is_terminal() && !charset::is_unicode() {
        writeln!(stderr, "{}", charset::ascii(text))
    } else {
        writeln!(stderr, "{text}")
    };
}

/// JSON for a terminal: what could drive one, or what it has no letters for,
/// stands only within texts, where it can be written as an escape.
#[must_use]
pub fn visible_json(line: &str) -> String {
    use std::fmt::Write as _;

    let ascii_only = !charset::is_unicode();
    let mut shown = String::with_capacity(line.len());
    for character in line.chars() {
        if is_hostile(character) || ascii_only && !character.is_ascii() {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

fn stdout_as(choice: anstream::ColorChoice) -> io::BufWriter<anstream::AutoStream<io::Stdout>> {
    let stream = anstream::AutoStream::new(io::stdout(), choice);
    io::BufWriter::with_capacity(64 * 1024, stream)
}

/// `text` with everything that could drive a terminal made visible: control
/// characters, line breaks other than `\n`, and bidirectional overrides.
///
/// ```
/// use spec_kitty::cli::output::visible;
/// assert_eq!(visible("a\u{1b}[31m"), "a␛[31m");
/// ```
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        push_visible(&mut shown, character, character == '\n');
    }
    shown
}

/// As [`visible`], on one line: line breaks are shown as `␊`.
#[must_use]
pub fn visible_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        push_visible(&mut shown, character, false);
    }
    shown
}

fn push_visible(shown: &mut String, character: char, as_is: bool) {
    use std::fmt::Write as _;
    match character {
        _ if as_is => shown.push(character),
        '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + u32::from(character))),
        '\x7f' => shown.push('␡'),
        '\u{80}'..='\u{9f}' => {
            let _ = write!(shown, "\\x{:02x}", u32::from(character));
        }
        _ if is_misleading(character) => {
            let _ = write!(shown, "<U+{:04X}>", u32::from(character));
        }
        _ => shown.push(character),
    }
}

/// Whether a terminal that is sent `character` could do anything but show it in
/// its place: control characters, and those that reorder or hide others.
#[must_use]
pub fn is_hostile(character: char) -> bool {
    character.is_control() || is_misleading(character)
}

fn is_misleading(character: char) -> bool {
    matches!(
        character,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The number of terminal columns that `text` takes, escape sequences of our
/// own styles not counted.
#[must_use]
pub fn width(text: &str) -> usize {
    let plain = anstream::adapter::strip_str(text).to_string();
    plain.chars().map(columns_of).sum()
}

/// The columns that a character takes at most, whatever stands beside it. The
/// selector of the picture form makes a narrow sign before it a wide one.
#[must_use]
pub fn columns_of(character: char) -> usize {
    const PICTURE: char = '\u{fe0f}';
    if character == PICTURE {
        1
    } else {
        character.width().unwrap_or(0)
    }
}

/// `text` cut to at most `columns`, with an ellipsis when something was cut.
#[must_use]
pub fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 0;
    for character in text.chars() {
        let wide = columns_of(character);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        shown.push(character);
    }
    if columns > 0 {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
