//! The sources of the library, read as text in the form that rustfmt gives them:
//! what is public, what of it the documentation shows, and with what examples.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default)]
pub struct Item {
    /// The code of its examples, of its methods' too.
    pub examples: String,
    /// A constant or a type alias, whose use is plain where it is named.
    pub is_value: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Yes,
    Hidden,
}

#[derive(Debug, Default)]
pub struct Module {
    items: BTreeMap<String, Item>,
    /// Modules in files of their own: whether the documentation has a page on them.
    children: Vec<(String, Shown)>,
    /// What is re-exported: the path, the names, and whether that is shown.
    uses: Vec<(String, Vec<String>, Shown)>,
    /// The code of all examples, of the module's header too.
    pub examples: String,
}

fn file_of(module: &str) -> PathBuf {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    if module.is_empty() {
        return src.join("lib.rs");
    }
    let path = src.join(module.replace("::", "/"));
    let file = path.with_extension("rs");
    if file.exists() {
        file
    } else {
        path.join("mod.rs")
    }
}

pub fn join(module: &str, name: &str) -> String {
    match module {
        "" => name.to_owned(),
        _ => format!("{module}::{name}"),
    }
}

/// The name that a text begins with.
fn name_in(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The name of the item that is declared behind a `pub`, and whether it is a value.
fn declared(line: &str) -> Option<(String, bool)> {
    let line = ["async ", "unsafe "]
        .iter()
        .fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
    let line = line.strip_prefix("const fn ").map_or(line, |_| &line[6..]);
    [
        "fn ", "struct ", "enum ", "trait ", "type ", "const ", "static ", "union ",
    ]
    .iter()
    .find_map(|word| {
        let name = name_in(line.strip_prefix(word)?);
        let is_value = matches!(*word, "type " | "const " | "static ");
        (!name.is_empty()).then_some((name, is_value))
    })
}

/// The code in the examples of a comment that are compiled.
fn examples(comment: &[&str]) -> String {
    let (mut code, mut inside, mut compiled) = (String::new(), false, false);
    for line in comment {
        let line = line.strip_prefix(' ').unwrap_or(line);
        if let Some(kind) = line.strip_prefix("```") {
            inside = !inside;
            compiled = inside && matches!(kind, "" | "rust" | "no_run" | "compile_fail");
        } else if compiled {
            code.push_str(line.strip_prefix("# ").unwrap_or(line));
            code.push('\n');
        }
    }
    code
}

/// The type that an `impl` block is about.
fn implemented(line: &str) -> Option<String> {
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(generic) => {
            let mut depth = 1;
            let end = generic.find(|c| {
                depth += match c {
                    '<' => 1,
                    '>' => -1,
                    _ => 0,
                };
                depth == 0
            })?;
            &generic[end + 1..]
        }
        None => rest,
    };
    let about = rest.split(" for ").last()?.trim_start();
    Some(name_in(about)).filter(|name| !name.is_empty())
}

/// What stands before an item.
#[derive(Default)]
struct Before<'a> {
    comment: Vec<&'a str>,
    is_hidden: bool,
    is_test_only: bool,
}

impl Before<'_> {
    fn shown(&self) -> Shown {
        match self.is_hidden {
            true => Shown::Hidden,
            false => Shown::Yes,
        }
    }
}

/// Where the lines are.
#[derive(Default)]
enum Block {
    #[default]
    Other,
    /// In what belongs to this type or trait.
    Of(String),
    /// In a call of a macro that makes items.
    Making,
}

fn parse(text: &str) -> Module {
    let mut module = Module::default();
    let mut before = Before::default();
    let mut block = Block::default();
    let mut header = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        if let Some(said) = code.strip_prefix("//!") {
            header.push(said);
        } else if let Some(said) = code.strip_prefix("///") {
            before.comment.push(said);
        } else if code.starts_with("#[") {
            before.is_hidden |= code == "#[doc(hidden)]";
            before.is_test_only |= code.starts_with("#[cfg(test)]");
            let mut end = code;
            while !end.ends_with(']') {
                end = lines.next().unwrap();
            }
        } else if before.is_test_only && line.starts_with("mod ") && line.ends_with('{') {
            // The tests are the last thing in a file.
            break;
        } else if !code.is_empty() {
            let before = std::mem::take(&mut before);
            if !before.is_test_only {
                module.examples.push_str(&examples(&before.comment));
                let mut whole = code.to_owned();
                while whole.starts_with("pub use ") && !whole.ends_with(';') {
                    whole.push_str(lines.next().unwrap().trim());
                }
                if code == line {
                    block = module.take_item(&whole, &before);
                } else {
                    module.take_inner(line, &before, &block);
                }
            }
        }
    }
    module.examples.push_str(&examples(&header));
    module
}

impl Module {
    /// Takes in a line that is not indented; says what the next ones belong to.
    fn take_item(&mut self, code: &str, before: &Before<'_>) -> Block {
        let public = code.strip_prefix("pub ");
        if let Some((name, is_value)) = public.and_then(declared) {
            self.insert(&name, is_value, before);
            return Block::Of(name);
        }
        if let Some(name) = implemented(code) {
            return Block::Of(name);
        }
        if code.ends_with("! {") && !code.starts_with("macro_rules") {
            return Block::Making;
        }
        let child = public.unwrap_or(code).strip_prefix("mod ");
        if let Some(name) = child.and_then(|rest| rest.strip_suffix(';')) {
            let shown = public.map_or(Shown::Hidden, |_| before.shown());
            self.children.push((name.to_owned(), shown));
        }
        if let Some(path) = public.and_then(|rest| rest.strip_prefix("use ")) {
            let (from, names) = path.trim_end_matches(';').rsplit_once("::").unwrap();
            let names = names.trim_matches(['{', '}']).split(',').map(str::trim);
            let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
            self.uses
                .push((from.to_owned(), names.collect(), before.shown()));
        }
        Block::Other
    }

