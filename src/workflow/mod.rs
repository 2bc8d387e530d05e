//! Features, work packages, tasks.md and git: the files of a project.
