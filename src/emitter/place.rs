//! Where a directory stands: in which project, in which git checkout.
//!
//! An event belongs to the project it was recorded in. A worktree belongs to
//! the project of its main repository, so both are found by one walk up from
//! the starting directory: two look-ups a level, no process, no listing of a
//! directory. Nothing here is trusted further than its shape: `.git` files are
//! read up to a limit, and what they name is only ever read.
//!
//! Git's own environment variables (`GIT_DIR` and the like) are not looked at.

use std::path::{Path, PathBuf};

use crate::platform;

/// No path that a system accepts has more levels than this.
const MAX_LEVELS: usize = 256;

/// A `.git` or `commondir` file holds one path.
const MAX_LINK_BYTES: usize = 8 * 1024;

/// The directory that makes a directory a project.
const PROJECT_DIR: &str = ".kittify";

/// The two directories of a checkout; the same one outside of worktrees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GitDirs {
    /// Where this checkout's `HEAD` is.
    pub(super) git_dir: PathBuf,
    /// Where branches, packed refs and the configuration are.
    pub(super) common_dir: PathBuf,
}

/// What the walk up from a directory found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The root of the project: the directory that holds `.kittify`.
    pub(super) project_root: Option<PathBuf>,
    /// The checkout that the project is in; outside of projects the nearest one.
    pub(super) git: Option<GitDirs>,
}

/// Finds the project and the checkout around `start`.
///
/// The project is the nearest one: the main repository of the checkout when it
/// holds `.kittify`, or the first parent that does. A checkout below the
/// project (a vendored repository, say) is another repository and does not
/// speak for it. `.kittify` in `user_home` itself holds the original's shared
/// files and makes a project only together with a `.git`.
pub(super) fn find(start: &Path, user_home: Option<&Path>) -> Place {
    let mut nearest = None;
    for dir in start.ancestors().take(MAX_LEVELS) {
        let checkout = Checkout::at(dir);
        if let Some(root) = project_at(dir, checkout.as_ref(), user_home) {
            let git = checkout.or_else(|| enclosing_checkout(dir));
            return Place {
                project_root: Some(in_main_repository(root, git.as_ref())),
                git: git.map(|checkout| checkout.dirs),
            };
        }
        nearest = nearest.or(checkout);
    }
    Place {
        project_root: None,
        git: nearest.map(|checkout| checkout.dirs),
    }
}

/// The root of the project that `dir` is the top of, if it is one.
fn project_at(
    dir: &Path,
    checkout: Option<&Checkout>,
    user_home: Option<&Path>,
) -> Option<PathBuf> {
    if let Some(main_root) = checkout.and_then(|checkout| checkout.main_root.as_ref())
        && has_project(main_root)
    {
        return Some(main_root.clone());
    }
    let shared_files = checkout.is_none() && user_home == Some(dir);
    (!shared_files && has_project(dir)).then(|| dir.to_owned())
}

/// A project below the top of a worktree is the same directory of the main repository.
fn in_main_repository(root: PathBuf, checkout: Option<&Checkout>) -> PathBuf {
    let counterpart = checkout.and_then(|checkout| {
        let inside = root.strip_prefix(&checkout.root);
        Some(checkout.main_root.as_ref()?.join(inside.ok()?))
    });
    match counterpart {
        Some(main) if main != root && has_project(&main) => main,
        _ => root,
    }
}

fn enclosing_checkout(dir: &Path) -> Option<Checkout> {
    dir.ancestors()
        .skip(1)
        .take(MAX_LEVELS)
        .find_map(Checkout::at)
}

fn has_project(dir: &Path) -> bool {
    dir.join(PROJECT_DIR).is_dir()
}

/// A directory with a `.git` in it.
struct Checkout {
    root: PathBuf,
    /// Of a worktree the directory that its main repository is checked out in.
    main_root: Option<PathBuf>,
    dirs: GitDirs,
}

impl Checkout {
    fn at(dir: &Path) -> Option<Self> {
        let dot_git = dir.join(".git");
        let metadata = std::fs::metadata(&dot_git).ok()?;
        let git_dir = if metadata.is_dir() {
            dot_git
        } else {
            dir.join(linked_path(&dot_git, "gitdir:")?)
        };
        let common_dir = linked_path(&git_dir.join("commondir"), "")
            .map(|common| tidy(&git_dir.join(common)))
            .filter(|common| *common != git_dir);
        let main_root = common_dir.as_deref().and_then(main_root);
        Some(Self {
            root: dir.to_owned(),
            main_root: main_root.filter(|main_root| main_root != dir),
            dirs: GitDirs {
                common_dir: common_dir.unwrap_or_else(|| git_dir.clone()),
                git_dir,
            },
        })
    }
}

/// The directory that the main repository of a worktree is checked out in. A
/// bare one, as a submodule's, is checked out nowhere else than in the worktree.
fn main_root(common_dir: &Path) -> Option<PathBuf> {
    let has_checkout = common_dir.file_name().is_some_and(|name| name == ".git");
    let parent = common_dir.parent().filter(|_| has_checkout)?;
    Some(parent.to_owned())
}

