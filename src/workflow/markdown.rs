//! Just enough Markdown to find a section: headings, and what a code fence hides.
//!
//! A heading is a line that starts with one to six `#` and a space. Lines inside
//! a fenced block are never headings. Files exist whose fences are nested in a
//! way that no reader can untangle, so a caller that finds nothing this way may
//! look again with [`Fences::Ignored`].

use std::collections::BTreeMap;
use std::ops::Range;

use super::text::{Line, lines};

/// Whether lines inside code fences are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fences {
    /// They are code, not text.
    Respected,
    /// They are looked at like any other line.
    Ignored,
}

/// A section: its heading line and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// The heading line, its ending included.
    pub(super) heading: Range<usize>,
    /// From behind the heading line to the next heading that ends the section.
    pub(super) content: Range<usize>,
}

/// The level and the title of a heading line.
pub(super) fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let rest = line.get(level..)?;
    let is_heading = (1..=6).contains(&level) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    is_heading.then(|| (level, rest.trim()))
}

/// The lines of `body` that are text, in order. A fence that is never closed
/// hides nothing: what follows it is too much to lose sight of.
pub(super) fn text_lines(body: &str, fences: Fences) -> impl Iterator<Item = Line<'_>> {
    let mut closers = match fences {
        Fences::Respected => Closers::of(body),
        Fences::Ignored => Closers::default(),
    };
    let mut open: Option<Fence> = None;
    lines(body, 0).filter(move |line| {
        if fences == Fences::Ignored {
            return true;
        }
        let Some(fence) = Fence::at(line.text) else {
            return open.is_none();
        };
        closers.pass(&fence);
        match &open {
            None if closers.can_close(&fence) => open = Some(fence),
            None => return true,
            Some(outer) if fence.closes(outer) => open = None,
            Some(_) => {}
        }
        false
    })
}

/// The line that closes the fence which `text` leaves open, if it does.
pub(super) fn missing_fence(text: &str) -> Option<String> {
    let mut open: Option<Fence> = None;
    for fence in lines(text, 0).filter_map(|line| Fence::at(line.text)) {
        match &open {
            None => open = Some(fence),
            Some(outer) if fence.closes(outer) => open = None,
            Some(_) => {}
        }
    }
    open.map(|fence| char::from(fence.mark).to_string().repeat(fence.length))
}

/// The fences of the rest of a text that could close another: for each mark,
/// how many there are of each length.
#[derive(Debug, Default)]
struct Closers(BTreeMap<(u8, usize), usize>);

impl Closers {
    fn of(body: &str) -> Self {
        let mut closers = Self::default();
        let fences = lines(body, 0).filter_map(|line| Fence::at(line.text));
        for fence in fences.filter(|fence| fence.bare) {
            *closers.0.entry((fence.mark, fence.length)).or_default() += 1;
        }
        closers
    }

    /// Leaves a fence behind.
    fn pass(&mut self, fence: &Fence) {
        let key = (fence.mark, fence.length);
        if let Some(count) = self.0.get_mut(&key).filter(|_| fence.bare) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&key);
            }
        }
    }

    fn can_close(&self, fence: &Fence) -> bool {
        let longer = (fence.mark, fence.length)..=(fence.mark, usize::MAX);
        self.0.range(longer).next().is_some()
    }
}

/// The first section whose heading `wanted` accepts; it runs to the first
/// later heading that `ends` accepts.
pub(super) fn section(
    body: &str,
    fences: Fences,
    mut wanted: impl FnMut(usize, &str) -> bool,
    mut ends: impl FnMut(usize, &str) -> bool,
) -> Option<Section> {
    let mut found: Option<Range<usize>> = None;
    for line in text_lines(body, fences) {
        let Some((level, title)) = heading(line.text) else {
            continue;
        };
        match &found {
            None if wanted(level, title) => found = Some(line.start..line.end),
            Some(start) if ends(level, title) => {
                let content = start.end..line.start;
                return found.map(|heading| Section { heading, content });
            }
            _ => {}
        }
    }
    found.map(|heading| Section {
        content: heading.end..body.len(),
        heading,
    })
}

/// The second-level section with exactly this title, up to the next heading of
/// the first or second level.
pub(super) fn titled_section(body: &str, title: &str) -> Option<Section> {
    [Fences::Respected, Fences::Ignored]
        .into_iter()
        .find_map(|fences| {
            section(
                body,
                fences,
                |level, text| level == 2 && text == title,
                |level, _| level <= 2,
            )
        })
}

struct Fence {
    mark: u8,
    length: usize,
    bare: bool,
}

impl Fence {
    /// The fence on this line, if it is one. Indentation is not judged: in list
    /// items a fence may stand anywhere.
    fn at(line: &str) -> Option<Self> {
        let line = line.trim();
        let mark = line.bytes().next().filter(|byte| b"`~".contains(byte))?;
        let length = line.bytes().take_while(|byte| *byte == mark).count();
        let info = line.get(length..)?;
        let is_fence = length >= 3 && !(mark == b'`' && info.contains('`'));
        is_fence.then_some(Self {
            mark,
            length,
            bare: info.is_empty(),
        })
    }

    fn closes(&self, open: &Self) -> bool {
        self.bare && self.mark == open.mark && self.length >= open.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_needs_a_space_and_at_most_six_marks() {
        assert_eq!(heading("## Title "), Some((2, "Title")));
        assert_eq!(heading("##"), Some((2, "")));
        assert_eq!(heading("##Title"), None);
        assert_eq!(heading("####### x"), None);
        assert_eq!(heading(" ## x"), None);
    }

    #[test]
    fn a_heading_in_a_fence_is_code() {
        let body = "```md\n## Log\nno\n```\n## Log\nyes\n~~~\n## Other\n~~~\n## End\n";
        let section = titled_section(body, "Log").unwrap();
        assert_eq!(&body[section.content], "yes\n~~~\n## Other\n~~~\n");
    }

    #[test]
    fn a_longer_fence_holds_a_shorter_one() {
        let body = "````\n```\n## Log\n```\n````\n## Log\nyes\n";
        let section = titled_section(body, "Log").unwrap();
        assert_eq!(&body[section.content], "yes\n");
    }

    #[test]
    fn inline_code_that_starts_a_line_opens_no_fence() {
        let body = "```python`, ````bash`\n## Log\nyes\n";
        assert!(titled_section(body, "Log").is_some());
    }

    /// What stands behind it belongs to no section above it, or an edit of that
    /// section would take it along.
    #[test]
    fn a_fence_that_never_closes_does_not_swallow_the_rest() {
        let body = "## Log\nyes\n```rust\n~~~\n## Next\n````x\n## Last\n";
        let section = titled_section(body, "Log").unwrap();
        assert_eq!(&body[section.content], "yes\n```rust\n~~~\n");
    }

    #[test]
    fn a_fence_that_is_missing_is_named() {
        assert_eq!(missing_fence("~~~~md\n```\ncode"), Some("~~~~".into()));
        assert_eq!(missing_fence("```\ncode\n```\ntext"), None);
    }

    #[test]
    fn a_fence_that_never_closes_does_not_hide_the_section() {
        let body = "```\n## Log\nyes\n## End\n";
        let section = titled_section(body, "Log").unwrap();
        assert_eq!(&body[section.content], "yes\n");
    }
}
