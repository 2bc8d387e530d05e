//! A project whose work packages are built by scripted agents.

use std::fs;

use spec_kitty::workflow::frontmatter::set_list;
use spec_kitty::workflow::text::Split;

use crate::project::Project;

/// An agent that does its work, whatever it is.
pub const GOOD: &str = "cat > /dev/null\nif [ $SPEC_KITTY_ROLE = review ]; then echo APPROVED; exit 0; fi\n\
    echo $SPEC_KITTY_WP >> $SPEC_KITTY_WP.txt; git add -A; git commit -qm work\n";

/// Three work packages, WP02 and WP03 after WP01, and the agents `one` and `two`.
pub fn three(one: &str, two: &str) -> Project {
    let project = Project::fresh();
    for wp in ["WP04", "WP05", "WP06", "WP07"] {
        fs::remove_file(project.wp(wp)).unwrap();
    }
    let tasks = project.feature().join("tasks.md");
    let text = fs::read_to_string(&tasks).unwrap();
    let end = text.find("## Work Package WP04").unwrap();
    fs::write(&tasks, &text[..end]).unwrap();
    for (wp, needs) in [("WP01", &[][..]), ("WP02", &["WP01"]), ("WP03", &["WP01"])] {
        let text = project.text(wp);
        let split = Split::of(&text).unwrap();
        let front = set_list(split.front, "dependencies", needs, "\n").unwrap();
        fs::write(project.wp(wp), split.join(&front, split.body)).unwrap();
    }
    for name in ["spec.md", "plan.md"] {
        fs::write(project.feature().join(name), "# x\n").unwrap();
    }
    script(&project, "one", one);
    script(&project, "two", two);
    let at = |name: &str| {
        dir(&project)
            .join(format!("{name}.sh"))
            .display()
            .to_string()
    };
    let yaml = format!(
        "max_retries: 1\nretry_delay_seconds: 0\nglobal_concurrency: 1\ndefaults:\n  implementation: [one, two]\n  \
         review: [two]\nagents:\n  one:\n    command: [sh, {}]\n  two:\n    command: [sh, {}]\n",
        at("one"),
        at("two")
    );
    fs::write(project.root().join(".kittify/agents.yaml"), yaml).unwrap();
    project.git(&["add", "-A"]);
    project.git(&["commit", "-qm", "three"]);
    project
}

pub fn dir(project: &Project) -> std::path::PathBuf {
    project.root().parent().unwrap().to_owned()
}

pub fn script(project: &Project, name: &str, text: &str) {
    let path = dir(project).join(format!("{name}.sh"));
    fs::write(path, text.replace("DIR", dir(project).to_str().unwrap())).unwrap();
}