/// The path in a one-line file, after `label`.
fn linked_path(file: &Path, label: &str) -> Option<PathBuf> {
    let bytes = platform::read_regular(file, MAX_LINK_BYTES).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let path = text.strip_prefix(label)?.trim();
    let plausible = !path.is_empty() && !path.contains(['\0', '\n']);
    plausible.then(|| PathBuf::from(path))
}

/// `path` without its `x/..` pairs: git writes `commondir` as `../..`, and the
/// main repository's name has to be read off the result.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut tidied = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if tidied.file_name().is_some() => {
                tidied.pop();
            }
            other => tidied.push(other),
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(dirs: &[&str]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for dir in dirs {
                fs::create_dir_all(tree.path(dir)).unwrap();
            }
            tree
        }

        fn path(&self, inside: &str) -> PathBuf {
            self.0.path().join(inside)
        }

        fn worktree(&self, dir: &str, of: &str, name: &str) {
            let git_dir = self.path(&format!("{of}/.git/worktrees/{name}"));
            fs::create_dir_all(&git_dir).unwrap();
            fs::create_dir_all(self.path(dir)).unwrap();
            fs::write(git_dir.join("commondir"), "../..\n").unwrap();
            let link = format!("gitdir: {}\n", git_dir.display());
            fs::write(self.path(dir).join(".git"), link).unwrap();
        }

        fn project_of(&self, start: &str) -> Option<PathBuf> {
            find(&self.path(start), None).project_root
        }
    }

    #[test]
    fn a_worktree_belongs_to_the_project_of_its_main_repository() {
        let tree = Tree::new(&["main/.git", "main/.kittify", "elsewhere/.kittify"]);
        tree.worktree("main/.worktrees/wp/deep", "main", "wp");
        tree.worktree("elsewhere/wt/.kittify/..", "main", "wt");
        let place = find(&tree.path("main/.worktrees/wp/deep"), None);
        assert_eq!(place.project_root, Some(tree.path("main")));
        let git = place.git.unwrap();
        assert!(git.git_dir.ends_with("worktrees/wp"), "{git:?}");
        assert_eq!(git.common_dir, tree.path("main/.git"));
        assert_eq!(
            tree.project_of("elsewhere/wt"),
            Some(tree.path("main")),
            "a tracked copy of .kittify in the worktree is not the project"
        );
    }

    #[test]
    fn a_project_below_the_top_of_a_worktree_is_the_one_of_the_main_repository() {
        let tree = Tree::new(&["main/.git", "main/pkg/.kittify", "wt/pkg/.kittify"]);
        tree.worktree("wt", "main", "wt");
        assert_eq!(tree.project_of("wt/pkg"), Some(tree.path("main/pkg")));
        assert_eq!(tree.project_of("main/pkg"), Some(tree.path("main/pkg")));
    }

    #[test]
    fn a_repository_inside_a_project_does_not_speak_for_it() {
        let tree = Tree::new(&["p/.git", "p/.kittify", "p/vendor/lib/.git"]);
        let place = find(&tree.path("p/vendor/lib"), None);
        assert_eq!(place.project_root, Some(tree.path("p")));
        assert_eq!(place.git.unwrap().git_dir, tree.path("p/.git"));
    }

    #[test]
    fn a_project_needs_no_git_and_a_checkout_no_project() {
        let tree = Tree::new(&["plain/.kittify", "plain/src", "repo/.git", "repo/src"]);
        assert_eq!(tree.project_of("plain/src"), Some(tree.path("plain")));
        let place = find(&tree.path("repo/src"), None);
        assert_eq!(place.project_root, None);
        assert_eq!(place.git.unwrap().git_dir, tree.path("repo/.git"));
    }

    #[test]
    fn shared_files_in_the_users_home_make_no_project() {
        let tree = Tree::new(&["home/.kittify", "home/src"]);
        let home = tree.path("home");
        assert_eq!(find(&tree.path("home/src"), Some(&home)).project_root, None);
        fs::create_dir(tree.path("home/.git")).unwrap();
        let place = find(&tree.path("home/src"), Some(&home));
        assert_eq!(place.project_root, Some(home));
    }

    #[test]
    fn a_git_file_that_makes_no_sense_is_no_checkout() {
        let tree = Tree::new(&["a", "b", "c", "m/.git/modules/sub", "m/sub", "m/.kittify"]);
        fs::write(tree.path("a/.git"), "gitdir:").unwrap();
        fs::write(tree.path("b/.git"), [0xff; 40]).unwrap();
        fs::write(tree.path("c/.git"), vec![b'x'; 2 * MAX_LINK_BYTES]).unwrap();
        // Temporary directories may lie in a checkout.
        let around = find(&tree.path(""), None).git;
        for dir in ["a", "b", "c"] {
            assert_eq!(find(&tree.path(dir), None).git, around, "{dir}");
        }
        fs::write(tree.path("m/sub/.git"), "gitdir: ../.git/modules/sub\n").unwrap();
        assert_eq!(tree.project_of("m/sub"), Some(tree.path("m")));
    }
}
