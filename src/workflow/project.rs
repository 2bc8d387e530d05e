//! Where the project is: its root, always that of the main repository.
//!
//! A worktree holds no `kitty-specs/`; its `.git` file is followed to the main
//! repository. `SPECIFY_REPO_ROOT` wins when it names a project.

use std::fs;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use crate::platform;

/// The directory that makes a directory a project.
pub(crate) const MARKER: &str = ".kittify";

/// No directory above is a project.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no spec-kitty project here: neither this directory nor one above it holds .kittify/")]
pub(crate) struct NoProject;

/// The root of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// The root of the main repository, absolute and without symlinks.
    pub root: PathBuf,
}

impl Project {
    /// Finds the project that `cwd` belongs to; `override_root` is the value of
    /// `SPECIFY_REPO_ROOT` and wins when it names a project.
    ///
    /// # Errors
    /// When neither names a project.
    pub(crate) fn locate(cwd: &Path, override_root: Option<&Path>) -> Result<Self, NoProject> {
        override_root
            .filter(|root| is_project(root))
            .map(Path::to_owned)
            .or_else(|| cwd.ancestors().find_map(project_of))
            .and_then(|root| fs::canonicalize(root).ok())
            .map(|root| Self { root })
            .ok_or(NoProject)
    }

    /// The directory of all features.
    #[must_use]
    pub(crate) fn specs_dir(&self) -> PathBuf {
        self.root.join("kitty-specs")
    }

    /// Where the worktree of a work package is.
    #[must_use]
    pub(crate) fn worktree(&self, name: &str) -> PathBuf {
        self.root.join(".worktrees").join(name)
    }

    /// `path` as it is named from the root; outside the root, only its file name.
    #[must_use]
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root)
            .unwrap_or_else(|_| Path::new(path.file_name().unwrap_or(path.as_os_str())))
    }
}

/// Whether a file is one that our own commands write, and that is nobody's work:
/// the identity of a project, which may lie below the top of its repository.
#[must_use]
pub(crate) fn is_own_file(path: &str) -> bool {
    Path::new(path).ends_with(Path::new(MARKER).join("config.yaml"))
}

fn is_project(dir: &Path) -> bool {
    dir.join(MARKER).is_dir()
}

/// The project that `dir` itself stands for: its main repository, or `dir`.
fn project_of(dir: &Path) -> Option<PathBuf> {
    main_repository(dir)
        .filter(|main| is_project(main))
        .or_else(|| is_project(dir).then(|| dir.to_owned()))
}

/// The main repository of the worktree at `dir`, when `dir` is one: its `.git`
/// file says `gitdir: MAIN/.git/worktrees/NAME`.
fn main_repository(dir: &Path) -> Option<PathBuf> {
    let file = dir.join(".git");
    let bytes = platform::read_regular(&file, 4096).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let named = text.lines().next()?.strip_prefix("gitdir:")?.trim();
    let git_dir = fs::canonicalize(dir.join(named)).ok()?;
    let worktrees = git_dir.parent()?;
    let common = worktrees.parent()?;
    let is_worktree =
        last_name(worktrees) == Some("worktrees") && last_name(common) == Some(".git");
    is_worktree.then(|| common.parent().map(Path::to_owned))?
}

fn last_name(path: &Path) -> Option<&str> {
    match path.components().next_back()? {
        Component::Normal(name) => name.to_str(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(paths: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for path in paths {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        dir
    }

    #[test]
    fn a_worktree_leads_to_its_main_repository() {
        let dir = dirs(&[
            "main/.kittify",
            "main/.git/worktrees/w",
            "main/.worktrees/w/.kittify",
            "main/.worktrees/w/src",
        ]);
        let main = fs::canonicalize(dir.path().join("main")).unwrap();
        let worktree = main.join(".worktrees/w");
        let target = format!("gitdir: {}\n", main.join(".git/worktrees/w").display());
        fs::write(worktree.join(".git"), target).unwrap();
        let found = Project::locate(&worktree.join("src"), None).unwrap();
        assert_eq!(found.root, main);
        fs::write(worktree.join(".git"), "gitdir: ../../.git/worktrees/w\n").unwrap();
        assert_eq!(Project::locate(&worktree, None).unwrap().root, main);
    }

    #[test]
    fn a_git_file_that_leads_nowhere_does_not_hide_the_project() {
        let dir = dirs(&["p/.kittify", "p/sub"]);
        let root = fs::canonicalize(dir.path().join("p")).unwrap();
        for text in [
            "gitdir: /nowhere/.git/worktrees/x\n",
            "nonsense",
            "gitdir: ../..\n",
        ] {
            fs::write(root.join(".git"), text).unwrap();
            assert_eq!(Project::locate(&root.join("sub"), None).unwrap().root, root);
        }
    }

    #[test]
    fn the_environment_wins_only_when_it_names_a_project() {
        let dir = dirs(&["a/.kittify", "b/.kittify", "c"]);
        let at = |name: &str| fs::canonicalize(dir.path().join(name)).unwrap();
        let locate = |root: &str| Project::locate(&at("a"), Some(&at(root))).unwrap().root;
        assert_eq!(locate("b"), at("b"));
        assert_eq!(locate("c"), at("a"));
        assert_eq!(Project::locate(&at("c"), None), Err(NoProject));
    }

    #[test]
    fn paths_are_named_from_the_root() {
        let project = Project {
            root: "/x/y".into(),
        };
        assert_eq!(project.relative(Path::new("/x/y/a/b")), Path::new("a/b"));
        assert_eq!(project.relative(Path::new("/secret/b")), Path::new("b"));
    }
}