    /// Takes in a line that is indented.
    fn take_inner(&mut self, line: &str, before: &Before<'_>, block: &Block) {
        let outermost = line.strip_prefix("    ");
        let outermost = outermost.filter(|code| !code.starts_with(' '));
        match (block, outermost) {
            (Block::Of(name), _) if !before.is_hidden => {
                if let Some(item) = self.items.get_mut(name) {
                    item.examples.push_str(&examples(&before.comment));
                }
            }
            (Block::Making, Some(code)) if !before.comment.is_empty() => {
                let item = code.strip_prefix("pub ").and_then(declared);
                let (name, is_value) = item.unwrap_or_else(|| (name_in(code), false));
                self.insert(&name, is_value, before);
            }
            _ => {}
        }
    }

    fn insert(&mut self, name: &str, is_value: bool, before: &Before<'_>) {
        if !before.is_hidden {
            let examples = examples(&before.comment);
            self.items
                .insert(name.to_owned(), Item { examples, is_value });
        }
    }
}

/// The modules of the library, read when they are asked for.
#[derive(Default)]
pub struct Library {
    pub modules: BTreeMap<String, Module>,
}

impl Library {
    fn module(&mut self, path: &str) -> &Module {
        self.modules.entry(path.to_owned()).or_insert_with(|| {
            let file = file_of(path);
            let text = fs::read_to_string(&file);
            parse(&text.unwrap_or_else(|error| panic!("{}: {error}", file.display())))
        })
    }

    /// The paths of everything that the documentation shows in `module`.
    pub fn shown_in(&mut self, module: &str, found: &mut BTreeSet<(String, String)>) {
        let here = self.module(module);
        let items: Vec<String> = here.items.keys().cloned().collect();
        let is_shown = |shown: &Shown| *shown == Shown::Yes;
        let children: Vec<String> = (here.children.iter())
            .filter_map(|(name, shown)| is_shown(shown).then_some(name.clone()))
            .collect();
        let uses: Vec<(String, Vec<String>)> = (here.uses.iter())
            .filter(|(_, _, shown)| is_shown(shown))
            .map(|(from, names, _)| (from.clone(), names.clone()))
            .collect();
        found.extend(items.into_iter().map(|item| (module.to_owned(), item)));
        for child in children {
            self.shown_in(&join(module, &child), found);
        }
        for (from, names) in uses {
            for name in names {
                found.insert(self.origin(module, &from, &name));
            }
        }
    }

    /// Where the item lies that `module` re-exports as `name` from `from`.
    fn origin(&mut self, module: &str, from: &str, name: &str) -> (String, String) {
        let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
        let from = match from.split_once("::") {
            Some(("crate", absolute)) => absolute.to_owned(),
            Some(("super", sibling)) => join(parent, sibling),
            _ => join(module, from),
        };
        let there = self.module(&from);
        if there.items.contains_key(name) {
            return (from, name.to_owned());
        }
        let next = there.uses.iter().find_map(|(further, names, _)| {
            names.iter().any(|n| n == name).then(|| further.clone())
        });
        let next = next.unwrap_or_else(|| panic!("{from} has no public item {name}"));
        self.origin(&from, &next, name)
    }

    pub fn item(&self, (module, name): &(String, String)) -> &Item {
        &self.modules[module].items[name]
    }
}

#[test]
fn what_is_in_tests_or_hidden_is_not_the_library() {
    let text = r#"
//! ```
//! assert_eq!(LIMIT, 3);
//! ```

pub use inner::{
    One, Two,
};
#[doc(hidden)]
pub use inner::Three;

#[doc(hidden)]
pub mod bytes;
pub mod log;
mod inner;

/// A limit.
pub const LIMIT: u32 = 3;

/// A log.
pub struct Log<'a>(&'a str);

impl<'a> Log<'a> {
    /// Opens.
    ///
    /// ```
    /// Log::open();
    /// ```
    #[must_use]
    pub const fn open() {}
}

/// Bytes:
///
/// ```text
/// 00 01
/// ```
pub trait Bytes {}

/// Not ours.
#[doc(hidden)]
pub fn hidden() {}

/// Not for others.
pub(crate) fn inside() {}

words! {
    /// A lane.
    ///
    /// ```
    /// Lane::Done;
    /// ```
    Lane {
        /// Done.
        Done,
    }
}

#[cfg(test)]
pub fn only_here() {}

#[cfg(test)]
mod tests {
    pub struct InTests;
}
"#;
    let module = parse(text);
    let names: Vec<&str> = module.items.keys().map(String::as_str).collect();
    assert_eq!(names, ["Bytes", "LIMIT", "Lane", "Log"]);
    let shown = |name: &str| !module.items[name].examples.is_empty();
    assert!(shown("Log") && shown("Lane") && !shown("Bytes"));
    assert!(module.examples.contains("LIMIT"));
    let children: Vec<_> = (module.children.iter())
        .filter(|child| child.1 == Shown::Yes)
        .map(|child| child.0.as_str())
        .collect();
    assert_eq!(children, ["log"]);
    let uses: Vec<_> = (module.uses.iter())
        .filter(|used| used.2 == Shown::Yes)
        .map(|used| used.1.join(" "))
        .collect();
    assert_eq!(uses, ["One Two"]);
}
